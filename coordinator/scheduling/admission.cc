// Memory: what an action is given, and how a large one gets its turn.
#include <algorithm>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {

MemoryClass Scheduler::State::memory_needed(const ActionState& action) const {
  if (policy.memory_headroom <= 0) return 0;
  const std::uint64_t peak = action.peak_memory_bytes != 0
                                 ? action.peak_memory_bytes
                                 : peaks.expect(action.category, policy.unknown_peak_bytes);
  return memory_class_of(policy.memory_headroom * static_cast<double>(peak));
}

// Smaller ones would always find room before it: nothing more is admitted to
// the worker that is nearest to having enough, beyond what it can spare.  An
// action that needs more than any worker has gets the largest, alone.
void Scheduler::State::keep_memory_for(ActionId id, const ActionState& action) {
  if (kept) stop_keeping_memory();
  const Candidates candidates = candidates_for(id, action);
  const std::uint64_t memory = candidates.memory_bytes;
  std::optional<WorkerId> worker;
  if (!action.is_particular) worker = toolchains[action.toolchain].pool.find_roomiest(memory);
  std::uint64_t most = 0;
  for (const Standing* standing : candidates.workers) {
    if (worker && standing->free_memory_bytes <= most) continue;
    worker = standing->worker;
    most = standing->free_memory_bytes;
  }
  if (!worker) return;
  kept.emplace(id, *worker);
  fleet.find(*worker)->kept_free_bytes = memory;
  refresh(*worker);
}

void Scheduler::State::stop_keeping_memory() {
  if (!kept) return;
  const WorkerId worker = kept->second;
  kept.reset();
  if (WorkerState* state = fleet.find(worker)) state->kept_free_bytes = 0;
  refresh(worker);
}

void Scheduler::State::set_memory_clock(bool is_blocked) {
  if (is_blocked == memory_clock_from.has_value()) return;
  if (memory_clock_from) memory_clock += now - *memory_clock_from;
  memory_clock_from = is_blocked ? std::optional(now) : std::nullopt;
}

}  // namespace extfarm::scheduling
