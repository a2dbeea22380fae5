#include "worker/execution/limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace extfarm {
namespace {

// Never more than is allowed already.  0 or errno.
int lower(__rlimit_resource resource, rlim_t most) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return errno;
  limit.rlim_max = std::min(limit.rlim_max, most);  // RLIM_INFINITY is the largest
  limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  return ::setrlimit(resource, &limit) == 0 ? 0 : errno;
}

}  // namespace

int set_limits(const Limits& limits, bool counts_processes) {
  [[maybe_unused]] const int is = ::nice(limits.nice);  // 19 at most; to be nicer is never refused
  if (const int error = lower(RLIMIT_CORE, 0); error != 0) return error;  // a core would pass for an output
  if (const int error = lower(RLIMIT_FSIZE, limits.file_bytes); error != 0) return error;
  if (const int error = lower(RLIMIT_CPU, limits.cpu_seconds); error != 0) return error;
  if (limits.memory_bytes != 0) {  // what it writes to; mapped files and mere reservations are free
    if (const int error = lower(RLIMIT_DATA, limits.memory_bytes); error != 0) return error;
  }
  return counts_processes ? lower(RLIMIT_NPROC, limits.process_count) : 0;
}

void be_killed_first() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const auto written = ::write(fd, "1000", 4);
  ::close(fd);
}

bool kernel_counts_by_namespace() {
  utsname system{};
  int major = 0, minor = 0;
  if (::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 14);
}

}  // namespace extfarm
