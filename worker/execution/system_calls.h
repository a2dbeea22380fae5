// System calls that no compiler makes, and that reach out of a view or into the
// kernel: mounts and namespaces, sockets (a daemon's socket is a file that can
// be connected to from any view), keyrings, bpf, io_uring, a terminal's input.
// They fail with EPERM; nothing is killed.
#pragma once

namespace extfarm {

enum class TraceRule { kOwnTreeOnly, kForbidden };  // ptrace: a PID namespace keeps it at home

// For good, also through exec.  Runs between fork and exec, after
// PR_SET_NO_NEW_PRIVS; system calls only.  Where the kernel has no filters it
// does nothing.  0 or errno.
int forbid_system_calls(TraceRule);

// Whether this machine has such filters, and there is one for its processor.
bool can_forbid_system_calls();

}  // namespace extfarm
