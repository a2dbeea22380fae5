// A number of bytes, so that no bare integer has to say its unit.
#pragma once

#include <compare>
#include <cstdint>

namespace extfarm {

struct ByteCount {
  std::uint64_t value = 0;
  auto operator<=>(const ByteCount&) const = default;
};

constexpr ByteCount operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr ByteCount operator""_MiB(unsigned long long n) { return {n << 20}; }

}  // namespace extfarm
