// Which ready action goes to which worker, whom to ask for its toolchain, and
// who has waited in vain.
#include <algorithm>
#include <tuple>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

// After every event, so that nothing depends on which event made it possible.
void Scheduler::State::settle() {
  find_silent_workers();
  ask_toolchains();
  if (std::exchange(capability_changed, false)) {
    capable.clear();
    for (const auto& [toolchain, count] : toolchains_wanted) {
      const auto& workers = capable[toolchain] = fleet.capable_of(toolchain);
      if (workers.empty())
        incapable_since.try_emplace(toolchain, now);
      else
        incapable_since.erase(toolchain);
    }
    for (const auto& [level, id] : ready) review(id, actions.at(id));
  }
  dispatch();
  give_up_waiting();
}

void Scheduler::State::find_silent_workers() {
  for (const WorkerId worker : fleet.find_silent(now, policy.worker_silence)) {
    capability_changed = true;
    retry_leases_of(worker, "the worker fell silent");
  }
}

void Scheduler::State::ask_toolchains() {
  for (const auto& [toolchain, count] : toolchains_wanted) {
    for (const WorkerId worker : fleet.to_ask(now, toolchain, policy.toolchain_patience)) {
      commands.push_back(AskToolchain{worker, toolchain});
    }
  }
}

bool Scheduler::State::is_capable(const ActionState& action, WorkerId worker) const {
  if (action.excluded.contains(worker)) return false;
  return !action.only_local || fleet.workers().at(worker).is_local;
}

// The emptiest of the capable workers where this action failed least.  When
// those are busy it waits for them: a broken worker is always free.
std::optional<WorkerId> Scheduler::State::choose_worker(const ActionState& action) {
  using Rank = std::tuple<std::uint32_t, double, WorkerId>;
  std::optional<Rank> best;
  std::optional<std::uint32_t> fewest_failures;
  for (const WorkerId id : capable[action.toolchain]) {
    if (!is_capable(action, id)) continue;
    const auto failed = action.failures_at.find(id);
    const std::uint32_t failure_count = failed == action.failures_at.end() ? 0 : failed->second;
    fewest_failures = std::min(failure_count, fewest_failures.value_or(failure_count));
    const WorkerState& worker = fleet.workers().at(id);
    if (!worker.has_free_slot()) continue;
    const Rank rank{failure_count, static_cast<double>(worker.running.size()) / worker.slots, id};
    if (!best || rank < *best) best = rank;
  }
  if (!best || std::get<0>(*best) > *fewest_failures) return std::nullopt;
  return std::get<WorkerId>(*best);
}

void Scheduler::State::dispatch() {
  for (auto it = ready.begin(); it != ready.end() && fleet.has_free_slots();) {
    const ActionId id = it->second;
    ++it;  // sending takes it out of the queue
    ActionState& action = actions.at(id);
    const auto worker = choose_worker(action);
    if (!worker) continue;
    const LeaseId lease{next_lease++};
    leases.emplace(lease, Lease{id, *worker, now});
    action.lease = lease;
    set_phase(id, action, Phase::kRunning);
    commands.push_back(SendAction{*worker, lease, id});
  }
}

// Starts or stops the clock of a ready action that nobody is capable of.
void Scheduler::State::review(ActionId id, ActionState& action) {
  const auto& workers = capable[action.toolchain];
  const bool has_worker = std::any_of(workers.begin(), workers.end(), [&](WorkerId worker) {
    return fleet.workers().contains(worker) && is_capable(action, worker);
  });
  if (has_worker && action.patience_ends) {
    waits_in_vain.erase({*action.patience_ends, id});
    action.patience_ends.reset();
  } else if (!has_worker && !action.patience_ends) {
    // Who comes when others have waited already does not wait as long again.
    const auto since = workers.empty() ? incapable_since.try_emplace(action.toolchain, now).first->second : now;
    action.patience_ends = std::max(now, since + policy.no_worker_patience);
    waits_in_vain.emplace(*action.patience_ends, id);
  }
}

void Scheduler::State::give_up_waiting() {
  while (!waits_in_vain.empty() && waits_in_vain.begin()->first <= now) {
    const ActionId id = waits_in_vain.begin()->second;
    const std::string& failure = actions.at(id).last_failure;
    answer(id, Answer::kRunLocally, {},
           "no worker could take it for " +
               std::to_string(static_cast<int>(seconds(policy.no_worker_patience))) +
               " s (`extfarm status` lists the workers)" + (failure.empty() ? "" : "; before that: " + failure));
  }
}

std::optional<Timestamp> Scheduler::State::next_deadline() const {
  std::optional<Timestamp> next = fleet.next_silence(policy.worker_silence);
  for (const auto& [toolchain, count] : toolchains_wanted) {
    next = earlier(next, fleet.next_question(toolchain, policy.toolchain_patience));
  }
  if (!waits_in_vain.empty()) next = earlier(next, waits_in_vain.begin()->first);
  return next;
}

}  // namespace extfarm::scheduling
