#include "common/process/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace extfarm {
namespace {

constexpr rlim_t kEnough = 65'536;
rlim_t before = 0;  // 0: it was not raised

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (before != 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kEnough);
  if (limit.rlim_cur >= wanted) return;
  before = limit.rlim_cur;
  limit.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) before = 0;
}

void restore_descriptor_limit() {
  rlimit limit{};
  if (before == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(before, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace extfarm
