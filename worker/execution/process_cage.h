// A process tree of its own: whatever the command starts, and wherever it hides,
// ends with it, and with the worker, even one that is killed with -9.
#pragma once

namespace extfarm {

// For the first process of a new PID namespace, its init.  A copy of it returns
// 0 and goes on to exec; init itself never returns: it reaps until the copy has
// ended, writes the copy's wait status to `verdict`, and ends, and with it all
// of the tree.  It also ends with the reader of `verdict`'s pipe and with its
// parent.  Errors: an errno, in init.
int enter_process_cage(int verdict);

}  // namespace extfarm
