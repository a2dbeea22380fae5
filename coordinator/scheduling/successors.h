// Work that will be ready in a moment: what is behind an action whose command
// has ended, while its outputs are brought home, the front end is told and asks,
// and freshness is looked at.  A slot is kept for it if it matters more than what
// is ready.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/strong_id.h"
#include "common/base/timestamp.h"

namespace extfarm::scheduling {

class Successors {
 public:
  // Expected until then: the chain behind `action`, or `action` itself once it
  // is known; `level_seconds` is the length of the chain.
  void expect(ActionId action, double level_seconds, Timestamp until) {
    forget(action);
    entries_.emplace(action, Entry{level_seconds, until});
    by_level_.emplace(-level_seconds, action);
    by_end_.emplace(until, action);
  }
  // It is there, or never will be.  False: it was not expected.
  bool forget(ActionId action) {
    const auto it = entries_.find(action);
    if (it == entries_.end()) return false;
    by_level_.erase({-it->second.level_seconds, action});
    by_end_.erase({it->second.until, action});
    entries_.erase(it);
    return true;
  }
  void forget_late(Timestamp now) {
    while (!by_end_.empty() && by_end_.begin()->first <= now) forget(by_end_.begin()->second);
  }
  // How many matter more than `level_seconds`; counts no further than `most`.
  std::size_t count_above(double level_seconds, std::size_t most) const {
    std::size_t count = 0;
    for (auto it = by_level_.begin(); it != by_level_.end() && -it->first > level_seconds && count < most; ++it) ++count;
    return count;
  }
  std::optional<Timestamp> first_end() const {
    return by_end_.empty() ? std::nullopt : std::optional(by_end_.begin()->first);
  }

 private:
  struct Entry {
    double level_seconds = 0;
    Timestamp until;
  };
  std::map<ActionId, Entry> entries_;
  std::set<std::pair<double, ActionId>> by_level_;  // the longest first
  std::set<std::pair<Timestamp, ActionId>> by_end_;
};

}  // namespace extfarm::scheduling
