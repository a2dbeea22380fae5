// What the end of a process means: the command's own verdict, or a mishap of
// this machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/timestamp.h"
#include "common/model/outcome.h"
#include "common/process/process_runner.h"
#include "common/system/filesystem.h"

namespace extfarm {

struct ExitVerdict {
  OutcomeClass outcome_class = OutcomeClass::kSucceeded;
  std::string reason;  // for every class but kSucceeded and kCommandFailed
};

inline constexpr const char* kDiskIsFull =
    "the disk of the worker's scratch folder is full: make room there, or start the worker with --scratch elsewhere";

// `memory_ran_out`: the kernel has killed something for want of memory meanwhile.
ExitVerdict verdict_on(const ProcessExit&, bool memory_ran_out = false);
// How many processes of this machine the kernel has killed for that, also within
// a control group's limit; 0 where it does not tell (before Linux 4.13).
std::uint64_t kernel_kills(const Filesystem&);

// The same as it was within the last second, for the kernel takes 50 µs to say it.
class RecentKernelKills {
 public:
  std::uint64_t count(const Filesystem&, Timestamp now);

 private:
  std::uint64_t count_ = 0;
  std::optional<Timestamp> looked_at_;
};

// Whether a command failed for want of something that it has where nobody
// confines it: a system call, or for a direct command a file beside its output.
bool is_hindered(const ProcessExit&, bool is_direct);

}  // namespace extfarm
