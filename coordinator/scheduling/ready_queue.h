// The actions that could run now, in the order in which they should.  Those
// that ask the same of a worker share a queue, so that when its first finds no
// place the others need not be tried.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/strong_id.h"
#include "coordinator/scheduling/admission.h"
#include "coordinator/scheduling/indexed_heap.h"

namespace extfarm::scheduling {

struct QueueKey {
  std::uint32_t toolchain = 0;
  bool is_particular = false;  // each of them rules out workers of its own
  MemoryClass memory = 0;
  bool is_short = false;  // none of those waits for what matters more
  auto operator<=>(const QueueKey&) const = default;
};

class ReadyQueue {
  using Queue = IndexedHeap<double, ActionId>;  // by -level

 public:
  void insert(const QueueKey& key, double level, ActionId action) {
    queues_.try_emplace(key, positions_).first->second.insert(-level, action);
    ++size_;
  }
  // Of an action that is in it under that key, as for move().
  void erase(const QueueKey& key, ActionId action) { size_ -= queues_.at(key).erase(action); }
  void move(const QueueKey& key, double level, ActionId action) { queues_.at(key).move(action, -level); }
  std::size_t size() const { return size_; }
  // Of a queue that is not empty.
  double highest_level() const {
    double level = 0;
    for (const auto& [key, queue] : queues_) {
      if (!queue.empty()) level = std::min(level, queue.top().first);
    }
    return -level;
  }
  // In no order.
  template <class F>
  void for_each(std::uint32_t toolchain, bool only_particular, F&& f) const {
    for (auto it = queues_.lower_bound({toolchain, only_particular, 0});
         it != queues_.end() && it->first.toolchain == toolchain; ++it) {
      for (const auto& entry : it->second.entries()) f(entry.second);
    }
  }

  // One pass over all queues, highest level first.  What was taken may be
  // erased from the queue before the next call; otherwise it is out of it until
  // the pass ends, so that the queue is asked nothing else meanwhile.
  class Pass {
   public:
    template <class Wanted>
    Pass(ReadyQueue& all, Wanted&& wanted) {
      for (auto it = all.queues_.begin(); it != all.queues_.end();) {
        if (it->second.empty()) {
          it = all.queues_.erase(it);
          continue;
        }
        if (wanted(it->first)) push({it->second.top(), &it->first, &it->second});
        ++it;
      }
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      for (const Head& left : left_) left.queue->insert(left.entry.first, left.entry.second);
    }
    std::optional<std::pair<ActionId, QueueKey>> take() {
      if (heads_.empty()) return std::nullopt;
      std::pop_heap(heads_.begin(), heads_.end());
      current_ = heads_.back();
      heads_.pop_back();
      return std::pair(current_.entry.second, *current_.key);
    }
    // The rest of the queue that the last one came from takes part again.
    void go_on() {
      if (current_.queue->erase(current_.entry.second)) left_.push_back(current_);
      if (!current_.queue->empty()) push({current_.queue->top(), current_.key, current_.queue});
    }

   private:
    struct Head {
      Queue::Entry entry;
      const QueueKey* key = nullptr;
      Queue* queue = nullptr;
      bool operator<(const Head& other) const { return other.entry < entry; }
    };
    void push(const Head& head) {
      heads_.push_back(head);
      std::push_heap(heads_.begin(), heads_.end());
    }
    std::vector<Head> heads_, left_;  // heads_: a heap
    Head current_;
  };

 private:
  HeapPositions<ActionId> positions_;
  std::map<QueueKey, Queue> queues_;
  std::size_t size_ = 0;
};

}  // namespace extfarm::scheduling
