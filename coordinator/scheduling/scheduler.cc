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

std::size_t Scheduler::usable_slots() const {
  std::size_t total = 0;
  for (const auto& [id, worker] : state_->fleet.workers()) total += worker.takes_actions() ? worker.slots : 0;
  return total;
}

bool Scheduler::takes_actions(WorkerId id) const {
  const auto found = state_->fleet.workers().find(id);
  return found != state_->fleet.workers().end() && found->second.takes_actions();
}

Scheduler::Demand Scheduler::demand() const {
  Demand out;
  for (std::size_t i = 0; i < state_->actions.size(); ++i) {
    const ActionState& action = state_->actions[i];
    const auto phase = action.phase;
    if (phase == Phase::kWaiting || phase == Phase::kReady || phase == Phase::kRunning)
      out.queued_seconds += state_->predict(action);
  }
  out.submitted_seconds = state_->submitted_seconds;
  out.width = state_->ready.size() + state_->counts.running;
  for (const auto& [id, worker] : state_->fleet.workers()) {
    if (worker.takes_actions() || !worker.live.empty())
      out.workers.push_back({id, worker.takes_actions() ? worker.slots : 0, worker.live.size()});
  }
  return out;
}

Scheduler::Counts Scheduler::counts() const { return state_->counts; }

std::vector<std::pair<WorkerId, double>> Scheduler::learned_speeds() const {
  std::vector<std::pair<WorkerId, double>> out;
  for (const auto& [id, worker] : state_->fleet.workers()) {
    if (worker.speed.is_learned()) out.emplace_back(id, worker.speed.value());
  }
  return out;
}

// After every event, so that nothing depends on which event made it possible.
void Scheduler::State::settle() {
  find_silent_workers();
  end_quarantines();
  for (const auto& [worker, toolchain] : fleet.take_questions(now, toolchains_wanted)) {
    commands.push_back(AskToolchain{worker, toolchain});
  }
  review_changed();
  correct_levels();
  note_overdue();
  start_backups();
  call_to_newcomers();
  dispatch();
  recall_queued();
  give_up_waiting();
}

std::optional<Timestamp> Scheduler::State::next_deadline() const {
  std::optional<Timestamp> next = earlier(fleet.next_silence(policy.worker_silence), fleet.next_question());
  if (!waits_in_vain.empty()) next = earlier(next, waits_in_vain.begin()->first);
  if (!quarantines.empty()) next = earlier(next, quarantines.begin()->first);
  next = earlier(next, look_again);
  next = earlier(next, next_backup());
  return next;
}

void Scheduler::State::on(const ActionSubmitted& e) {
  if (find(e.action) != nullptr) return;
  ++counts.total;
  const auto [position, is_new] =
      toolchain_positions.try_emplace(e.toolchain, static_cast<std::uint32_t>(toolchains.size()));
  if (is_new) {
    toolchains.emplace_back().digest = e.toolchain;
    for (const auto& [id, worker] : fleet.workers()) refresh(id);
  }
  if (++toolchains_wanted[e.toolchain] == 1) {
    fleet.want(now, e.toolchain);
    toolchains[position->second].has_changed = true;
  }
  std::vector<ActionId> after;
  bool is_expected = false;
  for (const ActionId id : e.after) {
    is_expected |= successors.forget(id);
    const ActionState* producer = find(id);
    // Who submits this has had that answer already: the front end made the files itself.
    const bool made_locally =
        producer != nullptr && producer->phase == Phase::kAnswered && producer->answer == Answer::kRunLocally;
    if (!made_locally) after.push_back(id);
  }
  actions.grow_to(e.action.value + 1);
  ActionState& action = at(e.action);
  action.phase = Phase::kWaiting;
  action.toolchain = position->second;
  action.category = e.category;
  action.is_guess = e.is_guess;
  unfinished_guesses += e.is_guess;
  action.predicted_seconds = e.predicted_seconds;
  action.peak_memory_bytes = e.peak_memory_bytes;
  if (!e.not_on.empty()) troubles[e.action].excluded.insert(e.not_on.begin(), e.not_on.end());
  if (e.tail_is_guess) action.guessed_tail_seconds = static_cast<float>(e.tail_seconds);
  const double tail = e.tail_is_guess ? predict_tail(action) : e.tail_seconds;
  learn_tails(e, predict(action) + tail);
  const auto added = graph.add(e.action, after, predict(action), tail);
  for (const ActionId id : added.raised) {
    if (at(id).phase == Phase::kReady) requeue(id, at(id));
  }
  if (added.state == plan::NodeState::kReady) check_freshness(e.action, is_expected);
  if (added.state == plan::NodeState::kEnded) {
    answer(e.action, Answer::kDependencyFailed, {},
           "action " + std::to_string(added.ended_by.value) + ", which it depends on, was not built");
  }
}

