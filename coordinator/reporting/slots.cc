// Which slot each attempt ran in, for who looks at it: a worker has slots, and
// does not say which of them an attempt took.
#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

// An outcome may be heard later than the next one of the same slot began.
constexpr Duration kLatestNews = std::chrono::milliseconds(50);

struct Slots {
  std::size_t count = 0;
  std::vector<Timestamp> free_from;

  // The first that is free, or as good as free when all are taken.
  std::size_t take(Timestamp from) {
    const auto free = std::find_if(free_from.begin(), free_from.end(), [&](Timestamp t) { return t <= from; });
    if (free != free_from.end()) return static_cast<std::size_t>(free - free_from.begin());
    const auto first = std::min_element(free_from.begin(), free_from.end());
    if (free_from.size() >= count && first != free_from.end() && *first - from <= kLatestNews)
      return static_cast<std::size_t>(first - free_from.begin());
    free_from.push_back(from);
    return free_from.size() - 1;
  }
};

}  // namespace

Timestamp start_of(const LoggedAttempt& attempt) { return std::max(attempt.sent, attempt.finished + -attempt.run_time); }

void place_in_slots(BuildLog& log) {
  std::map<std::string_view, Slots> workers;
  for (const auto& worker : log.workers) workers[worker.id].count = worker.slots;
  std::vector<std::size_t> order(log.attempts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return start_of(log.attempts[a]) < start_of(log.attempts[b]); });
  for (const auto i : order) {
    LoggedAttempt& attempt = log.attempts[i];
    Slots& slots = workers[attempt.worker];
    const auto slot = slots.take(start_of(attempt));
    attempt.slot = static_cast<std::uint32_t>(slot);
    attempt.started = std::min(std::max(start_of(attempt), slots.free_from[slot]), attempt.finished);
    slots.free_from[slot] = std::max(slots.free_from[slot], attempt.finished);
  }
}

}  // namespace extfarm::reporting
