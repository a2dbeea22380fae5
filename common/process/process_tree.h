// Who descends from a process, as /proc tells.  Signals nobody.
#pragma once

#include <vector>

namespace extfarm {

// All processes below `pid`, parents first; without `pid` itself.  Empty where
// the kernel keeps no list of children.
std::vector<int> descendants_of(int pid);

}  // namespace extfarm
