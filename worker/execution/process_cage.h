// A process tree of its own: whatever the command starts, and wherever it hides,
// ends with it, and with the worker, even one that is killed with -9.  Runs
// between fork and exec; system calls only.
#pragma once

namespace extfarm {

// Of the calling process two copies are made.  The first is the new tree's
// init, which reaps; the second returns 0 and goes on to exec.  The caller
// never returns: it ends as the second ends, by the same exit code or signal.
// Needs unshare(CLONE_NEWPID) first.  Errors: an errno, in the caller.
int enter_process_cage();

}  // namespace extfarm
