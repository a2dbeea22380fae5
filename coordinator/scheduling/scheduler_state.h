// The scheduler's state and the steps it takes; private to this room.
//   scheduler.cc   one function for each event
//   attempts.cc    how attempts and actions begin and end
//   dispatch.cc    which ready action goes to which worker
//   admission.cc   whom memory keeps waiting
//   backup.cc      second attempts, and leases taken back from queues
//   evidence.cc    what outcomes teach of predictions, hosts and workers
//   patience.cc    who has waited in vain
//   time_left.cc   how long all that will still take
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/segmented.h"
#include "coordinator/plan/action_graph.h"
#include "coordinator/scheduling/fleet.h"
#include "coordinator/scheduling/indexed_heap.h"
#include "coordinator/scheduling/ready_queue.h"
#include "coordinator/scheduling/scheduler.h"
#include "coordinator/scheduling/successors.h"

namespace extfarm::scheduling {

enum class Phase : std::uint8_t { kUnknown, kWaiting, kChecking, kReady, kRunning, kPublishing, kAnswered };

// There may be a million of them, and each event looks at another: one cache
// line.  What few have lies in State's maps.
struct alignas(64) ActionState {
  std::uint32_t toolchain = 0;  // position in State::toolchains
  std::uint16_t category = 0;
  Phase phase = Phase::kUnknown;
  Answer answer = Answer::kBuilt;                        // once kAnswered
  OutcomeClass outcome = OutcomeClass::kInfrastructure;  // what is being published
  bool is_guess : 1 = false;
  bool is_particular : 1 = false;  // has a Trouble that rules out workers
  bool is_cancelled : 1 = false;   // while it is published
  bool has_backup : 1 = false;     // State::backups has a second attempt, in kRunning
  bool is_short : 1 = false;       // soon over, as predicted when it became ready
  bool waits_in_vain : 1 = false;  // State::patience_ends has when that ends; ready, and nobody is capable
  MemoryClass memory = 0;
  float guessed_tail_seconds = 0;  // as submitted; 0 when it is remembered, and once it is known
  LeaseId lease;   // the attempt in kRunning and kPublishing
  double predicted_seconds = 0;     // as submitted
  double reference_seconds = 0;     // while it is published: what it took, on a host of speed 1
  std::uint64_t peak_memory_bytes = 0;
  Timestamp ready_since;
  Duration memory_clock{0};  // State::memory_clock when it became ready
};
static_assert(sizeof(ActionState) == 64);

// What went wrong with an action.
struct Trouble {
  std::set<WorkerId> excluded;                    // never again for this action
  std::map<WorkerId, std::uint32_t> failures_at;  // infrastructure; the fewest come first
  std::set<WorkerId> suspects;                    // to be confirmed when it succeeds elsewhere
  bool only_local = false;
  std::uint32_t infrastructure_count = 0;
  std::uint32_t inputs_differ_count = 0;
  std::uint32_t given_back_count = 0;
  std::string last_failure;
};

// Never forgotten: an outcome may come arbitrarily late.
struct Lease {
  ActionId action;
  WorkerId worker;
  Timestamp sent_at, started_at;
  float predicted_seconds = 0;  // on that worker
  MemoryClass memory = 0;
  bool is_live = false;   // its outcome is awaited: its worker has a LiveLease of it
  bool is_guess = false;  // what was predicted
  bool had_slot = false;  // as it was sent, and as far as is known: it did not have to queue
  bool is_overdue = false;
  bool counts_as_overdue = false;  // by itself, not because its host is sick
};

struct ToolchainState {
  Digest digest;
  Pool pool;
  bool was_empty = true, has_changed = true;     // since patience was reviewed
  std::optional<Timestamp> incapable_since;      // no worker has it; forgotten when one joins
};

struct Scheduler::State {
  explicit State(SchedulerPolicy p) : policy(p), fleet(p.toolchain_patience) {}

  // scheduler.cc
  void on(const ActionSubmitted&);
  void on(const FreshnessChecked&);
  void on(const WorkerJoined&);
  void on(const HeartbeatReceived&);
  void on(const WorkerLost&);
  void on(const SlotsLimited&);
  void on(const WorkerDistrusted&);
  void on(const ToolchainReported&);
  void on(const OutcomeReceived&);
  void on(const OutputsPublished&);
  void on(const PublicationFailed&);
  void on(const ActionCancelled&);
  void on(const TimeAdvanced&) {}
  void read_held(const HeartbeatReceived&, WorkerState&);
  void reclaim_missing(const HeartbeatReceived&, WorkerState&);
  void find_silent_workers();
  void settle();
  std::optional<Timestamp> next_deadline() const;

  // attempts.cc
  ActionState* find(ActionId);
  ActionState& at(ActionId id) { return actions[id.value]; }
  Lease* find(LeaseId);
  Lease& at(LeaseId id) { return leases[id.value - 1]; }
  const Lease& at(LeaseId id) const { return leases[id.value - 1]; }
  bool is_current(LeaseId, WorkerId);
  ActionState* publishing_action(LeaseId);
  void set_phase(ActionId, ActionState&, Phase);
  void requeue(ActionId, ActionState&);
  void revoke(WorkerId, LeaseId);
  void begin_lease(ActionId, ActionState&, WorkerId, std::uint64_t memory_bytes, bool is_backup);
  void note_start(LiveLease&);
  void end_lease(LeaseId);
  bool runs_elsewhere(ActionId, ActionState&, LeaseId ended);
  void check_freshness(ActionId, bool is_expected);
  void retry(ActionId, ActionState&);
  void retry_after_infrastructure(ActionId, ActionState&, LeaseId, const std::string& reason);
  void retry_after_give_back(ActionId, ActionState&, LeaseId, const std::string& reason);
  void retry_after_difference(ActionId, ActionState&, LeaseId, const std::string& reason);
  void retry_if_anybody_may(ActionId, ActionState&, LeaseId, const std::string& reason);
  bool may_be_taken(ActionId, const ActionState&);
  void retry_leases_of(WorkerId, const std::string& reason);
  void answer(ActionId, Answer, LeaseId lease = {}, const std::string& reason = {});
  void check_dependants(ActionId);
  void answer_dependants(ActionId, Answer, const std::string& reason);

