// What is done when slots are idle and nothing is ready: leases that wait in a
// worker's queue are taken back, and overdue attempts get a second one.
#include <algorithm>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {
namespace {

constexpr std::size_t kMostLooked = 32;  // at one event

Timestamp overdue_at(const SchedulerPolicy& policy, const Lease& lease) {
  const Duration predicted = from_seconds(lease.predicted_seconds);
  const Duration by_factor = from_seconds(policy.overdue_factor * lease.predicted_seconds);
  return lease.started_at + std::max(by_factor, predicted + policy.overdue_least);
}

}  // namespace

void Scheduler::State::watch(LeaseId id, const Lease& lease) {
  if (policy.backup_share > 0) overdue.emplace(overdue_at(policy, lease), id);
}

void Scheduler::State::unwatch(LeaseId id) { overdue.erase({overdue_at(policy, at(id)), id}); }

// Late binding: what another worker could start at once is not left in a queue.
void Scheduler::State::recall_queued() {
  std::size_t looked = 0;
  std::vector<LeaseId> candidates;
  for (auto it = queued.rbegin(); it != queued.rend() && ready.size() == 0 && looked++ < kMostLooked; ++it) {
    const Lease& lease = at(*it);
    const ActionState& action = at(lease.action);
    const Pool& pool = toolchains[action.toolchain].pool;
    if (action.backup.value != 0 || action.is_particular || !lease.is_listed) continue;
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

void Scheduler::State::take_back(LeaseId id) {
  const Lease lease = at(id);
  revoke(lease.worker, id);
  end_lease(id);
  ++counts.recalled;
  set_phase(lease.action, at(lease.action), Phase::kReady);
}

// The one furthest past its own prediction first.  What hangs would never end
// by itself, so no share of the build bounds that.
void Scheduler::State::start_backups() {
  if (ready.size() > 0) return;
  std::size_t looked = 0;
  for (auto it = overdue.begin(); it != overdue.end() && it->first <= now && looked++ < kMostLooked;) {
    const LeaseId id = it->second;
    ++it;  // a backup takes it out
    const Duration elapsed = now - at(id).started_at;
    const bool is_stuck = elapsed >= policy.stuck_least && seconds(elapsed) >= policy.stuck_factor * at(id).predicted_seconds;
    const double most = std::max(1.0, policy.backup_share * static_cast<double>(counts.total));
    if (!is_stuck && static_cast<double>(counts.backups - counts.stuck + 1) > most) continue;
    const ActionId action_id = at(id).action;
    ActionState& action = at(action_id);
    const Pool& pool = toolchains[action.toolchain].pool;
    const std::uint64_t memory = candidates_for(action_id, action).memory_bytes;
    const auto worker = pool.find_free(memory, at(id).worker);
    if (!worker) continue;
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

// When the next one may be started, if anything is idle then.
std::optional<Timestamp> Scheduler::State::next_backup() const {
  std::optional<Timestamp> next;
  const auto later = overdue.upper_bound({now, LeaseId{~0ull}});
  if (later != overdue.end()) next = later->first;
  // Those that are overdue already could not be helped before; they may be stuck later.
  std::size_t looked = 0;
  for (auto it = overdue.begin(); it != later && looked++ < kMostLooked; ++it) {
    const Lease& lease = leases[it->second.value - 1];
    const Timestamp stuck = lease.started_at + std::max(policy.stuck_least, from_seconds(policy.stuck_factor * lease.predicted_seconds));
    if (stuck > now) next = earlier(next, stuck);
  }
  return next;
}

}  // namespace extfarm::scheduling
