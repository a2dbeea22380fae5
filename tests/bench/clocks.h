// What time it is, and how much processor time has been spent.
#pragma once

#include <sys/resource.h>

#include <chrono>

#include "common/base/timestamp.h"

namespace extfarm::bench {

inline Timestamp now() {
  return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

// User and system, of this process and its threads (RUSAGE_SELF) or of its children that have ended (RUSAGE_CHILDREN).
inline double cpu_seconds(int of_whom = RUSAGE_SELF) {
  rusage usage{};
  ::getrusage(of_whom, &usage);
  const auto to_seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime);
}

}  // namespace extfarm::bench