void Scheduler::State::on(const FreshnessChecked& e) {
  ActionState* action = find(e.action);
  if (action == nullptr || action->phase != Phase::kChecking) return;
  if (e.fresh) {
    answer(e.action, Answer::kFresh, {}, "its outputs are up to date");
  } else {
    set_phase(e.action, *action, Phase::kReady);
    submitted_seconds += predict(*action);
  }
}

void Scheduler::State::on(const WorkerJoined& e) {
  if (fleet.find(e.worker) != nullptr) return;
  WorkerJoined joined = e;
  if (!policy.learns_speeds) joined.known_speed = 0;
  fleet.join(now, joined);
  for (const auto& [toolchain, count] : toolchains_wanted) fleet.want_of(now, e.worker, toolchain);
  for (auto& toolchain : toolchains) toolchain.incapable_since.reset();
}

void Scheduler::State::on(const HeartbeatReceived& e) {
  WorkerState* worker = fleet.find(e.worker);
  const bool was_there = worker != nullptr && worker->is_there();
  if (!fleet.hear(now, e)) return;
  if (worker->is_there() != was_there) {
    for (auto& toolchain : toolchains) toolchain.incapable_since.reset();
  }
  read_held(e, *worker);
  reclaim_missing(e, *worker);
  refresh(e.worker);
}

void Scheduler::State::read_held(const HeartbeatReceived& e, WorkerState& worker) {
  std::size_t next = 0;
  for (const auto& held : e.leases) {
    LiveLease* live = worker.find(held.lease, next);  // it lists them in the order in which they were sent
    if (live == nullptr) {
      if (!is_current(held.lease, e.worker)) revoke(e.worker, held.lease);
      continue;
    }
    next = static_cast<std::size_t>(live - worker.live.data()) + 1;
    live->listed_in = e.sequence;
    if (held.phase == LeasePhase::kQueued) at(held.lease).had_slot = false;  // somebody else's attempt is in it
    if (held.phase != LeasePhase::kQueued && live->is_queued) note_start(*live);
  }
}

// A start or an outcome may get lost while heartbeats get through; a lease
// that the worker does not hold after all this time will never end by itself.
void Scheduler::State::reclaim_missing(const HeartbeatReceived& e, WorkerState& worker) {
  std::vector<LeaseId> missing;
  for (const LiveLease& live : worker.live) {
    if (now - live.sent_at <= policy.lease_grace) break;  // later ones were sent later
    if (live.listed_in != e.sequence) missing.push_back(live.lease);
  }
  for (const LeaseId id : missing) {
    revoke(e.worker, id);
    const ActionId action = at(id).action;
    retry_after_infrastructure(action, at(action), id, "the worker did not get it, or lost it");
  }
}

void Scheduler::State::find_silent_workers() {
  for (const WorkerId worker : fleet.find_silent(now, policy.worker_silence)) {
    refresh(worker);
    retry_leases_of(worker, "the worker fell silent");
  }
}

void Scheduler::State::on(const WorkerLost& e) {
  WorkerState* worker = fleet.find(e.worker);
  if (worker == nullptr) return;
  if (const auto until = worker->trust.quarantined_until()) quarantines.erase({*until, e.worker});
  if (kept && kept->second == e.worker) stop_keeping_memory();
  worker->slots = 0;
  refresh(e.worker);
  retry_leases_of(e.worker, "the worker was lost");
  fleet.lose(e.worker);
}

void Scheduler::State::on(const SlotsLimited& e) {
  if (fleet.find(e.worker) == nullptr) return;
  fleet.limit(e.worker, e.limit);
  refresh(e.worker);
}

void Scheduler::State::on(const WorkerDistrusted& e) {
  if (fleet.find(e.worker) == nullptr) return;
  fleet.limit(e.worker, 0);
  refresh(e.worker);
  retry_leases_of(e.worker, "the worker gave wrong results");
}

void Scheduler::State::on(const ToolchainReported& e) {
  fleet.answer(e.worker, e.toolchain, e.has_it);
  refresh(e.worker);
}

