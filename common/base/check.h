// FARM_CHECK(condition): a broken invariant ends the process, in release too,
// with the file, the line and the condition on stderr.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FARM_CHECK(condition)                                                                   \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      std::fprintf(stderr, "extfarm: broken invariant at %s:%d: %s\n", __FILE__, __LINE__,      \
                   #condition);                                                                 \
      std::abort();                                                                             \
    }                                                                                           \
  } while (false)
