// How attempts begin and end, and with the last of them the action: retried
// elsewhere, or answered once.
#include <algorithm>

#include "common/base/check.h"
#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

ActionState* Scheduler::State::find(ActionId id) {
  if (id.value >= actions.size() || actions[id.value].phase == Phase::kUnknown) return nullptr;
  return &actions[id.value];
}

Lease* Scheduler::State::find(LeaseId id) {
  return id.value == 0 || id.value > leases.size() ? nullptr : &leases[id.value - 1];
}

bool Scheduler::State::is_current(LeaseId id, WorkerId worker) {
  const Lease* lease = find(id);
  if (lease == nullptr || lease->worker != worker) return false;
  const ActionState& action = at(lease->action);
  return lease->is_live || (action.phase == Phase::kPublishing && action.lease == id);
}

ActionState* Scheduler::State::publishing_action(LeaseId id) {
  const Lease* lease = find(id);
  if (lease == nullptr) return nullptr;
  ActionState& action = at(lease->action);
  return action.phase == Phase::kPublishing && action.lease == id ? &action : nullptr;
}

// The only place where a phase changes, and with it the queue.
void Scheduler::State::set_phase(ActionId id, ActionState& action, Phase next) {
  FARM_CHECK(action.phase != Phase::kAnswered);
  if (action.phase == Phase::kReady) {
    ready.erase(key_of(action), id);
    stop_waiting(id, action);
    if (kept && kept->first == id) stop_keeping_memory();
  }
  if (action.phase == Phase::kChecking) successors.forget(id);
  if (action.phase == Phase::kRunning) --counts.running;
  action.phase = next;
  if (next == Phase::kRunning) ++counts.running;
  if (next != Phase::kReady) return;
  const auto trouble = troubles.find(id);
  action.is_particular = trouble != troubles.end() && (trouble->second.only_local || !trouble->second.excluded.empty() ||
                                                       !trouble->second.failures_at.empty());
  action.memory = memory_needed(action);
  action.is_short = from_seconds(predict(action)) < policy.successor_patience;
  action.ready_since = now;
  action.memory_clock = memory_clock + (memory_clock_from ? now - *memory_clock_from : Duration{0});
  ready.insert(key_of(action), level_of(id), id);
  review(id, action);
}

// Its bottom level has changed.
void Scheduler::State::requeue(ActionId id, ActionState& action) {
  ready.move(key_of(action), level_of(id), id);
}

// To a worker that is lost for good it would reach nobody.
void Scheduler::State::revoke(WorkerId worker, LeaseId lease) {
  const WorkerState* state = fleet.find(worker);
  if (state == nullptr) return;
  const bool runs = find(lease) != nullptr && at(lease).is_live && !queued.contains(lease);
  commands.push_back(RevokeLease{worker, lease, runs ? now - at(lease).started_at : Duration{0}});
}

void Scheduler::State::begin_lease(ActionId id, ActionState& action, WorkerId worker_id,
                                   std::uint64_t memory_bytes, bool is_backup) {
  WorkerState& worker = *fleet.find(worker_id);
  const LeaseId lease_id{leases.size() + 1};
  Lease lease{id, worker_id, now, now};
  lease.is_live = true;
  lease.is_guess = action.is_guess;
  lease.predicted_seconds = static_cast<float>(predict(action) / worker.speed.value());
  lease.memory = memory_class_of(static_cast<double>(memory_bytes));
  worker.reserved_bytes += bytes_of(lease.memory);
  const bool is_queued = worker.live.size() >= worker.slots;
  lease.had_slot = !is_queued;
  leases.push_back(lease);
  worker.live.push_back({lease_id, now, now + from_seconds(lease.predicted_seconds), 0, is_queued});
  const Duration clock = memory_clock + (memory_clock_from ? now - *memory_clock_from : Duration{0});
  commands.push_back(SendAction{worker_id, lease_id, id, is_backup, is_backup ? now : action.ready_since,
                                is_backup ? Duration{0} : clock - action.memory_clock});
  if (is_queued)
    queued.insert(lease_id);
  else if (!is_backup)
    watch(lease_id, lease);
  if (is_backup) {
    backups[id] = lease_id;
    action.has_backup = true;
  } else {
    action.lease = lease_id;
    set_phase(id, action, Phase::kRunning);
  }
  ++sent_count;
  refresh(worker_id);
}

