// What a fuzz target is given: bytes, and a way to make values of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"

// libFuzzer's entry point: judges one input, which it must not keep.  A broken
// property ends the process by FARM_CHECK; so does an exception that leaves it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace extfarm::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The pieces between the bytes `separator`; of an empty text one empty piece.
inline std::vector<std::string> pieces_of(std::string_view text, char separator) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == separator)
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

// Takes values off the front of the bytes; zeros and empty strings once they are used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(text_of(data, size)) {}

  bool is_used_up() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return out;
  }
  // Any number, small ones more often.
  std::uint64_t number() {
    std::uint64_t out = 0;
    for (std::uint8_t left = byte() % 9; left > 0; --left) out = out << 8 | byte();
    return out;
  }
  std::string text() { return std::string(piece()); }
  // Of the bytes themselves.
  std::string_view piece() {
    const std::size_t wanted = byte();  // before what is left is looked at
    const auto out = rest_.substr(0, wanted);
    rest_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace extfarm::fuzz
