// What is known of each worker: is it there, what may it run, how full is it.
// Knows nothing of actions, nor of which lease belongs to which.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "coordinator/scheduling/events.h"

namespace extfarm::scheduling {

struct ToolchainKnowledge {
  Timestamp asked_at;
  std::optional<bool> has_it;  // empty until it has answered
};

struct WorkerState {
  bool is_local = false;
  bool is_draining = false;
  bool is_silent = false;
  std::uint32_t slots = 0;
  std::uint64_t last_sequence = 0;
  Timestamp last_heard;
  std::map<Digest, ToolchainKnowledge> toolchains;
  std::set<LeaseId> running;  // leases sent to it whose outcome is awaited

  bool takes_actions() const { return !is_draining && !is_silent && slots > 0; }
  bool has_free_slot() const { return takes_actions() && running.size() < slots; }
  bool has(const Digest& toolchain) const {
    const auto it = toolchains.find(toolchain);
    return it != toolchains.end() && it->second.has_it.value_or(false);
  }
};

class Fleet {
 public:
  void join(Timestamp now, WorkerId worker, bool is_local);
  // False for a worker that is not known (any more) and for a heartbeat that
  // an equal or later one has overtaken.
  bool hear(Timestamp now, const HeartbeatReceived& heartbeat);
  void lose(WorkerId worker) { workers_.erase(worker); }
  // Those that have just been silent for too long.
  std::vector<WorkerId> find_silent(Timestamp now, Duration silence);

  WorkerState* find(WorkerId worker);
  const std::map<WorkerId, WorkerState>& workers() const { return workers_; }
  // Workers to ask for `toolchain` now; they count as asked from now on.
  std::vector<WorkerId> to_ask(Timestamp now, const Digest& toolchain, Duration patience);
  // Workers that would run an action with `toolchain`, busy or not.
  std::vector<WorkerId> capable_of(const Digest& toolchain) const;
  bool has_free_slots() const;

  std::optional<Timestamp> next_silence(Duration silence) const;
  std::optional<Timestamp> next_question(const Digest& toolchain, Duration patience) const;

 private:
  std::map<WorkerId, WorkerState> workers_;
};

// The earlier of two; empty means never.
inline std::optional<Timestamp> earlier(std::optional<Timestamp> a, std::optional<Timestamp> b) {
  if (!a) return b;
  return b && *b < *a ? b : a;
}

}  // namespace extfarm::scheduling