  // dispatch.cc
  enum class Placement : std::uint8_t { kSent, kHeld, kNoMemory, kNoRoom };
  double level_of(ActionId id) const;
  QueueKey key_of(const ActionState& a) const { return {a.toolchain, a.is_particular, a.memory, a.is_short}; }
  void refresh(WorkerId);
  void forget_standing(WorkerId);
  std::uint32_t queue_depth(const WorkerState&) const;
  void dispatch();
  Placement place(ActionId, ActionState&);
  bool may_queue(ActionId, const ActionState&, WorkerId) const;
  bool waits_for_faster(const ActionState&, std::map<int, std::size_t>& claimed);
  bool waits_for_successor(ActionId, const ActionState&);
  void expect_successor(ActionId);
  void expect(ActionId, double level_seconds);
  bool is_capable(const Trouble*, const Standing&) const;
  struct Candidates {
    std::uint64_t memory_bytes = 0;        // to be reserved
    std::vector<const Standing*> workers;  // of a particular action; any other may go to the whole pool
  };
  Candidates candidates_for(ActionId, const ActionState&) const;

  // admission.cc
  MemoryClass memory_needed(const ActionState&) const;
  void keep_memory_for(ActionId, const ActionState&);
  void stop_keeping_memory();
  void set_memory_clock(bool is_blocked);

  // backup.cc
  LeaseId backup_of(ActionId, const ActionState&) const;
  LeaseId take_backup(ActionId, ActionState&);
  void watch(LeaseId, const Lease&);
  void unwatch(LeaseId);
  void recall_queued();
  void call_to_newcomers();
  void call_to(const WorkerState&);
  void take_back(LeaseId);
  void note_overdue();
  void start_backups();
  std::optional<Timestamp> next_backup() const;

  // evidence.cc
  double predict(const ActionState&) const;
  double predict_tail(const ActionState&) const;
  void learn_tails(const ActionSubmitted&, double level_seconds);
  void learn_from(const Lease&, ActionState&, const OutcomeReceived&);
  void learn_round_trip(WorkerState&, Duration);
  void learn_lower_bound(const Lease&);
  void suspect(ActionId, const Lease&);
  void confirm_suspicions(ActionId, WorkerId succeeded_at);
  void quarantine(WorkerId, WorkerState&);
  void end_quarantines();
  void correct_levels();

  // patience.cc
  void review(ActionId, ActionState&);
  void wait_until(ActionId, ActionState&, Timestamp);
  void stop_waiting(ActionId, ActionState&);
  void review_changed();
  bool is_awaited(const ToolchainState&) const;
  void give_up_waiting();

  SchedulerPolicy policy;
  Timestamp now;
  std::vector<Command> commands;
  plan::ActionGraph graph;
  Fleet fleet;
  Predictor predictor;
  Predictor tails;  // likewise of the chains behind actions
  PeakMemory peaks;
  double fleet_ratio_log = 0;  // mean of ln(predicted / taken) over all workers
  double fleet_ratio_weight = 0;
  Segmented<ActionState> actions;  // by id
  std::unordered_map<ActionId, LeaseId> backups;
  std::unordered_map<ActionId, Timestamp> patience_ends;
  std::unordered_map<ActionId, Trouble> troubles;
  Segmented<Lease> leases;  // by id - 1
  std::vector<ToolchainState> toolchains;
  std::map<Digest, std::uint32_t> toolchain_positions;
  std::map<Digest, std::uint64_t> toolchains_wanted;       // by unfinished actions
  ReadyQueue ready;
  std::set<std::pair<Timestamp, ActionId>> waits_in_vain;  // by patience_ends
  // Started leases without a second attempt, by the time from which they are overdue.
  HeapPositions<LeaseId> soon_overdue_positions;
  IndexedHeap<Timestamp, LeaseId> soon_overdue{soon_overdue_positions};
  std::set<std::pair<Timestamp, LeaseId>> overdue;
  std::set<LeaseId> queued;                                // on workers, not started as far as is known
  std::set<std::pair<Timestamp, WorkerId>> quarantines;    // by their ends
  std::optional<std::pair<ActionId, WorkerId>> kept;       // memory is kept for it there
  Successors successors;
  std::vector<WorkerId> newcomers;                         // can run what they could not before the event
  std::optional<Timestamp> look_again;                     // at actions held for a faster host or a successor
  Duration memory_clock{0};                                // runs while memory alone keeps slots idle
  std::optional<Timestamp> memory_clock_from;
  std::uint64_t sent_count = 0, unfinished_guesses = 0;
  double submitted_seconds = 0;  // predicted, of what was found to be out of date
  Counts counts;
};

}  // namespace extfarm::scheduling
