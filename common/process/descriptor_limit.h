// How many descriptors this process may have.
#pragma once

namespace extfarm {

// As many as the system lets this process have, up to more than it could need.
// What a ProcessRunner starts has the limit from before: a program that calls select() cannot do with more.
void raise_descriptor_limit();
// For the child, system calls only.
void restore_descriptor_limit();

}  // namespace extfarm
