#include "coordinator/scheduling/placement.h"

#include <algorithm>
#include <iterator>

#include "coordinator/scheduling/prediction.h"

namespace extfarm::scheduling {
namespace {

constexpr int kTriesByLoad = 4;  // then the roomiest one is asked, which settles it
constexpr double kWorthWaiting = 0.05;  // of the action: predictions are no better

}  // namespace

// Most of what is said of a worker changes none of these orders, or one.
template <class Key>
void Pool::change(Order<Key>& order, WorkerId worker, const std::optional<Key>& before, const std::optional<Key>& after) {
  if (before == after) return;
  if (before && after) {
    auto node = order.extract({*before, worker});
    node.value().first = *after;
    order.insert(std::move(node));
  } else if (before) {
    order.erase({*before, worker});
  } else {
    order.emplace(*after, worker);
  }
}

void Pool::change(const Standing& before, const Standing& after) {
  const auto if_so = [](bool is_so, const auto& key) { return is_so ? std::optional(key) : std::nullopt; };
  const WorkerId worker = after.worker;
  Group& group = groups_.find(after.speed_class)->second;
  change(all_by_memory_, worker, std::optional(before.free_memory_bytes), std::optional(after.free_memory_bytes));
  change(group.free, worker, if_so(before.has_free_slot, before.load), if_so(after.has_free_slot, after.load));
  change(group.free_by_memory, worker, if_so(before.has_free_slot, before.free_memory_bytes),
         if_so(after.has_free_slot, after.free_memory_bytes));
  change(group.busy, worker, if_so(!before.has_free_slot, before.next_free), if_so(!after.has_free_slot, after.next_free));
  change(queues_, worker, if_so(!before.has_free_slot && before.has_queue_room, before.load),
         if_so(!after.has_free_slot && after.has_queue_room, after.load));
  group.free_slots += after.free_slots - before.free_slots;
  free_count_ += static_cast<std::size_t>(after.has_free_slot) - static_cast<std::size_t>(before.has_free_slot);
}

void Pool::set(const Standing& s) {
  if (by_id_.size() <= s.worker.value) by_id_.resize(s.worker.value + 1);
  if (const Standing* before = by_id_[s.worker.value]) {
    const bool is_alike = before->speed_class == s.speed_class && before->memory_bytes == s.memory_bytes &&
                          before->is_local == s.is_local;
    if (is_alike) {
      change(*before, s);
      *by_id_[s.worker.value] = s;
      return;
    }
    remove(s.worker);
  }
  by_id_[s.worker.value] = &standings_.emplace(s.worker, s).first->second;
  local_count_ += s.is_local;
  memories_.insert(s.memory_bytes);
  all_by_memory_.emplace(s.free_memory_bytes, s.worker);
  Group& group = groups_[s.speed_class];
  if (s.has_free_slot) {
    ++free_count_;
    group.free_slots += s.free_slots;
    group.free.emplace(s.load, s.worker);
    group.free_by_memory.emplace(s.free_memory_bytes, s.worker);
  } else {
    group.busy.emplace(s.next_free, s.worker);
    if (s.has_queue_room) queues_.emplace(s.load, s.worker);
  }
}

void Pool::remove(WorkerId worker) {
  if (!contains(worker)) return;
  const Standing s = standing(worker);
  local_count_ -= s.is_local;
  memories_.erase(memories_.find(s.memory_bytes));
  all_by_memory_.erase({s.free_memory_bytes, worker});
  const auto group = groups_.find(s.speed_class);
  if (s.has_free_slot) {
    --free_count_;
    group->second.free_slots -= s.free_slots;
    group->second.free.erase({s.load, worker});
    group->second.free_by_memory.erase({s.free_memory_bytes, worker});
  } else {
    group->second.busy.erase({s.next_free, worker});
    if (s.has_queue_room) queues_.erase({s.load, worker});
  }
  if (group->second.empty()) groups_.erase(group);
  by_id_[worker.value] = nullptr;
  standings_.erase(worker);
}

std::optional<WorkerId> Pool::find_free(std::uint64_t memory_bytes, WorkerId besides) const {
  for (const auto& [speed_class, group] : groups_) {
    int tries = kTriesByLoad;
    for (auto it = group.free.begin(); it != group.free.end() && tries-- > 0; ++it) {
      if (it->second != besides && standing(it->second).free_memory_bytes >= memory_bytes) return it->second;
    }
    for (auto it = group.free_by_memory.rbegin(); it != group.free_by_memory.rend(); ++it) {
      if (it->first < memory_bytes) break;
      if (it->second != besides) return it->second;
    }
  }
  return std::nullopt;
}

std::optional<WorkerId> Pool::find_queue(std::uint64_t memory_bytes, const std::function<bool(WorkerId)>& suits) const {
  int tries = kTriesByLoad;
  for (auto it = queues_.begin(); it != queues_.end() && tries-- > 0; ++it) {
    if (standing(it->second).free_memory_bytes >= memory_bytes && suits(it->second)) return it->second;
  }
  return std::nullopt;
}

bool Pool::claim_sooner(Timestamp now, int speed_class, double reference_seconds, Timestamp finish,
                        std::map<int, std::size_t>& claimed, Timestamp& look_again) const {
  for (const auto& [faster, group] : groups_) {
    if (faster <= speed_class) return false;
    const auto taken = claimed.find(faster);
    const std::size_t skip = taken == claimed.end() ? 0 : taken->second;
    if (group.busy.size() <= skip) continue;
    const Timestamp expected = std::next(group.busy.begin(), static_cast<std::ptrdiff_t>(skip))->first;
    // What is overdue is expected to take as long again as it is overdue.
    const Timestamp free = expected < now ? now + (now - expected) : expected;
    const Timestamp there = free + from_seconds(reference_seconds / speed_of_class(faster));
    if (finish - there <= from_seconds(kWorthWaiting * reference_seconds)) continue;
    ++claimed[faster];
    look_again = std::max(free, now + std::chrono::milliseconds(1));
    return true;
  }
  return false;
}

std::optional<WorkerId> Pool::find_roomiest(std::uint64_t memory_bytes) const {
  for (auto it = all_by_memory_.rbegin(); it != all_by_memory_.rend(); ++it) {
    if (standing(it->second).memory_bytes >= memory_bytes) return it->second;
  }
  return std::nullopt;
}

}  // namespace extfarm::scheduling
