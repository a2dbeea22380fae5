// Content hashes (XXH3, 128 bits) and their text form.  Tells accidental
// differences apart; it is not a signature (doc/decisions.md).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace extfarm {

struct Digest {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Digest&) const = default;
  bool is_zero() const { return *this == Digest{}; }
};

Digest digest_of(std::string_view content);

// 32 lower-case hex digits.
std::string to_hex(const Digest&);
// Errors: kMalformed when the text is not 32 hex digits.
Result<Digest> digest_from_hex(std::string_view text);

// Hashes content that arrives in pieces.  `add_field` also hashes the length,
// so that ("ab","c") and ("a","bc") differ.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void add(std::string_view bytes);
  void add_field(std::string_view bytes);
  Digest finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace extfarm

template <>
struct std::hash<extfarm::Digest> {
  std::size_t operator()(const extfarm::Digest& d) const noexcept {
    std::size_t out = 0;
    for (int i = 0; i < 8; ++i) out = out << 8 | d.bytes[i];
    return out;
  }
};
