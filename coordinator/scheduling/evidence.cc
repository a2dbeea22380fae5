// What outcomes teach: how long actions take, how fast hosts are, which worker
// is not to be trusted.
#include <algorithm>
#include <cmath>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {
namespace {

constexpr double kRatioMemory = 64;      // runs that the fleet's mean ratio looks back on
constexpr double kNoiseSeconds = 0.1;    // runs of this length say half as much about a host as long ones
constexpr double kLeastRunSeconds = 1e-3;
// 1 / variance of ln(predicted / taken): remembered durations are off by a
// tenth, guesses from size by a factor of three, a lower bound by anything.
constexpr double kRememberedWeight = 100, kGuessWeight = 1, kBoundWeight = 4;

}  // namespace

double Scheduler::State::predict(const ActionState& action) const {
  if (!policy.corrects_guesses) return action.predicted_seconds;
  return predictor.predict(action.is_guess, action.category, action.predicted_seconds);
}

double Scheduler::State::predict_tail(const ActionState& action) const {
  if (!policy.corrects_guesses) return action.guessed_tail_seconds;
  return tails.predict(true, action.category, action.guessed_tail_seconds);
}

// What was guessed to be behind an action is here: others of its category have
// a tail that is so much longer or shorter than guessed, too.
void Scheduler::State::learn_tails(const ActionSubmitted& e, double level_seconds) {
  for (const ActionId id : e.after) {
    ActionState* producer = find(id);
    if (producer == nullptr || producer->guessed_tail_seconds <= 0) continue;
    const double guessed = std::exchange(producer->guessed_tail_seconds, 0.0F);
    tails.learn(true, producer->category, guessed, level_seconds);
  }
}

void Scheduler::State::learn_from(const Lease& lease, ActionState& action, const OutcomeReceived& e) {
  WorkerState* worker = fleet.find(lease.worker);
  const double run = std::max(kLeastRunSeconds, seconds(e.run_time));
  const double speed = worker == nullptr ? 1 : worker->speed.value();
  action.reference_seconds = seconds(e.run_time) * speed;
  if (e.peak_memory_bytes != 0) {
    action.peak_memory_bytes = e.peak_memory_bytes;
    peaks.learn(action.category, e.peak_memory_bytes);
  }
  if (worker != nullptr) {
    worker->mean_run_seconds = worker->mean_run_seconds == 0 ? run : 0.9 * worker->mean_run_seconds + 0.1 * run;
    if (lease.had_slot) learn_round_trip(*worker, now - lease.sent_at - e.run_time);
  }
  if (e.outcome != OutcomeClass::kSucceeded) return;
  if (policy.learns_speeds && worker != nullptr) {
    const double ratio_log = std::log(std::max(kLeastRunSeconds, predict(action)) / run);
    fleet_ratio_weight = std::min(fleet_ratio_weight + 1, kRatioMemory);
    fleet_ratio_log += (ratio_log - fleet_ratio_log) / fleet_ratio_weight;
    const double weight = (action.is_guess ? kGuessWeight : kRememberedWeight) * run / (run + kNoiseSeconds);
    worker->speed.learn(std::exp(ratio_log - fleet_ratio_log), weight);
    refresh(lease.worker);
  }
  predictor.learn(action.is_guess, action.category, action.predicted_seconds, run * speed);
}

// What a slot without a queue is idle for between two actions.
void Scheduler::State::learn_round_trip(WorkerState& worker, Duration round_trip) {
  if (round_trip <= Duration{0} || round_trip > policy.longest_round_trip) return;
  const double took = seconds(round_trip);
  worker.round_trip_seconds = worker.round_trip_seconds == 0 ? took : 0.8 * worker.round_trip_seconds + 0.2 * took;
}

// Another attempt was quicker: this host takes at least as long as it has so far.
void Scheduler::State::learn_lower_bound(const Lease& lease) {
  WorkerState* worker = fleet.find(lease.worker);
  const double elapsed = seconds(now - lease.started_at);
  if (!policy.learns_speeds || worker == nullptr || elapsed <= lease.predicted_seconds) return;
  worker->speed.learn(worker->speed.value() * std::max(kLeastRunSeconds, double{lease.predicted_seconds}) / elapsed,
                      kBoundWeight * elapsed / (elapsed + kNoiseSeconds));
  refresh(lease.worker);
}

// A failure there may be the action's own fault: it counts when the action
// succeeds elsewhere.
void Scheduler::State::suspect(ActionId action, const Lease& lease) {
  WorkerState* worker = fleet.find(lease.worker);
  if (worker == nullptr || !worker->trust.fail(now, lease.sent_at)) return;
  troubles[action].suspects.insert(lease.worker);
  refresh(lease.worker);
}

void Scheduler::State::confirm_suspicions(ActionId action, WorkerId succeeded_at) {
  const auto trouble = troubles.find(action);
  if (trouble == troubles.end()) return;
  const std::set<WorkerId> suspects = std::exchange(trouble->second.suspects, {});
  for (const WorkerId id : suspects) {
    WorkerState* worker = fleet.find(id);
    if (worker == nullptr || id == succeeded_at) continue;
    worker->trust.confirm();
    const bool is_enough =
        policy.quarantine_evidence > 0 && worker->trust.evidence() >= policy.quarantine_evidence;
    if (is_enough && !worker->trust.is_quarantined()) quarantine(id, *worker);
  }
}

// What runs there may end; what only waits there is taken back.
void Scheduler::State::quarantine(WorkerId id, WorkerState& worker) {
  ++counts.quarantined;
  const Duration term = worker.trust.quarantine(now, policy.first_quarantine, policy.longest_quarantine);
  quarantines.emplace(now + term, id);
  if (kept && kept->second == id) stop_keeping_memory();
  refresh(id);
  commands.push_back(QuarantineWorker{id, term, "what fails there succeeds elsewhere"});
  const std::vector<LiveLease> live = worker.live;
  for (const LiveLease& lease : live) {
    if (lease.is_queued) take_back(lease.lease);
  }
}

void Scheduler::State::end_quarantines() {
  while (!quarantines.empty() && quarantines.begin()->first <= now) {
    const WorkerId id = quarantines.begin()->second;
    quarantines.erase(quarantines.begin());
    fleet.find(id)->trust.release(policy.doubtful_failures, policy.quarantine_evidence);
    refresh(id);
  }
}

// When guesses have proved wrong by far, so are the levels made of them.
void Scheduler::State::correct_levels() {
  const bool tails_have_moved = tails.has_moved();
  if (!policy.corrects_guesses || !(predictor.has_moved() || tails_have_moved)) return;
  graph.predict_again([this](ActionId id) {
    const ActionState& action = at(id);
    plan::Lengths lengths{predict(action), std::nullopt};
    if (action.guessed_tail_seconds > 0) lengths.tail_seconds = predict_tail(action);
    return lengths;
  });
  std::vector<ActionId> waiting;
  for (std::uint32_t i = 0; i < toolchains.size(); ++i) {
    ready.for_each(i, false, [&](ActionId id) { waiting.push_back(id); });
  }
  for (const ActionId id : waiting) requeue(id, at(id));
}

}  // namespace extfarm::scheduling
