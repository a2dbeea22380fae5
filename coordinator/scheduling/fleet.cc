// The fleet, worker by worker; no action is known here.
#include "coordinator/scheduling/fleet.h"

namespace extfarm::scheduling {

void Fleet::join(Timestamp now, WorkerId worker, bool is_local) {
  const auto [it, is_new] = workers_.try_emplace(worker);
  if (!is_new) return;
  it->second.is_local = is_local;
  it->second.last_heard = now;
}

bool Fleet::hear(Timestamp now, const HeartbeatReceived& heartbeat) {
  WorkerState* worker = find(heartbeat.worker);
  if (worker == nullptr || heartbeat.sequence <= worker->last_sequence) return false;
  worker->last_sequence = heartbeat.sequence;
  worker->last_heard = now;
  worker->is_silent = false;
  worker->is_draining = heartbeat.draining;
  worker->slots = heartbeat.slots;
  return true;
}

std::vector<WorkerId> Fleet::find_silent(Timestamp now, Duration silence) {
  std::vector<WorkerId> found;
  for (auto& [id, worker] : workers_) {
    if (worker.is_silent || now - worker.last_heard < silence) continue;
    worker.is_silent = true;
    found.push_back(id);
  }
  return found;
}

WorkerState* Fleet::find(WorkerId worker) {
  const auto it = workers_.find(worker);
  return it == workers_.end() ? nullptr : &it->second;
}

std::vector<WorkerId> Fleet::to_ask(Timestamp now, const Digest& toolchain, Duration patience) {
  std::vector<WorkerId> asked;
  for (auto& [id, worker] : workers_) {
    if (worker.is_silent) continue;
    const auto [it, is_new] = worker.toolchains.try_emplace(toolchain, ToolchainKnowledge{now, {}});
    if (!is_new && (it->second.has_it || now - it->second.asked_at < patience)) continue;
    it->second.asked_at = now;
    asked.push_back(id);
  }
  return asked;
}

std::vector<WorkerId> Fleet::capable_of(const Digest& toolchain) const {
  std::vector<WorkerId> capable;
  for (const auto& [id, worker] : workers_) {
    if (worker.takes_actions() && worker.has(toolchain)) capable.push_back(id);
  }
  return capable;
}

bool Fleet::has_free_slots() const {
  for (const auto& [id, worker] : workers_) {
    if (worker.has_free_slot()) return true;
  }
  return false;
}

std::optional<Timestamp> Fleet::next_silence(Duration silence) const {
  std::optional<Timestamp> next;
  for (const auto& [id, worker] : workers_) {
    if (!worker.is_silent) next = earlier(next, worker.last_heard + silence);
  }
  return next;
}

std::optional<Timestamp> Fleet::next_question(const Digest& toolchain, Duration patience) const {
  std::optional<Timestamp> next;
  for (const auto& [id, worker] : workers_) {
    const auto it = worker.toolchains.find(toolchain);
    if (worker.is_silent || it == worker.toolchains.end() || it->second.has_it) continue;
    next = earlier(next, it->second.asked_at + patience);
  }
  return next;
}

}  // namespace extfarm::scheduling
