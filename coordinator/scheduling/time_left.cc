// How long what was submitted will still take.  An estimate from predictions and
// learned speeds: what is not submitted yet is not known here.
#include <algorithm>

#include "coordinator/scheduling/scheduler.h"
#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

std::optional<Scheduler::TimeLeft> Scheduler::time_left(Timestamp now) const {
  State& s = *state_;
  const std::uint64_t unfinished = s.counts.total - s.counts.finished;
  double work = s.graph.unfinished_seconds(), all_speeds = 0, fastest = 0;
  double chain = s.ready.size() == 0 ? 0 : s.ready.highest_level();
  for (const auto& [id, worker] : s.fleet.workers()) {
    const double speed = worker.speed.value();
    if (worker.takes_actions()) {
      all_speeds += speed * worker.slots;
      fastest = std::max(fastest, speed);
    }
    for (const LiveLease& live : worker.live) {
      const Lease& lease = s.at(live.lease);
      const ActionState& action = s.at(lease.action);
      if (live.lease != action.lease) continue;  // a second attempt: its first one counts
      const double ran = live.is_queued ? 0 : std::max(0.0, seconds(now - lease.started_at)) * speed;
      const double done = std::min(ran, s.predict(action));
      work -= done;
      chain = std::max(chain, s.graph.bottom_level_seconds(lease.action) - done);
    }
  }
  if (unfinished == 0 || all_speeds <= 0) return std::nullopt;
  const double left = std::max({0.0, work / all_speeds, chain / fastest});
  return TimeLeft{left, 2 * s.unfinished_guesses > unfinished};
}

}  // namespace extfarm::scheduling
