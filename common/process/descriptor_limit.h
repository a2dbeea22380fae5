// How many descriptors this process may have open: one for each connection, so
// many.  What a ProcessRunner starts keeps the usual limit, because programs
// that use select() must get no descriptor above 1,023.
#pragma once

#include <cstddef>

namespace extfarm {

// As far as it may be raised, to 65,536 at most.
void raise_descriptor_limit();
// In a forked child: the limit from before.  Safe between fork and exec.
void restore_descriptor_limit();
std::size_t descriptor_limit();

}  // namespace extfarm
