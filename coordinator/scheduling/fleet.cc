// The fleet, worker by worker; no action is known here.
#include "coordinator/scheduling/fleet.h"

#include <algorithm>

namespace extfarm::scheduling {

// Ids grow, so `live` is sorted.
LiveLease* WorkerState::find(LeaseId lease, std::size_t hint) {
  if (hint < live.size() && live[hint].lease == lease) return &live[hint];
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
  it->second.in_order_heard = heard_.insert(heard_.end(), e.worker);
  if (by_id_.size() <= e.worker.value) by_id_.resize(e.worker.value + 1);
  by_id_[e.worker.value] = &it->second;
}

bool Fleet::hear(Timestamp now, const HeartbeatReceived& heartbeat) {
  WorkerState* worker = find(heartbeat.worker);
  if (worker == nullptr || heartbeat.sequence <= worker->last_sequence) return false;
  if (worker->is_silent) {
    worker->is_silent = false;
    for (const auto& [toolchain, known] : worker->toolchains) plan_question(heartbeat.worker, *worker, toolchain, known);
    worker->in_order_heard = heard_.insert(heard_.end(), heartbeat.worker);
  } else {
    heard_.splice(heard_.end(), heard_, worker->in_order_heard);
  }
  worker->last_sequence = heartbeat.sequence;
  worker->last_heard = now;
  worker->is_draining = heartbeat.draining;
  worker->has_given_back = false;
  worker->own_slots = heartbeat.slots;
  worker->slots = std::min(worker->own_slots, worker->slot_limit);
  worker->memory_bytes = heartbeat.memory_bytes;
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

void Fleet::lose(WorkerId id) {
  const WorkerState* worker = find(id);
  if (worker == nullptr) return;
  if (!worker->is_silent) heard_.erase(worker->in_order_heard);
  by_id_[id.value] = nullptr;
  workers_.erase(id);
}

std::vector<WorkerId> Fleet::find_silent(Timestamp now, Duration silence) {
  std::vector<WorkerId> found;
  while (!heard_.empty() && now - find(heard_.front())->last_heard >= silence) {
    found.push_back(heard_.front());
    find(found.back())->is_silent = true;
    heard_.pop_front();
  }
  std::sort(found.begin(), found.end());
  return found;
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
  if (heard_.empty()) return std::nullopt;
  return find(heard_.front())->last_heard + silence;
}

std::optional<Timestamp> Fleet::next_question() const {
  if (questions_.empty()) return std::nullopt;
  return std::get<Timestamp>(*questions_.begin());
}

}  // namespace extfarm::scheduling
