// The fleet, worker by worker; no action is known here.
#include "coordinator/scheduling/fleet.h"

#include <algorithm>

namespace extfarm::scheduling {

// Ids grow, so `live` is sorted.
LiveLease* WorkerState::find(LeaseId lease) {
  const auto it = std::lower_bound(live.begin(), live.end(), lease,
                                   [](const LiveLease& l, LeaseId id) { return l.lease < id; });
  return it == live.end() || it->lease != lease ? nullptr : &*it;
}

void WorkerState::erase(LeaseId lease) {
  if (const LiveLease* found = find(lease)) live.erase(live.begin() + (found - live.data()));
}

void Fleet::join(Timestamp now, const WorkerJoined& e) {
  const auto [it, is_new] = workers_.try_emplace(e.worker);
  if (!is_new) return;
  it->second.is_local = e.is_local;
  it->second.speed = Speed(e.known_speed);
  it->second.last_heard = now;
  by_last_heard_.emplace(now, e.worker);
}

bool Fleet::hear(Timestamp now, const HeartbeatReceived& heartbeat) {
  WorkerState* worker = find(heartbeat.worker);
  if (worker == nullptr || heartbeat.sequence <= worker->last_sequence) return false;
  if (worker->is_silent) {
    worker->is_silent = false;
    for (const auto& [toolchain, known] : worker->toolchains) plan_question(heartbeat.worker, *worker, toolchain, known);
  } else {
    by_last_heard_.erase({worker->last_heard, heartbeat.worker});
  }
  worker->last_sequence = heartbeat.sequence;
  worker->last_heard = now;
  worker->is_draining = heartbeat.draining;
  worker->has_given_back = false;
  worker->own_slots = heartbeat.slots;
  worker->slots = std::min(worker->own_slots, worker->slot_limit);
  worker->memory_bytes = heartbeat.memory_bytes;
  by_last_heard_.emplace(now, heartbeat.worker);
  return true;
}

void Fleet::limit(WorkerId id, std::uint32_t slots) {
  WorkerState& worker = workers_.at(id);
  worker.slot_limit = slots;
  worker.slots = std::min(worker.own_slots, slots);
}

void Fleet::take_slots_back(WorkerId id) {
  WorkerState& worker = workers_.at(id);
  worker.has_given_back = true;
  worker.own_slots = std::min(worker.own_slots, static_cast<std::uint32_t>(worker.live.size()));
  worker.slots = std::min(worker.own_slots, worker.slot_limit);
}

void Fleet::lose(WorkerId worker) {
  const auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  by_last_heard_.erase({it->second.last_heard, worker});
  workers_.erase(it);
}

std::vector<WorkerId> Fleet::find_silent(Timestamp now, Duration silence) {
  std::vector<WorkerId> found;
  while (!by_last_heard_.empty() && now - by_last_heard_.begin()->first >= silence) {
    found.push_back(by_last_heard_.begin()->second);
    workers_.at(found.back()).is_silent = true;
    by_last_heard_.erase(by_last_heard_.begin());
  }
  std::sort(found.begin(), found.end());
  return found;
}

WorkerState* Fleet::find(WorkerId worker) {
  const auto it = workers_.find(worker);
  return it == workers_.end() ? nullptr : &it->second;
}

void Fleet::want(Timestamp now, const Digest& toolchain) {
  for (const auto& [id, worker] : workers_) want_of(now, id, toolchain);
}

void Fleet::want_of(Timestamp now, WorkerId id, const Digest& toolchain) {
  WorkerState& worker = workers_.at(id);
  const auto& known = worker.toolchains.try_emplace(toolchain, ToolchainKnowledge{{now - Timestamp{patience_}}, {}});
  plan_question(id, worker, toolchain, known.first->second);
}

// One that is planned already has the same time, and stays one.
void Fleet::plan_question(WorkerId id, const WorkerState& worker, const Digest& toolchain,
                          const ToolchainKnowledge& known) {
  if (!worker.is_silent && !known.has_it) questions_.emplace(known.asked_at + patience_, toolchain, id);
}

void Fleet::answer(WorkerId id, const Digest& toolchain, bool has_it) {
  WorkerState* worker = find(id);
  if (worker == nullptr) return;
  ToolchainKnowledge& known = worker->toolchains[toolchain];
  known.has_it = has_it;
  questions_.erase({known.asked_at + patience_, toolchain, id});
}

std::vector<std::pair<WorkerId, Digest>> Fleet::take_questions(Timestamp now,
                                                               const std::map<Digest, std::uint64_t>& wanted) {
  std::vector<std::pair<WorkerId, Digest>> asked;
  while (!questions_.empty() && std::get<Timestamp>(*questions_.begin()) <= now) {
    const auto [due, toolchain, id] = *questions_.begin();
    questions_.erase(questions_.begin());
    WorkerState* worker = find(id);
    if (worker == nullptr || worker->is_silent || !wanted.contains(toolchain)) continue;
    ToolchainKnowledge& known = worker->toolchains.at(toolchain);
    if (known.has_it) continue;
    known.asked_at = now;
    asked.emplace_back(id, toolchain);
    plan_question(id, *worker, toolchain, known);
  }
  return asked;
}

std::optional<Timestamp> Fleet::next_silence(Duration silence) const {
  if (by_last_heard_.empty()) return std::nullopt;
  return by_last_heard_.begin()->first + silence;
}

std::optional<Timestamp> Fleet::next_question() const {
  if (questions_.empty()) return std::nullopt;
  return std::get<Timestamp>(*questions_.begin());
}

}  // namespace extfarm::scheduling
