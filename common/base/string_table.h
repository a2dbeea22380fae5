// Distinct strings as small numbers, from 0 in the order in which they came.
// Each is kept once and for good, end to end with the others: hundreds of
// thousands of paths cost little more than their bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace extfarm {

class StringTable {
 public:
  // The number of `text`, and whether it is new.
  std::pair<std::uint32_t, bool> add(std::string_view text);
  std::optional<std::uint32_t> find(std::string_view text) const;
  std::string_view operator[](std::uint32_t number) const { return texts_[number]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(texts_.size()); }

 private:
  // Open addressing; a slot holds a number + 1, or 0.
  std::size_t slot_of(std::string_view text) const;
  void grow();
  std::string_view keep(std::string_view text);

  std::vector<std::uint32_t> slots_;
  std::deque<std::string_view> texts_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;  // in the last block
  std::size_t room_ = 0;  // bytes from there on
};

}  // namespace extfarm
