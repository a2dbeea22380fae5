// What the end of a process means: the command's own verdict, or a mishap of
// this machine.
#pragma once

#include <string>

#include "common/model/outcome.h"
#include "common/process/process_runner.h"
#include "common/system/filesystem.h"

namespace extfarm {

struct ExitVerdict {
  OutcomeClass outcome_class = OutcomeClass::kSucceeded;
  std::string reason;  // for every class but kSucceeded and kCommandFailed
};

// `memory_ran_out`: the kernel has killed something for want of memory meanwhile.
ExitVerdict verdict_on(const ProcessExit&, bool memory_ran_out = false);
// How many processes of this machine the kernel has killed for that, also within
// a control group's limit; 0 where it does not tell (before Linux 4.13).
std::uint64_t kernel_kills(const Filesystem&);

// Whether a command failed for want of something that it has where nobody
// confines it: a system call, or for a direct command a file beside its output.
bool is_hindered(const ProcessExit&, bool is_direct);

}  // namespace extfarm
