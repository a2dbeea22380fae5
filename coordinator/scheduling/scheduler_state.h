// The scheduler's state and the steps it takes; private to this room.
//   scheduler.cc  one function for each event
//   attempts.cc   how attempts and actions end
//   dispatch.cc   which worker, whom to ask, who has waited in vain
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coordinator/plan/action_graph.h"
#include "coordinator/scheduling/fleet.h"
#include "coordinator/scheduling/scheduler.h"

namespace extfarm::scheduling {

enum class Phase : std::uint8_t { kWaiting, kChecking, kReady, kRunning, kPublishing, kAnswered };

struct ActionState {
  Digest toolchain;
  Phase phase = Phase::kWaiting;
  LeaseId lease;                                  // current one in kRunning and kPublishing
  double queued_level_seconds = 0;                // its place in the ready queue
  Answer answer = Answer::kBuilt;                 // once kAnswered
  std::set<WorkerId> excluded;                    // never again for this action
  std::map<WorkerId, std::uint32_t> failures_at;  // infrastructure; the fewest come first
  bool only_local = false;
  bool is_cancelled = false;  // while it is published
  std::uint32_t infrastructure_count = 0;
  std::uint32_t inputs_differ_count = 0;
  OutcomeClass outcome = OutcomeClass::kInfrastructure;  // what is being published
  Duration run_time{0};
  std::string last_failure;
  std::optional<Timestamp> patience_ends;  // set while ready and nobody is capable
};

// Never forgotten: an outcome may come arbitrarily late.
struct Lease {
  ActionId action;
  WorkerId worker;
  Timestamp sent_at;
};

struct Scheduler::State {
  explicit State(SchedulerPolicy p) : policy(p) {}

  // scheduler.cc
  void on(const ActionSubmitted&);
  void on(const FreshnessChecked&);
  void on(const WorkerJoined&);
  void on(const HeartbeatReceived&);
  void on(const WorkerLost&);
  void on(const ToolchainReported&);
  void on(const OutcomeReceived&);
  void on(const OutputsPublished&);
  void on(const PublicationFailed&);
  void on(const ActionCancelled&);
  void on(const TimeAdvanced&) {}
  void reclaim_missing(const HeartbeatReceived&);
  void revoke_strangers(const HeartbeatReceived&);

  // attempts.cc
  bool is_current(LeaseId, WorkerId) const;
  ActionState* publishing_action(LeaseId);
  void set_phase(ActionId, ActionState&, Phase);
  void requeue(ActionId, ActionState&);
  void revoke(WorkerId, LeaseId);
  void check_freshness(ActionId);
  void retry(ActionId, ActionState&);
  void retry_after_infrastructure(ActionId, ActionState&, WorkerId, const std::string& reason);
  void retry_after_difference(ActionId, ActionState&, WorkerId, const std::string& reason);
  void retry_after_refusal(ActionId, ActionState&, WorkerId, const std::string& reason);
  void retry_leases_of(WorkerId, const std::string& reason);
  void answer(ActionId, Answer, LeaseId lease = {}, const std::string& reason = {});
  void answer_dependants(ActionId, Answer, const std::string& reason);

  // dispatch.cc
  void settle();
  void find_silent_workers();
  void ask_toolchains();
  void dispatch();
  bool is_capable(const ActionState&, WorkerId) const;
  std::optional<WorkerId> choose_worker(const ActionState&);
  void review(ActionId, ActionState&);
  void give_up_waiting();
  std::optional<Timestamp> next_deadline() const;

  SchedulerPolicy policy;
  Timestamp now;
  std::vector<Command> commands;
  plan::ActionGraph graph;
  Fleet fleet;
  std::unordered_map<ActionId, ActionState> actions;
  std::unordered_map<LeaseId, Lease> leases;
  std::set<std::pair<double, ActionId>> ready;             // longest bottom level first
  std::set<std::pair<Timestamp, ActionId>> waits_in_vain;  // by patience_ends
  std::map<Digest, std::uint64_t> toolchains_wanted;       // by unfinished actions
  std::map<Digest, std::vector<WorkerId>> capable;         // of those; see capability_changed
  std::map<Digest, Timestamp> incapable_since;             // no worker has it; forgotten when one joins
  bool capability_changed = true;
  std::uint64_t next_lease = 1;
  Counts counts;
};

}  // namespace extfarm::scheduling
