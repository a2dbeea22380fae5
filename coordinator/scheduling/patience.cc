// Actions that nobody can run: how long they wait for somebody who can.
#include <algorithm>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

// Starts or stops the clock of a ready action that nobody is capable of.
void Scheduler::State::review(ActionId id, ActionState& action) {
  ToolchainState& toolchain = toolchains[action.toolchain];
  bool has_worker = !toolchain.pool.empty();
  if (action.is_particular) {
    const auto& standings = toolchain.pool.standings();
    const Trouble& trouble = troubles.at(id);
    has_worker = std::any_of(standings.begin(), standings.end(),
                             [&](const auto& entry) { return is_capable(&trouble, entry.second); });
  }
  if (has_worker) {
    stop_waiting(id, action);
  } else if (!action.waits_in_vain) {
    // Who comes when others have waited already does not wait as long again.
    Timestamp since = now;
    if (toolchain.pool.empty()) {
      if (!toolchain.incapable_since) toolchain.incapable_since = now;
      since = *toolchain.incapable_since;
    }
    wait_until(id, action, std::max(now, since + policy.no_worker_patience));
  }
}

void Scheduler::State::wait_until(ActionId id, ActionState& action, Timestamp end) {
  stop_waiting(id, action);
  action.waits_in_vain = true;
  patience_ends[id] = end;
  waits_in_vain.emplace(end, id);
}

void Scheduler::State::stop_waiting(ActionId id, ActionState& action) {
  if (!action.waits_in_vain) return;
  action.waits_in_vain = false;
  const auto end = patience_ends.find(id);
  waits_in_vain.erase({end->second, id});
  patience_ends.erase(end);
}

// Workers have come or gone.  All that is ready need only be looked at when
// the last one went or the first one came.
void Scheduler::State::review_changed() {
  for (std::uint32_t i = 0; i < toolchains.size(); ++i) {
    ToolchainState& toolchain = toolchains[i];
    if (!std::exchange(toolchain.has_changed, false)) continue;
    const bool is_empty = toolchain.pool.empty();
    if (!is_empty)
      toolchain.incapable_since.reset();
    else if (!toolchain.incapable_since && toolchains_wanted.contains(toolchain.digest))
      toolchain.incapable_since = now;
    const bool concerns_all = std::exchange(toolchain.was_empty, is_empty) != is_empty;
    ready.for_each(i, !concerns_all, [&](ActionId id) { review(id, at(id)); });
  }
}

// Whether a worker that is there has not yet said whether it has the toolchain that nobody else has.
bool Scheduler::State::is_awaited(const ToolchainState& toolchain) const {
  if (!toolchain.incapable_since || now >= *toolchain.incapable_since + policy.answer_patience) return false;
  return std::any_of(fleet.workers().begin(), fleet.workers().end(), [&](const auto& entry) {
    const auto& known = entry.second.toolchains;
    const auto asked = known.find(toolchain.digest);
    return entry.second.takes_actions() && asked != known.end() && !asked->second.has_it;
  });
}

void Scheduler::State::give_up_waiting() {
  while (!waits_in_vain.empty() && waits_in_vain.begin()->first <= now) {
    const ActionId id = waits_in_vain.begin()->second;
    ActionState& action = at(id);
    if (is_awaited(toolchains[action.toolchain])) {
      wait_until(id, action, now + policy.toolchain_patience);
      continue;
    }
    const auto trouble = troubles.find(id);
    const std::string failure = trouble == troubles.end() ? "" : trouble->second.last_failure;
    answer(id, Answer::kRunLocally, {},
           "no worker could take it for " +
               std::to_string(static_cast<int>(seconds(policy.no_worker_patience))) +
               " s (`extfarm status` lists the workers)" + (failure.empty() ? "" : "; before that: " + failure));
  }
}

}  // namespace extfarm::scheduling
