// Second attempts at what is overdue, and leases that are taken back from the
// queue of a worker when another could start them at once.
#include <algorithm>
#include <functional>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {
namespace {

constexpr std::size_t kMostLooked = 32;  // at one event
// Of what an action is predicted to take where it runs.
constexpr double kJustBegun = 0.25, kWorthBeginningAgain = 0.2;

Timestamp overdue_at(const SchedulerPolicy& policy, const Lease& lease) {
  const double factor = lease.is_guess ? policy.overdue_factor_of_guesses : policy.overdue_factor;
  const double predicted = lease.predicted_seconds;
  return lease.started_at + std::max(from_seconds(factor * predicted), from_seconds(predicted) + policy.overdue_least);
}

}  // namespace

void Scheduler::State::watch(LeaseId id, const Lease& lease) {
  if (policy.backup_share <= 0) return;
  if (lease.is_overdue)
    overdue.emplace(overdue_at(policy, lease), id);
  else
    soon_overdue.insert(overdue_at(policy, lease), id);
}

void Scheduler::State::unwatch(LeaseId id) {
  if (!soon_overdue.erase(id) && !overdue.empty()) overdue.erase({overdue_at(policy, at(id)), id});
}

// Where several are overdue at one time and nothing has ended since they began,
// it is the host: all it runs are overdue.
void Scheduler::State::note_overdue() {
  while (!soon_overdue.empty() && soon_overdue.top().first <= now) {
    const LeaseId id = soon_overdue.top().second;
    Lease& lease = at(id);
    overdue.insert(soon_overdue.top());
    soon_overdue.erase(id);
    lease.is_overdue = lease.counts_as_overdue = true;
    WorkerState& worker = *fleet.find(lease.worker);
    if (++worker.overdue_count < policy.overdue_of_sick || worker.last_outcome > lease.started_at) continue;
    for (const LiveLease& live : worker.live) {
      if (!soon_overdue.erase(live.lease)) continue;
      at(live.lease).is_overdue = true;
      overdue.emplace(overdue_at(policy, at(live.lease)), live.lease);
    }
  }
}

// Late binding: what another worker could start at once is not left in a queue.
void Scheduler::State::recall_queued() {
  std::size_t looked = 0;
  std::vector<LeaseId> candidates;
  for (auto it = queued.rbegin(); it != queued.rend() && ready.size() == 0 && looked++ < kMostLooked; ++it) {
    const Lease& lease = at(*it);
    const ActionState& action = at(lease.action);
    const Pool& pool = toolchains[action.toolchain].pool;
    if (action.has_backup || action.is_particular || !fleet.find(lease.worker)->find(*it)->is_listed()) continue;
    if (pool.find_free(candidates_for(lease.action, action).memory_bytes, lease.worker)) candidates.push_back(*it);
  }
  for (const LeaseId id : candidates) {
    const ActionState& action = at(at(id).action);
    const Pool& pool = toolchains[action.toolchain].pool;
    if (!pool.find_free(candidates_for(at(id).action, action).memory_bytes, at(id).worker)) continue;
    take_back(id);
    dispatch();
  }
}

// Who comes first gets the longest chains, however slow it is: a laptop's own
// worker is there before all others.
void Scheduler::State::call_to_newcomers() {
  for (const WorkerId id : std::exchange(newcomers, {})) {
    const WorkerState* worker = fleet.find(id);
    if (worker != nullptr && worker->takes_actions()) call_to(*worker);
  }
}

// What has just begun on slower hosts, if it would end there so much later.
void Scheduler::State::call_to(const WorkerState& newcomer) {
  std::vector<std::pair<double, LeaseId>> candidates;  // by level
  const int speed_class = newcomer.speed.speed_class();
  for (const auto& [id, worker] : fleet.workers()) {
    if (worker.speed.speed_class() >= speed_class) continue;
    for (const LiveLease& live : worker.live) {
      const Lease& lease = at(live.lease);
      const ActionState& action = at(lease.action);
      const double level = level_of(lease.action);
      if (live.is_queued || action.has_backup || action.is_particular || !newcomer.has(toolchains[action.toolchain].digest)) continue;
      if (ready.size() > 0 && level <= ready.highest_level()) continue;  // that would take the slot
      const Duration there = from_seconds(lease.predicted_seconds);
      const Timestamp end_here = now + from_seconds(predict(action) / newcomer.speed.value());
      const bool has_just_begun = seconds(now - lease.started_at) <= kJustBegun * seconds(there);
      if (has_just_begun && seconds(live.expected_end - end_here) >= kWorthBeginningAgain * seconds(there))
        candidates.emplace_back(level, live.lease);
    }
  }
  std::sort(candidates.begin(), candidates.end(), std::greater<>());
  if (candidates.size() > newcomer.slots) candidates.resize(newcomer.slots);
  for (const auto& [level, lease] : candidates) take_back(lease);
}

void Scheduler::State::take_back(LeaseId id) {
  const Lease lease = at(id);
  revoke(lease.worker, id);
  end_lease(id);
  ++counts.recalled;
  set_phase(lease.action, at(lease.action), Phase::kReady);
}

// The one furthest past its own prediction first; while something is ready,
// only what is more urgent than that.  What hangs would never end by itself, so
// no share of the build bounds that.
void Scheduler::State::start_backups() {
  std::size_t looked = 0;
  for (auto it = overdue.begin(); it != overdue.end() && looked++ < kMostLooked;) {
    const LeaseId id = it->second;
    ++it;  // a backup takes it out
    const ActionId action_id = at(id).action;
    ActionState& action = at(action_id);
    if (ready.size() > 0 && level_of(action_id) <= ready.highest_level()) continue;
    const Duration elapsed = now - at(id).started_at;
    const bool is_stuck =
        elapsed >= policy.stuck_least && seconds(elapsed) >= policy.stuck_factor * double{at(id).predicted_seconds};
    const double most = std::max(1.0, policy.backup_share * static_cast<double>(counts.total));
    if (!is_stuck && static_cast<double>(counts.backups - counts.stuck + 1) > most) continue;
    const Pool& pool = toolchains[action.toolchain].pool;
    const std::uint64_t memory = candidates_for(action_id, action).memory_bytes;
    const auto worker = pool.find_free(memory, at(id).worker);
    if (!worker || fleet.find(*worker)->overdue_count >= policy.overdue_of_sick) continue;
    const auto trouble = troubles.find(action_id);
    if (trouble != troubles.end() && (!is_capable(&trouble->second, pool.standing(*worker)) ||
                                      trouble->second.failures_at.contains(*worker))) {
      continue;
    }
    ++counts.backups;
    counts.stuck += is_stuck;
    unwatch(id);
    begin_lease(action_id, action, *worker, memory, true);
  }
}

// When the next one may be started, if a slot is free then.
std::optional<Timestamp> Scheduler::State::next_backup() const {
  std::optional<Timestamp> next;
  if (!soon_overdue.empty()) next = soon_overdue.top().first;
  // What is overdue already could not be helped before; it may be stuck later.
  std::size_t looked = 0;
  for (auto it = overdue.begin(); it != overdue.end() && looked++ < kMostLooked; ++it) {
    const Lease& lease = leases[it->second.value - 1];
    const Duration factor = from_seconds(policy.stuck_factor * double{lease.predicted_seconds});
    const Timestamp stuck = lease.started_at + std::max(policy.stuck_least, factor);
    if (stuck > now) next = earlier(next, stuck);
  }
  return next;
}

}  // namespace extfarm::scheduling
