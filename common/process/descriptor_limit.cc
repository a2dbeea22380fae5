#include "common/process/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace extfarm {
namespace {

constexpr rlim_t kEnough = 65'536;

rlim_t usual = RLIM_INFINITY;  // the process's own at its start; RLIM_INFINITY: it was not raised

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  if (wanted == limit.rlim_cur) return;
  const rlimit raised{wanted, limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) usual = limit.rlim_cur;
}

void restore_descriptor_limit() {
  rlimit limit{};
  if (usual == RLIM_INFINITY || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(usual, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace extfarm
