// How much memory an attempt is given, in steps, so that actions which need
// about the same can share a queue.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace extfarm::scheduling {

using MemoryClass = std::uint16_t;  // 0: nothing is reserved

// Eight steps to each doubling, from 16 MiB: at most 9 % more than was asked for.
inline MemoryClass memory_class_of(double bytes) {
  if (bytes <= 0) return 0;
  const double steps = std::ceil(8 * std::log2(bytes / (16 << 20)) - 1e-9);
  return static_cast<MemoryClass>(std::clamp(steps, 0.0, 255.0) + 1);
}

inline std::uint64_t bytes_of(MemoryClass memory_class) {
  if (memory_class == 0) return 0;
  return static_cast<std::uint64_t>((16 << 20) * std::exp2((memory_class - 1) / 8.0));
}

}  // namespace extfarm::scheduling
