// What the end of a process means: the command's own verdict, or a mishap of
// this machine.  Reads only the exit and its words.
#pragma once

#include <string>

#include "common/model/outcome.h"
#include "common/process/process_runner.h"

namespace extfarm {

struct ExitVerdict {
  OutcomeClass outcome_class = OutcomeClass::kSucceeded;
  std::string reason;  // for every class but kSucceeded and kCommandFailed
};

ExitVerdict verdict_on(const ProcessExit&);

// Whether a command failed for want of something that it has where nobody
// confines it: a system call, or for a direct command a file beside its output.
bool is_hindered(const ProcessExit&, bool is_direct);

}  // namespace extfarm
