// The actions that could run now, in the order in which they should.  Those
// that ask the same of a worker share a queue, so that when its first finds no
// place the others need not be tried.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "common/base/strong_id.h"
#include "coordinator/scheduling/admission.h"

namespace extfarm::scheduling {

struct QueueKey {
  std::uint32_t toolchain = 0;
  bool is_particular = false;  // each of them rules out workers of its own
  MemoryClass memory = 0;
  auto operator<=>(const QueueKey&) const = default;
};

class ReadyQueue {
 public:
  void insert(const QueueKey& key, double level, ActionId action) {
    queues_[key].emplace(-level, action);
    ++size_;
  }
  void erase(const QueueKey& key, double level, ActionId action) {
    const auto it = queues_.find(key);
    size_ -= it->second.erase({-level, action});
    if (it->second.empty()) queues_.erase(it);
  }
  std::size_t size() const { return size_; }
  // Of a queue that is not empty.
  double highest_level() const {
    double level = 0;
    for (const auto& [key, entries] : queues_) level = std::min(level, entries.begin()->first);
    return -level;
  }
  template <class F>
  void for_each(std::uint32_t toolchain, bool only_particular, F&& f) const {
    for (auto it = queues_.lower_bound({toolchain, only_particular, 0});
         it != queues_.end() && it->first.toolchain == toolchain; ++it) {
      for (const auto& entry : it->second) f(entry.second);
    }
  }

  // One pass over all queues, highest level first.  What was taken may be
  // erased from the queue before the next call.
  class Pass {
   public:
    template <class Wanted>
    Pass(const ReadyQueue& queue, Wanted&& wanted) {
      for (const auto& [key, entries] : queue.queues_) {
        if (wanted(key)) heads_.push({&key, &entries, entries.begin()});
      }
    }
    std::optional<std::pair<ActionId, QueueKey>> take() {
      if (heads_.empty()) return std::nullopt;
      Head head = heads_.top();
      heads_.pop();
      const auto found = std::pair(head.at->second, *head.key);
      is_last_ = ++head.at == head.entries->end();
      current_ = head;
      return found;
    }
    // The rest of the queue that the last one came from takes part again.
    void go_on() {
      if (!is_last_) heads_.push(current_);
    }

   private:
    using Entries = std::set<std::pair<double, ActionId>>;
    struct Head {
      const QueueKey* key = nullptr;
      const Entries* entries = nullptr;
      Entries::const_iterator at;
      bool operator<(const Head& other) const { return *other.at < *at; }
    };
    std::priority_queue<Head> heads_;
    Head current_;
    bool is_last_ = true;
  };

 private:
  std::map<QueueKey, std::set<std::pair<double, ActionId>>> queues_;
  std::size_t size_ = 0;
};

}  // namespace extfarm::scheduling
