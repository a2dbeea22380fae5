// Which ready action goes to which worker: the longest bottom level first, to
// where it is expected to end the earliest.
#include <algorithm>
#include <cmath>
#include <functional>

#include "coordinator/scheduling/scheduler_state.h"

namespace extfarm::scheduling {
namespace {

// So many actions of one pass may wait for a faster host; the next takes the
// slow slot.  Also bounds what an event costs.
constexpr std::size_t kMostHeld = 16;
constexpr std::size_t kMostParticularTried = 8;  // of one queue in one pass: each costs a look at all workers
constexpr double kNotWorthHoldingSeconds = 0.05;

}  // namespace

double Scheduler::State::level_of(ActionId id) const {
  return policy.orders_by_bottom_level ? graph.bottom_level_seconds(id) : -static_cast<double>(id.value);
}

// Tells every pool how this worker stands now.
void Scheduler::State::refresh(WorkerId id) {
  const WorkerState* worker = fleet.find(id);
  if (worker == nullptr) return;
  Standing standing;
  standing.worker = id;
  standing.is_local = worker->is_local;
  standing.speed_class = worker->speed.speed_class();
  const bool is_doubtful = worker->trust.is_doubtful(policy.doubtful_failures);
  const std::size_t slots = is_doubtful ? 1 : worker->slots;
  standing.has_free_slot = worker->live.size() < slots;
  standing.free_slots = standing.has_free_slot ? slots - worker->live.size() : 0;
  standing.has_queue_room = !is_doubtful && worker->live.size() < slots + queue_depth(*worker);
  standing.load = static_cast<double>(worker->live.size()) / std::max<std::uint32_t>(1, worker->slots);
  standing.memory_bytes = worker->memory_bytes == 0 ? ~0ull : worker->memory_bytes;
  const std::uint64_t taken = worker->reserved_bytes + worker->kept_free_bytes;
  standing.free_memory_bytes = standing.memory_bytes > taken ? standing.memory_bytes - taken : 0;
  standing.next_free = {Duration::max()};
  for (const LiveLease& live : worker->live) standing.next_free = std::min(standing.next_free, live.expected_end);
  const bool takes_actions = worker->takes_actions();
  for (auto& toolchain : toolchains) {
    const bool belongs = takes_actions && worker->has(toolchain.digest);
    if (belongs != toolchain.pool.contains(id)) {
      toolchain.has_changed = true;
      if (belongs && policy.calls_to_newcomers) newcomers.push_back(id);
    }
    if (!belongs)
      toolchain.pool.remove(id);
    else if (toolchain.has_changed || toolchain.pool.standing(id) != standing)
      toolchain.pool.set(standing);
  }
}

// How many actions a worker is given beyond its slots, so that a slot is not
// idle while news of it travels.
std::uint32_t Scheduler::State::queue_depth(const WorkerState& worker) const {
  if (worker.has_given_back) return 0;
  // It would begin at once what is to wait.
  if (worker.slot_limit < worker.own_slots) return 0;
  if (worker.mean_run_seconds == 0) return 0;
  const double idle_share = worker.round_trip_seconds / worker.mean_run_seconds;
  if (idle_share < policy.least_round_trip) return 0;
  const double depth = policy.queue_round_trips * worker.slots * idle_share;
  return static_cast<std::uint32_t>(std::min<double>(worker.slots, std::ceil(depth)));
}

bool Scheduler::State::is_capable(const Trouble* trouble, const Standing& standing) const {
  if (trouble == nullptr) return true;
  return !trouble->excluded.contains(standing.worker) && (!trouble->only_local || standing.is_local);
}

// For an action that rules out workers: those where it failed least.  When they
// are busy it waits for them: a broken worker is always free.
Scheduler::State::Candidates Scheduler::State::candidates_for(ActionId id, const ActionState& action) const {
  const Pool& pool = toolchains[action.toolchain].pool;
  Candidates out;
  if (!action.is_particular) {
    out.memory_bytes = std::min(bytes_of(action.memory), pool.largest_memory_bytes());
    return out;
  }
  const Trouble& trouble = troubles.at(id);
  std::uint64_t largest = 0;
  for (const auto& [worker, standing] : pool.standings()) {
    if (is_capable(&trouble, standing)) largest = std::max(largest, standing.memory_bytes);
  }
  out.memory_bytes = std::min(bytes_of(action.memory), largest);
  std::uint32_t fewest = ~0u;
  for (const auto& [worker, standing] : pool.standings()) {
    if (!is_capable(&trouble, standing) || standing.memory_bytes < out.memory_bytes) continue;
    const auto failed = trouble.failures_at.find(worker);
    const std::uint32_t count = failed == trouble.failures_at.end() ? 0 : failed->second;
    if (count < fewest) out.workers.clear();
    fewest = std::min(fewest, count);
    if (count == fewest) out.workers.push_back(&standing);
  }
  return out;
}

Scheduler::State::Placement Scheduler::State::place(ActionId id, ActionState& action) {
  if (kept && kept->first == id) stop_keeping_memory();  // it may use what was kept for it
  const Pool& pool = toolchains[action.toolchain].pool;
  const Candidates candidates = candidates_for(id, action);
  const std::uint64_t memory = candidates.memory_bytes;
  std::optional<WorkerId> worker;
  if (action.is_particular) {
    const Standing* best = nullptr;
    for (const Standing* standing : candidates.workers) {
      if (!standing->has_free_slot || standing->free_memory_bytes < memory) continue;
      if (best == nullptr || standing->load < best->load) best = standing;
    }
    if (best != nullptr) worker = best->worker;
  } else {
    worker = pool.find_free(memory);
    const auto suits = [&](WorkerId at) { return may_queue(id, action, at); };
    if (!worker) worker = pool.find_queue(memory, std::cref(suits));  // a copy would be made on the heap, in each pass
  }
  if (worker) {
    begin_lease(id, action, *worker, memory, false);
    return Placement::kSent;
  }
  return memory > 0 && pool.has_free_slot() ? Placement::kNoMemory : Placement::kNoRoom;
}

// What waits on a worker takes its next free slot, however much what is behind
// the command that has ended there matters more.
bool Scheduler::State::may_queue(ActionId id, const ActionState& action, WorkerId worker) const {
  if (!policy.orders_by_bottom_level || action.is_short) return true;
  const double level = level_of(id);
  const auto& live = fleet.find(worker)->live;
  return std::none_of(live.begin(), live.end(), [&](const LiveLease& lease) {
    return graph.behind_seconds(at(lease.lease).action) > level;
  });
}

// Whether a faster host that is busy now is expected to end it earlier than the
// fastest free one.
bool Scheduler::State::waits_for_faster(const ActionState& action, std::map<int, std::size_t>& claimed) {
  const Pool& pool = toolchains[action.toolchain].pool;
  if (!pool.has_unequal_hosts()) return false;
  const auto fastest = pool.find_free(std::min(bytes_of(action.memory), pool.largest_memory_bytes()));
  const double reference = predict(action);
  if (!fastest || reference < kNotWorthHoldingSeconds) return false;
  const int speed_class = pool.standing(*fastest).speed_class;
  const Timestamp finish = now + from_seconds(reference / speed_of_class(speed_class));
  Timestamp when;
  if (!pool.claim_sooner(now, speed_class, reference, finish, claimed, when)) return false;
  look_again = earlier(look_again, when);
  return true;
}

// The command of `action` has ended well; what is behind it is not ready before
// its outputs are in place, and a front end may not even have asked for it.
void Scheduler::State::expect_successor(ActionId id) {
  if (const double behind = graph.behind_seconds(id); behind > 0) expect(id, behind);
}

void Scheduler::State::expect(ActionId id, double level_seconds) {
  if (policy.orders_by_bottom_level && policy.successor_patience > Duration{0})
    successors.expect(id, level_seconds, now + policy.successor_patience);
}

// Whether the last slots as fast as the one it would get are for chains that
// matter more and will be there in a moment.
// Then so does all that is behind it in its queue.
bool Scheduler::State::waits_for_successor(ActionId id, const ActionState& action) {
  const auto end = successors.first_end();
  if (!end || action.is_short) return false;
  const Pool& pool = toolchains[action.toolchain].pool;
  const auto place = pool.find_free(std::min(bytes_of(action.memory), pool.largest_memory_bytes()));
  if (!place) return false;
  const std::size_t free = pool.free_slots_like(*place);
  if (!successors.has_above(level_of(id), free)) return false;
  look_again = earlier(look_again, *end);
  return true;
}

void Scheduler::State::dispatch() {
  look_again.reset();
  successors.forget_late(now);
  if (ready.size() == 0) return set_memory_clock(false);
  ReadyQueue::Pass pass(ready, [&](const QueueKey& key) { return toolchains[key.toolchain].pool.has_room(); });
  std::map<std::uint32_t, std::map<int, std::size_t>> claimed;
  std::map<std::uint32_t, std::size_t> particular_tried;
  std::size_t held_count = 0;
  bool waits_for_memory = false;
  while (const auto next = pass.take()) {
    const auto& [id, key] = *next;
    ActionState& action = at(id);
    if (!key.is_particular && waits_for_successor(id, action)) continue;
    if (!key.is_particular && held_count < kMostHeld && waits_for_faster(action, claimed[key.toolchain])) {
      ++held_count;
      pass.go_on();
      continue;
    }
    const Placement placement = place(id, action);
    if (placement == Placement::kNoMemory) {
      if (!waits_for_memory) keep_memory_for(id, action);
      waits_for_memory = true;
    }
    const bool others_may_fit =
        placement == Placement::kSent || (key.is_particular && ++particular_tried[key.toolchain] < kMostParticularTried);
    if (others_may_fit) pass.go_on();
  }
  set_memory_clock(waits_for_memory);
}

}  // namespace extfarm::scheduling
