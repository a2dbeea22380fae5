// A virtual network and its time line: what was sent arrives late, twice, out
// of order or never.  Knows nothing of what the messages mean.
#pragma once

#include <functional>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/timestamp.h"

namespace extfarm::simulation {

// The same numbers on every platform: std::uniform_* are not specified.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double unit() { return static_cast<double>(engine_() >> 11) / 9007199254740992.0; }
  bool happens(double probability) { return unit() < probability; }
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  Duration between(double low_seconds, double high_seconds) {
    return from_seconds(low_seconds + (high_seconds - low_seconds) * unit());
  }

 private:
  std::mt19937_64 engine_;
};

class TimeLine {
 public:
  Timestamp now() const { return now_; }
  void at(Timestamp time, std::function<void()> what) {
    entries_.push({std::max(time, now_), next_++, std::move(what)});
  }
  void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  // False when nothing is left to happen.
  bool step() {
    if (entries_.empty()) return false;
    auto what = std::move(const_cast<Entry&>(entries_.top()).what);
    now_ = entries_.top().time;
    entries_.pop();
    what();
    return true;
  }

 private:
  struct Entry {
    Timestamp time;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Entry& other) const {
      return std::pair(other.time, other.order) < std::pair(time, order);
    }
  };
  std::priority_queue<Entry> entries_;
  Timestamp now_;
  std::uint64_t next_ = 0;
};

struct LinkQuality {
  double drop = 0, duplicate = 0;
  double shortest_delay_seconds = 0.001, longest_delay_seconds = 0.001;
};

// One machine's link to the coordinator; each direction can be cut alone.
// While the worker is stopped, what reaches it waits.
class Link {
 public:
  bool cut_to_worker = false, cut_to_coordinator = false;

  Link(TimeLine& time, Dice& dice, const LinkQuality& quality)
      : time_(time), dice_(dice), quality_(quality) {}
  void to_worker(std::function<void()> arrive) {
    carry(cut_to_worker, [this, arrive = std::move(arrive)] { when_it_runs(arrive); });
  }
  void to_coordinator(std::function<void()> arrive) { carry(cut_to_coordinator, std::move(arrive)); }

  void stop_worker() { is_stopped_ = true; }
  void continue_worker() {
    is_stopped_ = false;
    for (const auto& what : std::exchange(held_, {})) what();
  }
  // Also for the worker's own timers and processes.
  void when_it_runs(std::function<void()> what) {
    if (is_stopped_)
      held_.push_back(std::move(what));
    else
      what();
  }

 private:
  void carry(const bool& is_cut, std::function<void()> arrive) {
    if (is_cut || dice_.happens(quality_.drop)) return;
    const int copies = dice_.happens(quality_.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      time_.after(dice_.between(quality_.shortest_delay_seconds, quality_.longest_delay_seconds), arrive);
    }
  }
  TimeLine& time_;
  Dice& dice_;
  const LinkQuality& quality_;
  bool is_stopped_ = false;
  std::vector<std::function<void()>> held_;
};

}  // namespace extfarm::simulation
