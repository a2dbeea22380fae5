// How much one command may take.  What a limit stops ends as a failed or killed
// command; no limit is so low that a compile of this world meets it.
#pragma once

#include <cstdint>

namespace extfarm {

struct Limits {
  std::uint64_t memory_bytes = 0;              // of one process; 0: none
  std::uint64_t file_bytes = 8ull << 30;       // twice what a coordinator takes as a result
  std::uint64_t cpu_seconds = 24 * 60 * 60;    // of one process
  // Of all views of a worker together, for other users than root, whom the kernel
  // does not count.  A parallel link has some dozens; a fork bomb has them in a second.
  std::uint64_t process_count = 4096;
  int nice = 0;  // more than this process is
};

// Runs between fork and exec; system calls only.  `counts_processes`: this
// process is in a user namespace of the worker's, so that nobody else's count.
// 0 or errno.
int set_limits(const Limits&, bool counts_processes);

// This process and all that it will start are the first that the kernel ends
// when memory runs out, here or in its control group: a compile is repeated
// elsewhere, nothing else on the machine is.  Where it cannot be said, nothing changes.
void be_killed_first();

// Whether the kernel counts processes by user namespace (since 5.14) and not by user.
bool kernel_counts_by_namespace();

}  // namespace extfarm
