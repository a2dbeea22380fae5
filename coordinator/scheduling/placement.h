// The workers that may run what needs one toolchain, in the orders in which
// they are looked for.  Knows no action; every question costs O(log workers)
// times the few classes of speed there are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/base/strong_id.h"
#include "common/base/timestamp.h"

namespace extfarm::scheduling {

struct Standing {
  WorkerId worker;
  bool is_local = false;
  int speed_class = 0;
  bool has_free_slot = false, has_queue_room = false;
  std::size_t free_slots = 0;
  double load = 0;  // leases there / slots
  std::uint64_t memory_bytes = 0, free_memory_bytes = 0;
  Timestamp next_free;  // when the first of its slots is expected to be free
  bool operator==(const Standing&) const = default;
};

class Pool {
 public:
  void set(const Standing&);  // replaces what was said of that worker
  void remove(WorkerId);
  bool contains(WorkerId worker) const { return worker.value < by_id_.size() && by_id_[worker.value] != nullptr; }
  const Standing& standing(WorkerId worker) const { return *by_id_[worker.value]; }  // of one that it contains
  bool empty() const { return standings_.empty(); }
  bool has_unequal_hosts() const { return groups_.size() > 1; }
  bool has_local() const { return local_count_ > 0; }
  bool has_free_slot() const { return free_count_ > 0; }
  bool has_room() const { return free_count_ > 0 || !queues_.empty(); }
  std::uint64_t largest_memory_bytes() const { return memories_.empty() ? 0 : *memories_.rbegin(); }
  const std::map<WorkerId, Standing>& standings() const { return standings_; }

  // The emptiest worker of the fastest class that has a free slot and so much
  // memory.  `besides` is left out.
  std::optional<WorkerId> find_free(std::uint64_t memory_bytes, WorkerId besides = {}) const;
  // Of all workers as fast as this one.
  std::size_t free_slots_like(WorkerId worker) const { return groups_.at(standing(worker).speed_class).free_slots; }
  // Of the workers that suit the one whose queue is the shortest for its slots; all slots are taken there.
  std::optional<WorkerId> find_queue(std::uint64_t memory_bytes, const std::function<bool(WorkerId)>& suits) const;
  // Whether a busy worker faster than `speed_class` is expected to end an action
  // of `reference_seconds` before `finish`; `claimed` workers of each class are
  // taken by others, and this one is added to them.
  bool claim_sooner(Timestamp now, int speed_class, double reference_seconds, Timestamp finish,
                    std::map<int, std::size_t>& claimed, Timestamp& look_again) const;
  // The worker with the most memory to spare that has so much in all.
  std::optional<WorkerId> find_roomiest(std::uint64_t memory_bytes) const;

 private:
  template <class Key>
  using Order = std::set<std::pair<Key, WorkerId>>;
  struct Group {  // of one speed class
    Order<double> free;  // by load
    Order<std::uint64_t> free_by_memory;
    Order<Timestamp> busy;  // by when a slot gets free
    std::size_t free_slots = 0;
    bool empty() const { return free.empty() && busy.empty(); }
  };
  std::map<int, Group, std::greater<>> groups_;
  template <class Key>
  static void change(Order<Key>&, WorkerId, const std::optional<Key>& before, const std::optional<Key>& after);
  void change(const Standing& before, const Standing& after);

  Order<double> queues_;  // those with queue room, by load
  Order<std::uint64_t> all_by_memory_;
  std::multiset<std::uint64_t> memories_;
  std::map<WorkerId, Standing> standings_;
  std::vector<Standing*> by_id_;
  std::size_t local_count_ = 0, free_count_ = 0;
};

}  // namespace extfarm::scheduling
