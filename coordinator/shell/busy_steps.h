// Which of a command's processes keep this host busy, as the kernel's list of them tells.
#pragma once

#include <cstddef>
#include <string>

namespace extfarm {

// The descendants of `pid` that wait neither for a child of their own nor, as
// `launcher` (a path without links) does, for the farm.  0 where the kernel has no such list.
std::size_t busy_step_count(int pid, const std::string& launcher);

}  // namespace extfarm