// It has left the worker's queue.
void Scheduler::State::note_start(LiveLease& live) {
  Lease& lease = at(live.lease);
  live.is_queued = false;
  lease.started_at = now;
  live.expected_end = now + from_seconds(lease.predicted_seconds);
  queued.erase(live.lease);
  if (!at(lease.action).has_backup) watch(live.lease, lease);
}

void Scheduler::State::end_lease(LeaseId id) {
  Lease& lease = at(id);
  if (!std::exchange(lease.is_live, false)) return;
  queued.erase(id);
  unwatch(id);
  WorkerState* worker = fleet.find(lease.worker);
  if (worker == nullptr) return;
  worker->erase(id);
  worker->overdue_count -= std::exchange(lease.counts_as_overdue, false);
  worker->reserved_bytes -= bytes_of(lease.memory);
  refresh(lease.worker);
}

// Whether another attempt at `action` goes on now that `ended` has; that one is
// then its only one.
bool Scheduler::State::runs_elsewhere(ActionId id, ActionState& action, LeaseId ended) {
  if (!action.has_backup) return false;
  const LeaseId backup = take_backup(id, action);
  if (action.lease == ended) action.lease = backup;
  if (!at(action.lease).is_live) return false;
  const LiveLease* live = fleet.find(at(action.lease).worker)->find(action.lease);
  if (!live->is_queued) watch(action.lease, at(action.lease));
  return true;
}

LeaseId Scheduler::State::backup_of(ActionId id, const ActionState& action) const {
  return action.has_backup ? backups.at(id) : LeaseId{};
}

LeaseId Scheduler::State::take_backup(ActionId id, ActionState& action) {
  const LeaseId backup = backup_of(id, action);
  if (action.has_backup) backups.erase(id);
  action.has_backup = false;
  return backup;
}

void Scheduler::State::check_freshness(ActionId id, bool is_expected) {
  set_phase(id, at(id), Phase::kChecking);
  // Of those that are looked at together, the first that is ready should not take the last slot.
  const Pool& pool = toolchains[at(id).toolchain].pool;
  if (is_expected || pool.empty() || pool.has_free_slot()) expect(id, level_of(id));
  commands.push_back(CheckFreshness{id});
}

void Scheduler::State::retry(ActionId id, ActionState& action) {
  ++counts.retried;
  set_phase(id, action, Phase::kReady);
}

void Scheduler::State::retry_after_infrastructure(ActionId id, ActionState& action, LeaseId ended,
                                                  const std::string& reason) {
  end_lease(ended);
  Trouble& trouble = troubles[id];
  trouble.last_failure = reason;
  ++trouble.failures_at[at(ended).worker];
  ++trouble.infrastructure_count;
  if (runs_elsewhere(id, action, ended)) return;
  if (trouble.infrastructure_count < policy.infrastructure_attempts) return retry(id, action);
  answer(id, Answer::kRunLocally, {},
         std::to_string(trouble.infrastructure_count) +
             " attempts on workers failed, the last because: " + reason);
}

// Nobody's fault: no worker is doubted for it, and none is left out.
void Scheduler::State::retry_after_give_back(ActionId id, ActionState& action, LeaseId ended, const std::string& reason) {
  end_lease(ended);
  fleet.take_slots_back(at(ended).worker);
  refresh(at(ended).worker);
  Trouble& trouble = troubles[id];
  trouble.last_failure = reason;
  ++trouble.given_back_count;
  if (runs_elsewhere(id, action, ended)) return;
  if (trouble.given_back_count < policy.given_back_attempts) return retry(id, action);
  answer(id, Answer::kRunLocally, {},
         "workers gave it back " + std::to_string(trouble.given_back_count) + " times, the last because: " + reason);
}

