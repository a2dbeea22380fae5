// Work that will be ready in a moment: what is behind an action whose command
// has ended, while its outputs are brought home, the front end is told and asks,
// and freshness is looked at.  A slot is kept for it if it matters more than what
// is ready.
#pragma once

#include <cstddef>
#include <deque>
#include <ext/pb_ds/assoc_container.hpp>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/base/strong_id.h"
#include "common/base/timestamp.h"

namespace extfarm::scheduling {

class Successors {
 public:
  // Expected until then: the chain behind `action`, or `action` itself once it
  // is known; `level_seconds` is the length of the chain.  Later calls expect
  // until the same time or a later one.
  void expect(ActionId action, double level_seconds, Timestamp until) {
    const auto [it, is_new] = entries_.try_emplace(action);
    if (!is_new) by_level_.erase({-it->second.level_seconds, action});
    it->second = {level_seconds, until};
    by_level_.insert({-level_seconds, action});
    by_end_.emplace_back(until, action);
    drop_ends();
  }
  // It is there, or never will be.  False: it was not expected.
  bool forget(ActionId action) {
    const auto it = entries_.find(action);
    if (it == entries_.end()) return false;
    by_level_.erase({-it->second.level_seconds, action});
    entries_.erase(it);
    drop_ends();
    return true;
  }
  void forget_late(Timestamp now) {
    drop_ends();
    while (!by_end_.empty() && by_end_.front().first <= now) forget(by_end_.front().second);
  }
  // Whether at least so many matter more than `level_seconds`.
  bool has_above(double level_seconds, std::size_t count) const {
    if (entries_.size() < count) return false;
    return by_level_.order_of_key({-level_seconds, ActionId{}}) >= count;
  }
  std::optional<Timestamp> first_end() const {
    return by_end_.empty() ? std::nullopt : std::optional(by_end_.front().first);
  }

 private:
  // Those at the front that are not expected any more, or until later.
  void drop_ends() {
    while (!by_end_.empty()) {
      const auto it = entries_.find(by_end_.front().second);
      if (it != entries_.end() && it->second.until == by_end_.front().first) return;
      by_end_.pop_front();
    }
  }

  struct Entry {
    double level_seconds = 0;
    Timestamp until;
  };
  using ByLevel = __gnu_pbds::tree<std::pair<double, ActionId>, __gnu_pbds::null_type, std::less<>, __gnu_pbds::rb_tree_tag,
                                   __gnu_pbds::tree_order_statistics_node_update>;
  std::unordered_map<ActionId, Entry> entries_;
  ByLevel by_level_;  // the longest first; each knows how many are before it
  std::deque<std::pair<Timestamp, ActionId>> by_end_;  // the first is expected until then; others may not be
};

}  // namespace extfarm::scheduling
