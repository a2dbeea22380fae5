// Joins the front door, the scheduler, the workers and the records for one
// build.  Carries out commands; decides nothing itself.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/compiler/toolchain_probe.h"
#include "common/system/clock.h"
#include "coordinator/front_door/front_door.h"
#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/live_build.h"
#include "coordinator/scheduling/scheduler.h"
#include "coordinator/farm/action_intake.h"
#include "coordinator/farm/build_memory.h"
#include "coordinator/farm/canary.h"
#include "coordinator/farm/earlier_results.h"
#include "coordinator/farm/first_answers.h"
#include "coordinator/farm/guesses.h"
#include "coordinator/farm/local_steps.h"
#include "coordinator/farm/products.h"
#include "coordinator/farm/publication.h"
#include "coordinator/farm/worker_directory.h"

namespace extfarm {

struct FarmParts {
  front_door::FrontDoor& door;
  ConnectingChannel& channel;
  WorkerDirectory& directory;
  ToolchainProbe& probe;
  Filesystem& filesystem;
  DigestCache& digests;
  records::Records& records;
  BuildMemory& memory;
  EarlierResults& earlier;
  const Clock& clock;
  reporting::BuildLog& log;
};

class Farm {
 public:
  // `warn` gets each message for the user once.
  Farm(FarmParts, std::string project_root, bool force, std::function<void(const std::string&)> warn,
       std::function<void(const reporting::LoggedAttempt&)> published);
  Farm(const Farm&) = delete;
  Farm& operator=(const Farm&) = delete;

  // See ActionIntake.
  void declare_tools(std::vector<std::string> names) { intake_.declare_tools(std::move(names)); }
  using AnswerTo = std::function<void(const front_door::AnswerMessage&)>;
  // The answer comes later, once, or at once for what stays local.
  void submit(const front_door::SubmitRequest&, AnswerTo, front_door::ConnectionId = {});
  // N in 1,000 results are made again on another host and compared.
  void repeat_results(std::uint32_t per_thousand, std::uint64_t salt) { canary_ = Canary(per_thousand, salt); }
  bool has_repeats() const { return !canary_.is_idle(); }
  // A worker of this host's own was started; it has ended.
  void expect_own_worker() { first_answers_.expect_own_worker(parts_.clock.now()); }
  void own_worker_ended() { first_answers_.own_worker_is_decided(); }
  // How many commands that stay here front ends may run at a time.
  void allow_local_steps(std::size_t count) { local_steps_.allow(local_step_count_ = count); }
  // What a build tool is told that asks how many jobs to keep under way; `most` at most.
  void set_most_jobs(std::size_t most) { most_jobs_ = most; }
  // How many jobs the farm and this host's local steps can take now.
  std::size_t jobs() const;
  // Steps that wait for the farm meanwhile, and use no processor of this host.
  std::size_t steps_at_the_farm() const { return parts_.door.waiting_count(); }
  // How many more of them may be told that they are done; see FrontDoor.
  void allow_answers(std::size_t count) { parts_.door.allow_answers(count); }
  std::size_t held_answers() const { return parts_.door.held_count(); }
  // Attempts on this host's own worker that have not ended; actions that no worker has.
  std::size_t running_on_own_worker() const;
  std::size_t not_yet_running() const;
  // Of this host's own worker, at least 1: only so many slots are used from now on.
  void limit_own_worker(std::uint32_t slots);
  // With those that somebody can add when there is work for them.
  std::size_t usable_slots() const { return scheduler_.usable_slots() + offered_slots_; }
  void expect_slots(std::size_t offered) { offered_slots_ = offered; }
  scheduling::Scheduler::Demand demand() const { return scheduler_.demand(); }
  // Reads all that has arrived and carries out what follows from it.
  void turn();
  // How long a wait may last before turn() must run again.
  Duration time_to_wait() const;
  // Every action still waited for is answered as cancelled, every lease revoked.
  void cancel_all();
  // The same for what no worker has begun; what runs goes on to its end.
  void cancel_waiting();
  void finish_log();
  scheduling::Scheduler::Counts counts() const { return scheduler_.counts(); }
  // Counted anew each time: ask as often as somebody looks, not more often.
  reporting::LiveBuild live() const;

 private:
  struct Entry {
    Action action;
    front_door::ConnectionId connection;  // 0: this process
    std::string request_id;
    AnswerTo answer;
    double guess_seconds = 0;
    Timestamp submitted;
    std::string_view reason;  // why it must run; kept by the log
    std::vector<std::uint64_t> after;
    std::vector<LeaseId> leases;  // of its attempts, whatever became of them
    std::optional<freshness::Recorded> fresh_result;
    Canary::CaseId repeats = 0;  // whose result this is to be compared with; 0: none
  };
  struct Attempt {  // a lease from SendAction on
    ActionId action;
    WorkerId worker;
    Timestamp ready, sent, finished;
    Duration memory_wait{0};
    std::int64_t sent_realtime_ns = 0;
    protocol::Report report;
    bool has_report = false;
  };

