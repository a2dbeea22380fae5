// How attempts end, and with the last of them the action: retried elsewhere,
// or answered once.
#include <algorithm>

#include "common/base/check.h"
#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

bool Scheduler::State::is_current(LeaseId id, WorkerId worker) const {
  const auto it = leases.find(id);
  if (it == leases.end() || it->second.worker != worker) return false;
  const ActionState& action = actions.at(it->second.action);
  return action.lease == id && (action.phase == Phase::kRunning || action.phase == Phase::kPublishing);
}

ActionState* Scheduler::State::publishing_action(LeaseId id) {
  const auto it = leases.find(id);
  if (it == leases.end()) return nullptr;
  ActionState& action = actions.at(it->second.action);
  return action.phase == Phase::kPublishing && action.lease == id ? &action : nullptr;
}

// The only place where a phase changes, and with it the queue and the slots.
void Scheduler::State::set_phase(ActionId id, ActionState& action, Phase next) {
  FARM_CHECK(action.phase != Phase::kAnswered);
  if (action.phase == Phase::kReady) {
    ready.erase({-action.queued_level_seconds, id});
    if (action.patience_ends) waits_in_vain.erase({*action.patience_ends, id});
    action.patience_ends.reset();
  }
  if (action.phase == Phase::kRunning) {
    --counts.running;
    WorkerState* worker = fleet.find(leases.at(action.lease).worker);
    if (worker != nullptr) worker->running.erase(action.lease);
  }
  action.phase = next;
  if (next == Phase::kReady) {
    action.queued_level_seconds = graph.bottom_level_seconds(id);
    ready.emplace(-action.queued_level_seconds, id);
    review(id, action);
  }
  if (next == Phase::kRunning) {
    ++counts.running;
    fleet.find(leases.at(action.lease).worker)->running.insert(action.lease);
  }
}

// Its bottom level has grown.
void Scheduler::State::requeue(ActionId id, ActionState& action) {
  ready.erase({-action.queued_level_seconds, id});
  action.queued_level_seconds = graph.bottom_level_seconds(id);
  ready.emplace(-action.queued_level_seconds, id);
}

// To a worker that is lost for good it would reach nobody.
void Scheduler::State::revoke(WorkerId worker, LeaseId lease) {
  if (fleet.find(worker) != nullptr) commands.push_back(RevokeLease{worker, lease});
}

void Scheduler::State::check_freshness(ActionId id) {
  set_phase(id, actions.at(id), Phase::kChecking);
  commands.push_back(CheckFreshness{id});
}

void Scheduler::State::retry(ActionId id, ActionState& action) {
  ++counts.retried;
  set_phase(id, action, Phase::kReady);
}

void Scheduler::State::retry_after_infrastructure(ActionId id, ActionState& action, WorkerId worker,
                                                  const std::string& reason) {
  action.last_failure = reason;
  ++action.failures_at[worker];
  if (++action.infrastructure_count < policy.infrastructure_attempts) return retry(id, action);
  answer(id, Answer::kRunLocally, {},
         std::to_string(action.infrastructure_count) +
             " attempts on workers failed, the last because: " + reason);
}

void Scheduler::State::retry_after_difference(ActionId id, ActionState& action, WorkerId worker,
                                              const std::string& reason) {
  ++counts.inputs_differ;
  action.last_failure = reason;
  action.excluded.insert(worker);
  const WorkerState* state = fleet.find(worker);
  const bool differs_here = state != nullptr && state->is_local;
  if (++action.inputs_differ_count >= policy.inputs_differ_attempts) action.only_local = true;
  bool has_candidate = false;
  for (const WorkerId candidate : fleet.capable_of(action.toolchain)) {
    has_candidate = has_candidate || is_capable(action, candidate);
  }
  if (differs_here || (action.only_local && !has_candidate)) {
    return answer(id, Answer::kRunLocally, {}, "workers saw other inputs than this host: " + reason);
  }
  retry(id, action);
}

// No other worker: waiting for one would only delay what this host can do at once.
void Scheduler::State::retry_after_refusal(ActionId id, ActionState& action, WorkerId worker,
                                           const std::string& reason) {
  action.last_failure = reason;
  action.excluded.insert(worker);
  const auto& workers = fleet.workers();
  const bool has_other = std::any_of(workers.begin(), workers.end(), [&](const auto& candidate) {
    const auto known = candidate.second.toolchains.find(action.toolchain);
    const bool lacks_it = known != candidate.second.toolchains.end() && known->second.has_it == false;
    return is_capable(action, candidate.first) && !candidate.second.is_silent && !lacks_it;
  });
  if (!has_other) return answer(id, Answer::kRunLocally, {}, reason);
  retry(id, action);
}

void Scheduler::State::retry_leases_of(WorkerId worker, const std::string& reason) {
  const std::set<LeaseId> running = fleet.find(worker)->running;
  for (const LeaseId lease : running) {
    const ActionId id = leases.at(lease).action;
    revoke(worker, lease);  // it may hear, even when we do not hear it
    retry_after_infrastructure(id, actions.at(id), worker, reason);
  }
}

void Scheduler::State::answer(ActionId id, Answer kind, LeaseId lease, const std::string& reason) {
  ActionState& action = actions.at(id);
  set_phase(id, action, Phase::kAnswered);
  action.answer = kind;
  const auto wanted = toolchains_wanted.find(action.toolchain);
  if (--wanted->second == 0) toolchains_wanted.erase(wanted);
  ++counts.finished;
  counts.fresh += kind == Answer::kFresh;
  counts.on_workers += kind == Answer::kBuilt;
  counts.run_locally += kind == Answer::kRunLocally;
  counts.failed += kind == Answer::kCommandFailed || kind == Answer::kDependencyFailed;
  commands.push_back(AnswerFrontEnd{id, kind, lease, reason});
  const std::string name = "action " + std::to_string(id.value) + ", which it depends on, ";
  switch (kind) {
    case Answer::kBuilt:
    case Answer::kFresh:
      for (const ActionId next : graph.finish(id)) check_freshness(next);
      return;
    case Answer::kRunLocally:
      return answer_dependants(id, Answer::kRunLocally, name + "runs on this host");
    case Answer::kCommandFailed:
      return answer_dependants(id, Answer::kDependencyFailed, name + "failed");
    case Answer::kCancelled:
      return answer_dependants(id, Answer::kDependencyFailed, name + "was cancelled");
    case Answer::kDependencyFailed:
      return answer_dependants(id, Answer::kDependencyFailed, name + "was not built");
  }
}

// The graph hands over all of them at once, so this goes one level deep only.
void Scheduler::State::answer_dependants(ActionId id, Answer kind, const std::string& reason) {
  for (const ActionId dependant : graph.end(id)) answer(dependant, kind, {}, reason);
}

}  // namespace extfarm::scheduling
