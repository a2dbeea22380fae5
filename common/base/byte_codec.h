// Values as bytes: little-endian base-128 numbers ("varint"), strings and lists
// with their length before them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/digest.h"

namespace extfarm {

class ByteWriter {
 public:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void text(std::string_view bytes) {
    number(bytes.size());
    out_ += bytes;
  }
  void fixed(const void* bytes, std::size_t size) { out_.append(static_cast<const char*>(bytes), size); }
  // Ascending numbers: how many, then by how much each is above the one before.
  void ascending(const std::vector<std::uint32_t>& numbers) {
    number(numbers.size());
    std::uint32_t last = 0;
    for (const auto value : numbers) number(value - std::exchange(last, value));
  }
  void digest(const Digest& digest) { fixed(digest.bytes.data(), digest.bytes.size()); }
  std::size_t size() const { return out_.size(); }
  // All since the last take().
  std::string take() { return std::exchange(out_, {}); }

 private:
  std::string out_;
};

// Reads nothing beyond the end: zeros and empty strings come then, and is_done() stays false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  std::string text() {
    const auto size = number();
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return out;
  }
  void fixed(void* bytes, std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      return;
    }
    std::memcpy(bytes, rest_.data(), size);
    rest_.remove_prefix(size);
  }
  std::vector<std::uint32_t> ascending() {
    std::vector<std::uint32_t> out(count(1));
    std::uint32_t last = 0;
    for (auto& value : out) {
      const auto difference = number();
      if (difference > 0xffffffffu - last) {
        ok_ = false;
        return {};
      }
      value = last += static_cast<std::uint32_t>(difference);
    }
    return out;
  }
  Digest digest() {
    Digest out;
    fixed(out.bytes.data(), out.bytes.size());
    return out;
  }
  // The length of a list whose items take at least `item_size` bytes each.
  std::size_t count(std::size_t item_size) {
    const auto size = number();
    if (size <= rest_.size() / item_size) return size;
    ok_ = false;
    return 0;
  }
  bool is_done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace extfarm
