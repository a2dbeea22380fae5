// A process tree of its own: whatever the command starts, and wherever it hides,
// ends with it, and with the worker, even one that is killed with -9.
#pragma once

#include "common/process/launch.h"

namespace extfarm {

// For the first process of a new PID namespace, its init, which never returns:
// starts the command, reaps until that has ended, writes its wait status to
// `verdict`, and ends, and with it all of the tree.  It also ends with the reader
// of `verdict`'s pipe and with its parent.  Errors go to `ends.status`.
[[noreturn]] void run_in_cage(const Launch&, const ChildEnds& ends, int verdict);

}  // namespace extfarm