void Scheduler::State::on(const OutcomeReceived& e) {
  if (!is_current(e.lease, e.worker)) return revoke(e.worker, e.lease);
  const Lease lease = at(e.lease);
  const ActionId id = lease.action;
  ActionState& action = at(id);
  if (action.phase == Phase::kPublishing) return;  // said again while its outputs are fetched
  WorkerState& worker = *fleet.find(e.worker);
  worker.last_outcome = now;
  end_lease(e.lease);
  const bool fails_here = e.outcome == OutcomeClass::kFailedUnlisted && worker.is_local;
  const auto outcome = fails_here ? OutcomeClass::kCommandFailed : e.outcome;
  if (outcome == OutcomeClass::kSucceeded || outcome == OutcomeClass::kCommandFailed) {
    if (runs_elsewhere(id, action, e.lease)) {
      learn_lower_bound(at(action.lease));
      revoke(at(action.lease).worker, action.lease);
      end_lease(action.lease);
    }
    action.outcome = outcome;
    learn_from(lease, action, e);
    action.lease = e.lease;
    set_phase(id, action, Phase::kPublishing);
    if (outcome == OutcomeClass::kSucceeded) expect_successor(id);
    commands.push_back(PublishOutputs{e.worker, e.lease, id});
    return;
  }
  revoke(e.worker, e.lease);
  switch (e.outcome) {
    case OutcomeClass::kInputsDiffer:
      return retry_after_difference(id, action, e.lease, e.reason);
    case OutcomeClass::kToolchainDiffers:
      ++counts.toolchain_differs;
      if (fleet.find(e.worker) != nullptr) fleet.answer(e.worker, toolchains[action.toolchain].digest, false);
      refresh(e.worker);
      troubles[id].last_failure = e.reason;
      break;
    case OutcomeClass::kFailedUnlisted:
      troubles[id].only_local = true;
      return retry_if_anybody_may(id, action, e.lease, e.reason);
    case OutcomeClass::kRefused:
      suspect(id, lease);
      troubles[id].excluded.insert(e.worker);
      return retry_if_anybody_may(id, action, e.lease, e.reason);
    case OutcomeClass::kOutOfMemory:
      // On a small worker it had less than it is known to need.
      action.peak_memory_bytes = std::max({action.peak_memory_bytes, e.peak_memory_bytes, 2 * bytes_of(lease.memory)});
      return retry_after_infrastructure(id, action, e.lease, e.reason);
    case OutcomeClass::kGivenBack:
      return retry_after_give_back(id, action, e.lease, e.reason);
    default:
      suspect(id, lease);
      return retry_after_infrastructure(id, action, e.lease, e.reason);
  }
  if (!runs_elsewhere(id, action, e.lease)) retry(id, action);
}

void Scheduler::State::on(const OutputsPublished& e) {
  ActionState* action = publishing_action(e.lease);
  if (action == nullptr) return;
  const Lease& lease = at(e.lease);
  revoke(lease.worker, e.lease);
  if (WorkerState* worker = fleet.find(lease.worker)) {
    const bool was_doubtful = worker->trust.is_doubtful(policy.doubtful_failures);
    worker->trust.succeed();
    if (was_doubtful) refresh(lease.worker);
  }
  if (action->outcome == OutcomeClass::kCommandFailed) {
    return answer(lease.action, Answer::kCommandFailed, e.lease);
  }
  confirm_suspicions(lease.action, lease.worker);
  commands.push_back(
      RecordHistory{lease.action, lease.worker, action->reference_seconds, action->peak_memory_bytes});
  answer(lease.action, Answer::kBuilt, e.lease);
}

void Scheduler::State::on(const PublicationFailed& e) {
  ActionState* action = publishing_action(e.lease);
  if (action == nullptr) return;
  const Lease& lease = at(e.lease);
  revoke(lease.worker, e.lease);
  if (action->is_cancelled) {
    return answer(lease.action, Answer::kCancelled, {}, "nobody waits for it any more");
  }
  if (e.outcome == OutcomeClass::kInputsDiffer) {
    return retry_after_difference(lease.action, *action, e.lease, e.reason);
  }
  if (!e.is_this_hosts_fault) suspect(lease.action, lease);
  retry_after_infrastructure(lease.action, *action, e.lease, e.reason);
}

void Scheduler::State::on(const ActionCancelled& e) {
  ActionState* action = find(e.action);
  if (action == nullptr || action->phase == Phase::kAnswered) return;
  if (action->phase == Phase::kPublishing) {
    action->is_cancelled = true;  // its files are being written: let that end
    return;
  }
  if (action->phase == Phase::kRunning) {
    for (const LeaseId lease : {action->lease, take_backup(e.action, *action)}) {
      if (lease.value == 0) continue;
      revoke(at(lease).worker, lease);
      end_lease(lease);
    }
  }
  answer(e.action, Answer::kCancelled, {}, "nobody waits for it any more");
}

}  // namespace extfarm::scheduling
