// Whole numbers in JSON.  The library's own conversion turns -1, 1.5, true and
// 2^32 into some number; here only what the type holds is one.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace extfarm {

// The value of a nlohmann::json (which this room does not see).  Throws
// std::invalid_argument when it is no whole number from 0 to the largest T.
template <class T, class Json>
T whole_number(const Json& value) {
  static_assert(std::is_unsigned_v<T>);
  if (!value.is_number_unsigned()) throw std::invalid_argument("a whole number, not below 0, is expected");
  const auto number = value.template get<std::uint64_t>();
  if (number > std::numeric_limits<T>::max())
    throw std::invalid_argument("the number " + std::to_string(number) + " is too large");
  return static_cast<T>(number);
}

}  // namespace extfarm
