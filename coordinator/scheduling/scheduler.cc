// What each event changes.  Knows no clock: `now` is what the caller says.
#include "coordinator/scheduling/scheduler.h"

#include <algorithm>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

Scheduler::Scheduler(SchedulerPolicy policy) : state_(std::make_unique<State>(policy)) {}
Scheduler::~Scheduler() = default;

std::vector<Command> Scheduler::handle(Timestamp now, const Event& event) {
  state_->now = std::max(state_->now, now);
  std::visit([this](const auto& e) { state_->on(e); }, event);
  state_->settle();
  return std::exchange(state_->commands, {});
}

std::optional<Timestamp> Scheduler::next_deadline() const { return state_->next_deadline(); }
Scheduler::Counts Scheduler::counts() const { return state_->counts; }

void Scheduler::State::on(const ActionSubmitted& e) {
  if (actions.contains(e.action)) return;
  ++counts.total;
  if (++toolchains_wanted[e.toolchain] == 1) capability_changed = true;
  std::vector<ActionId> after;
  for (const ActionId id : e.after) {
    const auto it = actions.find(id);
    // Who submits this has had that answer already: the front end made the files itself.
    const bool made_locally = it != actions.end() && it->second.phase == Phase::kAnswered &&
                              it->second.answer == Answer::kRunLocally;
    if (!made_locally) after.push_back(id);
  }
  actions[e.action].toolchain = e.toolchain;
  const auto added = graph.add(e.action, after, e.predicted_seconds, e.tail_seconds);
  for (const ActionId id : added.raised) {
    if (actions.at(id).phase == Phase::kReady) requeue(id, actions.at(id));
  }
  if (added.state == plan::NodeState::kReady) check_freshness(e.action);
  if (added.state == plan::NodeState::kEnded) {
    answer(e.action, Answer::kDependencyFailed, {},
           "action " + std::to_string(added.ended_by.value) + ", which it depends on, was not built");
  }
}

void Scheduler::State::on(const FreshnessChecked& e) {
  const auto it = actions.find(e.action);
  if (it == actions.end() || it->second.phase != Phase::kChecking) return;
  if (e.fresh) {
    answer(e.action, Answer::kFresh, {}, "its outputs are up to date");
  } else {
    set_phase(e.action, it->second, Phase::kReady);
  }
}

void Scheduler::State::on(const WorkerJoined& e) {
  fleet.join(now, e.worker, e.is_local);
  incapable_since.clear();
}

void Scheduler::State::on(const HeartbeatReceived& e) {
  const WorkerState* worker = fleet.find(e.worker);
  const bool took_actions = worker != nullptr && worker->takes_actions();
  if (!fleet.hear(now, e)) return;
  if (fleet.find(e.worker)->takes_actions() != took_actions) {
    capability_changed = true;
    incapable_since.clear();
  }
  reclaim_missing(e);
  revoke_strangers(e);
}

// A start or an outcome may get lost while heartbeats get through; a lease
// that the worker does not hold after all this time will never end by itself.
void Scheduler::State::reclaim_missing(const HeartbeatReceived& e) {
  std::set<LeaseId> missing = fleet.find(e.worker)->running;
  for (const auto& held : e.leases) missing.erase(held.lease);
  for (const LeaseId id : missing) {
    const Lease& lease = leases.at(id);
    if (now - lease.sent_at <= policy.lease_grace) continue;
    revoke(e.worker, id);
    retry_after_infrastructure(lease.action, actions.at(lease.action), e.worker,
                               "the worker did not get it, or lost it");
  }
}

void Scheduler::State::revoke_strangers(const HeartbeatReceived& e) {
  for (const auto& held : e.leases) {
    if (!is_current(held.lease, e.worker)) revoke(e.worker, held.lease);
  }
}

void Scheduler::State::on(const WorkerLost& e) {
  if (fleet.find(e.worker) == nullptr) return;
  retry_leases_of(e.worker, "the worker was lost");
  fleet.lose(e.worker);
  capability_changed = true;
}

void Scheduler::State::on(const ToolchainReported& e) {
  WorkerState* worker = fleet.find(e.worker);
  if (worker == nullptr) return;
  const bool had_it = worker->has(e.toolchain);
  worker->toolchains[e.toolchain].has_it = e.has_it;
  if (had_it != e.has_it) capability_changed = true;
}

void Scheduler::State::on(const OutcomeReceived& e) {
  const auto known = leases.find(e.lease);
  if (known == leases.end() || !is_current(e.lease, e.worker)) return revoke(e.worker, e.lease);
  const ActionId id = known->second.action;
  ActionState& action = actions.at(id);
  if (action.phase == Phase::kPublishing) return;  // said again while its outputs are fetched
  if (e.outcome == OutcomeClass::kSucceeded || e.outcome == OutcomeClass::kCommandFailed) {
    action.outcome = e.outcome;
    action.run_time = e.run_time;
    set_phase(id, action, Phase::kPublishing);
    commands.push_back(PublishOutputs{e.worker, e.lease, id});
    return;
  }
  revoke(e.worker, e.lease);
  switch (e.outcome) {
    case OutcomeClass::kInputsDiffer:
      return retry_after_difference(id, action, e.worker, e.reason);
    case OutcomeClass::kToolchainDiffers:
      ++counts.toolchain_differs;
      if (WorkerState* worker = fleet.find(e.worker)) worker->toolchains[action.toolchain].has_it = false;
      capability_changed = true;
      action.last_failure = e.reason;
      return retry(id, action);
    case OutcomeClass::kRefused:
      return retry_after_refusal(id, action, e.worker, e.reason);
    default:
      return retry_after_infrastructure(id, action, e.worker, e.reason);
  }
}

void Scheduler::State::on(const OutputsPublished& e) {
  ActionState* action = publishing_action(e.lease);
  if (action == nullptr) return;
  const Lease& lease = leases.at(e.lease);
  revoke(lease.worker, e.lease);
  if (action->outcome == OutcomeClass::kCommandFailed) {
    return answer(lease.action, Answer::kCommandFailed, e.lease);
  }
  commands.push_back(RecordHistory{lease.action, lease.worker, action->run_time});
  answer(lease.action, Answer::kBuilt, e.lease);
}

void Scheduler::State::on(const PublicationFailed& e) {
  ActionState* action = publishing_action(e.lease);
  if (action == nullptr) return;
  const Lease& lease = leases.at(e.lease);
  revoke(lease.worker, e.lease);
  if (action->is_cancelled) {
    answer(lease.action, Answer::kCancelled, {}, "nobody waits for it any more");
  } else if (e.outcome == OutcomeClass::kInputsDiffer) {
    retry_after_difference(lease.action, *action, lease.worker, e.reason);
  } else {
    retry_after_infrastructure(lease.action, *action, lease.worker, e.reason);
  }
}

void Scheduler::State::on(const ActionCancelled& e) {
  const auto it = actions.find(e.action);
  if (it == actions.end() || it->second.phase == Phase::kAnswered) return;
  if (it->second.phase == Phase::kPublishing) {
    it->second.is_cancelled = true;  // its files are being written: let that end
    return;
  }
  if (it->second.phase == Phase::kRunning) {
    revoke(leases.at(it->second.lease).worker, it->second.lease);
  }
  answer(e.action, Answer::kCancelled, {}, "nobody waits for it any more");
}

}  // namespace extfarm::scheduling
