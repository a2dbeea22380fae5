// Lets a command write below one folder only, without namespaces (Landlock,
// Linux 5.13): for the direct mode, whose commands see the tree itself.
#pragma once

#include <string>

namespace extfarm {

// For good, also through exec, and no process outside can be traced or, since
// Linux 6.12, signalled.  Runs between fork and exec, after
// PR_SET_NO_NEW_PRIVS; system calls only.  Where the kernel has no Landlock it
// does nothing.  0 or errno.
int fence_writes(const std::string& folder);

bool can_fence_writes();

}  // namespace extfarm