void Scheduler::State::retry_after_difference(ActionId id, ActionState& action, LeaseId ended,
                                              const std::string& reason) {
  end_lease(ended);
  const WorkerId worker = at(ended).worker;
  ++counts.inputs_differ;
  suspect(id, at(ended));
  Trouble& trouble = troubles[id];
  trouble.last_failure = reason;
  trouble.excluded.insert(worker);
  const WorkerState* state = fleet.find(worker);
  const bool differs_here = state != nullptr && state->is_local;
  if (++trouble.inputs_differ_count >= policy.inputs_differ_attempts) trouble.only_local = true;
  if (runs_elsewhere(id, action, ended)) return;
  if (differs_here || !may_be_taken(id, action)) {
    return answer(id, Answer::kRunLocally, {}, "workers saw other inputs than this host: " + reason);
  }
  retry(id, action);
}

// Waiting for a worker that may come would only delay what this host can do at once.
void Scheduler::State::retry_if_anybody_may(ActionId id, ActionState& action, LeaseId ended, const std::string& reason) {
  troubles[id].last_failure = reason;
  if (runs_elsewhere(id, action, ended)) return;
  if (!may_be_taken(id, action)) return answer(id, Answer::kRunLocally, {}, reason);
  retry(id, action);
}

// Whether some worker that is there has, or may still say that it has, what the action needs.
bool Scheduler::State::may_be_taken(ActionId id, const ActionState& action) {
  const Trouble& trouble = troubles[id];
  const Digest& toolchain = toolchains[action.toolchain].digest;
  const auto& workers = fleet.workers();
  return std::any_of(workers.begin(), workers.end(), [&](const auto& candidate) {
    const auto& [worker, state] = candidate;
    const auto known = state.toolchains.find(toolchain);
    const bool lacks_it = known != state.toolchains.end() && known->second.has_it == false;
    return !state.is_silent && !lacks_it && !trouble.excluded.contains(worker) &&
           (!trouble.only_local || state.is_local);
  });
}

void Scheduler::State::retry_leases_of(WorkerId worker, const std::string& reason) {
  const std::vector<LiveLease> live = fleet.find(worker)->live;
  for (const LiveLease& lease : live) {
    const ActionId id = at(lease.lease).action;
    revoke(worker, lease.lease);  // it may hear, even when we do not hear it
    retry_after_infrastructure(id, at(id), lease.lease, reason);
  }
}

void Scheduler::State::answer(ActionId id, Answer kind, LeaseId lease, const std::string& reason) {
  ActionState& action = at(id);
  set_phase(id, action, Phase::kAnswered);
  if (kind == Answer::kBuilt)
    expect_successor(id);  // from now on the front end may ask
  else
    successors.forget(id);
  action.answer = kind;
  troubles.erase(id);
  const auto wanted = toolchains_wanted.find(toolchains[action.toolchain].digest);
  if (--wanted->second == 0) toolchains_wanted.erase(wanted);
  ++counts.finished;
  unfinished_guesses -= action.is_guess;
  counts.fresh += kind == Answer::kFresh;
  counts.on_workers += kind == Answer::kBuilt;
  counts.run_locally += kind == Answer::kRunLocally;
  counts.failed += kind == Answer::kCommandFailed || kind == Answer::kDependencyFailed;
  commands.push_back(AnswerFrontEnd{id, kind, lease, reason});
  const auto it = [&](const char* what) { return "action " + std::to_string(id.value) + ", which it depends on, " + what; };
  switch (kind) {
    case Answer::kBuilt:
    case Answer::kFresh:
      return check_dependants(id);
    case Answer::kRunLocally:
      return answer_dependants(id, Answer::kRunLocally, it("runs on this host"));
    case Answer::kCommandFailed:
      return answer_dependants(id, Answer::kDependencyFailed, it("failed"));
    case Answer::kCancelled:
      return answer_dependants(id, Answer::kDependencyFailed, it("was cancelled"));
    case Answer::kDependencyFailed:
      return answer_dependants(id, Answer::kDependencyFailed, it("was not built"));
  }
}

void Scheduler::State::check_dependants(ActionId id) {
  const auto ready_now = graph.finish(id);
  const bool are_expected = !ready_now.empty() && successors.forget(id);
  for (const ActionId dependant : ready_now) check_freshness(dependant, are_expected);
}

// The graph hands over all of them at once, so this goes one level deep only.
void Scheduler::State::answer_dependants(ActionId id, Answer kind, const std::string& reason) {
  for (const ActionId dependant : graph.end(id)) answer(dependant, kind, {}, reason);
}

}  // namespace extfarm::scheduling
