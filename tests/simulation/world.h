// One build in virtual time: the real Scheduler and real Sessions, joined by a
// network that misbehaves as the seed says.  Plays both shells, the compilers
// and the user, and checks what must hold whatever happens.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/scheduling/scheduler.h"
#include "tests/simulation/network.h"
#include "worker/session/session.h"

namespace extfarm::simulation {

constexpr CoordinatorId kCoordinator{1};

struct SimulatedAction {
  std::vector<ActionId> after;
  double run_seconds = 1;
  std::uint64_t peak_bytes = 0, remembered_bytes = 0;  // remembered 0: nothing is
  LeaseId last_lease;
  bool was_taken_back = false;
  bool fails_to_compile = false, is_fresh = false;
  bool submitted = false, published = false;
  int answer_count = 0, start_count = 0;
  scheduling::Answer answer = scheduling::Answer::kBuilt;
  std::vector<WorkerId> not_on;
  std::set<ActionId> made_locally_before;  // of `after`, when it was submitted
};

struct RunningAttempt {
  ActionId action;
  bool is_running = false, is_finished = false;
  OutcomeClass outcome = OutcomeClass::kSucceeded;
  Duration took{0};
};

// One worker process, from its start to its crash.
struct Life {
  explicit Life(session::SessionPolicy policy) : session(policy) {}
  std::uint64_t epoch = 0, next_sequence = 1;
  std::uint32_t offered_slots = 0;
  bool was_greeted = false;
  session::Session session;
  std::map<LeaseId, RunningAttempt> attempts;
  std::optional<Timestamp> alarm;
};

struct Machine {
  explicit Machine(Link l) : link(l) {}
  Link link;
  std::uint32_t slots = 1;
  std::uint64_t memory_bytes = 0;
  double speed = 1, hangs = 0;  // probability of an attempt that seems to go on for ever
  bool is_local = false, has_toolchain = true;
  bool is_broken = false;  // fails at once, whatever it gets
  bool is_used = false;    // by somebody who sits at it
  std::uint32_t slots_when_used = 0;
  std::shared_ptr<Life> life;
  // The coordinator's side.
  WorkerId worker;  // 0: has not answered
  WorkerId distrusted;
  std::uint64_t epoch_known = 0;
  std::set<LeaseId> leases_known;
  std::map<LeaseId, std::uint64_t> outstanding;  // sent, not ended: memory remembered for them
  std::size_t most_outstanding = ~0u;  // since it gave something back, until its next heartbeat
  Timestamp quarantined_until;
};

class World {
 public:
  explicit World(std::uint64_t seed, bool keeps_transcript = false);
  // Until everything is answered and quiet again, or something is wrong.
  void run();
  const std::vector<std::string>& violations() const { return violations_; }
  const std::deque<std::string>& transcript() const { return transcript_; }
  scheduling::Scheduler::Counts counts() const { return scheduler_.counts(); }
  bool is_calm() const { return calm_; }

 private:
  // world.cc: the build and the coordinator's shell
  void plan_build();
  void submit(ActionId);
  void tell(const scheduling::Event&);
  void carry_out(const scheduling::Command&);
  void send_action(const scheduling::SendAction&);
  void check_room(const Machine&, const SimulatedAction&);
  void fetch(const scheduling::PublishOutputs&, int tries_left);
  void check_answer(const scheduling::AnswerFrontEnd&);
  void set_alarm();
  void say_hello(std::size_t machine);
  void check_the_end();
  Machine* machine_of(WorkerId);

  // machines.cc: the workers' shells and what befalls them
  void plan_trouble();
  void plan_stops(std::size_t machine);
  void plan_limits(std::size_t machine);
  void plan_people(std::size_t machine);
  void look_for_people(std::size_t machine);
  void plan_distrust(std::size_t machine);
  void start_life(std::size_t machine);
  void tell(std::size_t machine, const session::Event&);
  void carry_out(std::size_t machine, Life&, const session::Command&);
  void run_attempt(std::size_t machine, LeaseId);
  void end_attempt(std::size_t machine, LeaseId, const std::weak_ptr<Life>&);
  void send_heartbeat(std::size_t machine, Life&, const session::SendHeartbeat&);
  void receive_heartbeat(std::size_t machine, std::uint64_t epoch, scheduling::HeartbeatReceived);
  void set_alarm(std::size_t machine);
  OutcomeClass draw_outcome(const Machine&, const Life&, const SimulatedAction&);

  void require(bool holds, const std::string& what);
  void note(const std::string& what);

  Dice dice_;
  Dice visits_;  // of people; their own, so that a seed without any is the build it was before there were some
  Dice tails_;  // likewise, of what earlier builds remember
  bool keeps_transcript_;
  bool calm_ = false;
  LinkQuality quality_;
  double trouble_ = 0;  // probability of an attempt or a fetch going wrong
  Timestamp trouble_ends_;
  TimeLine time_;
  scheduling::Scheduler scheduler_;
  std::map<ActionId, SimulatedAction> actions_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::optional<Timestamp> alarm_;
  std::size_t answered_count_ = 0;
  std::uint64_t next_worker_ = 1, next_epoch_ = 1;
  std::vector<std::string> violations_;
  std::deque<std::string> transcript_;
};

}  // namespace extfarm::simulation