  void read_door();
  void answer_jobs();
  void answer_local(const AnswerTo&, const std::string& id, reporting::LoggedLocal);
  void look_again();
  void read_messages();
  std::optional<protocol::ToCoordinator> read_message(const Envelope&);
  void handle_message(const PeerId&, protocol::ToCoordinator&);
  void handle_heartbeat(const PeerId&, const protocol::Heartbeat&);
  double known_speed(const protocol::Heartbeat&);
  void handle_toolchain(WorkerId, const protocol::ToolchainProbed&);
  void handle_report(WorkerId, protocol::Report);
  void reject(WorkerId, const std::string& reason);  // what it made is not what would be made here
  void handle_need(WorkerId, const protocol::NeedInput&);
  void end_publications();
  void predict(scheduling::ActionSubmitted&, Entry&, const records::Identity&);  // from history, else from its text
  void predict_tail(scheduling::ActionSubmitted&, const Entry&, const front_door::SubmitRequest&,
                    const records::Identity&) const;
  bool is_built(ActionId id) const { return id.value < built_.size() && built_[id.value]; }
  void tell(const scheduling::Event&);
  void carry_out(const scheduling::Command&);
  void check_freshness(ActionId);
  void release_dirty();
  void send_action(const scheduling::SendAction&);
  void revoke(const scheduling::RevokeLease&);
  void quarantine(const scheduling::QuarantineWorker&);
  void answer(const scheduling::AnswerFrontEnd&);
  void answer_front_end(const scheduling::AnswerFrontEnd&, Entry&);
  void log_attempt(LeaseId, Attempt&, std::string_view outcome, bool counted, std::uint64_t bytes_returned);
  void warn_once(const std::string& message);
  // farm_canary.cc
  void consider_repeating(const Entry&, const Attempt&);
  void start_repeats();
  void end_repeat(const scheduling::PublishOutputs&);
  void forget_repeat(const scheduling::AnswerFrontEnd&, const Entry&);
  void judge_hosts();
  void distrust(WorkerId);
  void finish_canary();
  std::string title_of(const Action&) const;
  const Digest& identity_of(ActionId id) const { return identities_[id.value - 1]; }

  FarmParts parts_;
  std::string root_;
  bool force_;
  std::function<void(const std::string&)> warn_;
  std::function<void(const reporting::LoggedAttempt&)> on_published_;
  ActionIntake intake_;
  Guesses guesses_;
  scheduling::Scheduler scheduler_;
  Publications publications_;
  std::map<ActionId, Entry> entries_;  // until they are answered
  std::vector<bool> built_;            // by id: answered, and its outputs are in place
  std::vector<Digest> identities_;     // of all, by id - 1
  std::map<LeaseId, Attempt> attempts_;
  std::map<Digest, ToolchainSpec> toolchains_;
  std::map<Digest, Toolchain> own_toolchains_;
  Products products_;
  std::map<std::string, std::uint64_t> last_of_group_;
  FirstAnswers first_answers_;
  LocalSteps local_steps_;
  std::size_t local_step_count_ = 1, most_jobs_ = 0, offered_slots_ = 0;
  std::uint32_t own_worker_limit_ = UINT32_MAX;
  std::vector<front_door::JobsWanted> jobs_wanted_;  // until the workers have answered
  std::vector<ActionId> held_dirty_;  // judged; the scheduler hears of it when a worker has spoken
  std::deque<scheduling::Event> untold_;
  bool is_telling_ = false;
  Canary canary_{0, 0};
  struct HeldBack {
    std::string host;
    freshness::Recorded recorded;
    double run_seconds;
  };
  std::vector<HeldBack> held_back_;  // from the store, while hosts are compared
  std::set<std::string> distrusted_hosts_;
  std::uint64_t repeats_built_ = 0, repeats_failed_ = 0;
  std::set<std::string> warned_;
  std::uint64_t next_action_ = 1;
  struct {
    std::uint64_t measured = 0;  // by the first worker that had measured its speed
    double speed = 1;            // of its host, in the scheduler's terms
  } speed_scale_;
  Timestamp started_, turn_started_;
  bool nobody_there_ = false;  // a wait for workers was in vain; until the next heartbeat nobody waits again
};

}  // namespace extfarm
