// What is known of each worker: is it there, how full is it, what was asked of
// it, how far is it trusted.  Knows nothing of actions.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "coordinator/scheduling/events.h"
#include "coordinator/scheduling/placement.h"
#include "coordinator/scheduling/prediction.h"
#include "coordinator/scheduling/quarantine.h"

namespace extfarm::scheduling {

struct ToolchainKnowledge {
  Timestamp asked_at;
  std::optional<bool> has_it;  // empty until it has answered
};

struct LiveLease {  // sent, and its outcome is awaited
  LeaseId lease;
  Timestamp sent_at, expected_end;
  std::uint64_t listed_in = 0;  // sequence of the last heartbeat that listed it; 0: none has yet
  bool is_queued = false;       // it has not started, as far as is known
  bool is_listed() const { return listed_in != 0; }
};

struct WorkerState {
  bool is_local = false;
  bool is_draining = false;
  bool is_silent = false;
  bool has_given_back = false;  // a lease, since its last heartbeat
  std::uint32_t slots = 0;  // to be used: of those it has, no more than the limit
  std::uint32_t own_slots = 0, slot_limit = UINT32_MAX;
  std::uint64_t memory_bytes = 0;  // 0: not known, so no limit
  std::uint64_t reserved_bytes = 0;       // for what was sent
  std::uint64_t kept_free_bytes = 0;      // for the action that waits for memory here
  std::uint64_t last_sequence = 0;
  Timestamp last_heard;
  std::list<WorkerId>::iterator in_order_heard;  // unless it is silent
  std::map<Digest, ToolchainKnowledge> toolchains;
  std::vector<LiveLease> live;  // oldest first
  std::uint32_t overdue_count = 0;  // of those
  Timestamp last_outcome;
  Speed speed;
  Trust trust;
  double round_trip_seconds = 0, mean_run_seconds = 0;  // 0: not known yet

  bool is_there() const { return !is_draining && !is_silent && slots > 0; }
  bool takes_actions() const { return is_there() && !trust.is_quarantined(); }
  bool has(const Digest& toolchain) const {
    const auto it = toolchains.find(toolchain);
    return it != toolchains.end() && it->second.has_it.value_or(false);
  }
  // `hint`: where in `live` it may be.
  LiveLease* find(LeaseId, std::size_t hint = 0);
  void erase(LeaseId);
};

class Fleet {
 public:
  // `patience`: a question unanswered for so long is asked again.
  explicit Fleet(Duration patience) : patience_(patience) {}
  // Ids of workers are counted from 1: a gap costs the memory of a pointer.
  // `now` is never less than it was at an earlier call.
  void join(Timestamp now, const WorkerJoined&);
  // False for a worker that is not known (any more) and for a heartbeat that
  // an equal or later one has overtaken.
  bool hear(Timestamp now, const HeartbeatReceived& heartbeat);
  void limit(WorkerId worker, std::uint32_t slots);  // of a known worker
  // It has given a lease back: what it holds fills it until its next heartbeat says more.
  void take_slots_back(WorkerId worker);
  void lose(WorkerId worker);
  // Those that have just been silent for too long.
  std::vector<WorkerId> find_silent(Timestamp now, Duration silence);

  WorkerState* find(WorkerId worker) { return worker.value < by_id_.size() ? by_id_[worker.value] : nullptr; }
  const WorkerState* find(WorkerId worker) const { return worker.value < by_id_.size() ? by_id_[worker.value] : nullptr; }
  const std::map<WorkerId, WorkerState>& workers() const { return workers_; }

  // Questions: each worker is asked for each wanted toolchain, again while it
  // does not answer.  To one that is silent nothing is said until it is back.
  void want(Timestamp now, const Digest& toolchain);
  void want_of(Timestamp now, WorkerId, const Digest& toolchain);
  void answer(WorkerId, const Digest& toolchain, bool has_it);
  // Whom to ask now; they count as asked from now on.
  std::vector<std::pair<WorkerId, Digest>> take_questions(Timestamp now,
                                                          const std::map<Digest, std::uint64_t>& wanted);

  std::optional<Timestamp> next_silence(Duration silence) const;
  std::optional<Timestamp> next_question() const;

 private:
  void plan_question(WorkerId, const WorkerState&, const Digest&, const ToolchainKnowledge&);

  Duration patience_;
  std::map<WorkerId, WorkerState> workers_;
  std::vector<WorkerState*> by_id_;
  std::list<WorkerId> heard_;  // those that are not silent, the longest unheard first
  std::set<std::tuple<Timestamp, Digest, WorkerId>> questions_;  // when they are due
};

// The earlier of two; empty means never.
inline std::optional<Timestamp> earlier(std::optional<Timestamp> a, std::optional<Timestamp> b) {
  if (!a) return b;
  return b && *b < *a ? b : a;
}

}  // namespace extfarm::scheduling
