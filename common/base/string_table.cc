#include "common/base/string_table.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace extfarm {
namespace {

constexpr std::size_t kBlockBytes = 1 << 16, kFirstSlots = 64;

}  // namespace

std::size_t StringTable::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(text) & mask;
  while (slots_[slot] != 0 && texts_[slots_[slot] - 1] != text) slot = (slot + 1) & mask;
  return slot;
}

// At most two thirds of the slots are taken.
void StringTable::grow() {
  if (3 * (texts_.size() + 1) <= 2 * slots_.size()) return;
  slots_.assign(std::max(kFirstSlots, 2 * slots_.size()), 0);
  for (std::uint32_t i = 0; i < size(); ++i) slots_[slot_of(texts_[i])] = i + 1;
}

std::string_view StringTable::keep(std::string_view text) {
  if (text.size() > room_) {
    room_ = std::max(kBlockBytes, text.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(room_));
    // The rest of the block before is lost: a path's length, now and then.
    free_ = blocks_.back().get();
  }
  char* const begin = free_;
  if (!text.empty()) std::memcpy(begin, text.data(), text.size());
  free_ += text.size();
  room_ -= text.size();
  return {begin, text.size()};
}

std::pair<std::uint32_t, bool> StringTable::add(std::string_view text) {
  grow();
  const std::size_t slot = slot_of(text);
  if (slots_[slot] != 0) return {slots_[slot] - 1, false};
  texts_.push_back(keep(text));
  slots_[slot] = size();
  return {size() - 1, true};
}

std::optional<std::uint32_t> StringTable::find(std::string_view text) const {
  if (slots_.empty()) return std::nullopt;
  const std::size_t slot = slot_of(text);
  if (slots_[slot] == 0) return std::nullopt;
  return slots_[slot] - 1;
}

}  // namespace extfarm
