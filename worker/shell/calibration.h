// How fast this machine is, for a first guess before it has compiled anything.
#pragma once

#include <cstdint>

namespace extfarm {

// How often in a second of processor time one core does a fixed piece of work
// that is made of what a compiler does: small allocations, words compared, tables
// searched.  Takes about 10 ms.
std::uint64_t measure_speed();

}  // namespace extfarm
