// The worker's one loop: joins the channel, the session and the executor.
// Has no policy of its own.
#pragma once

#include <signal.h>

#include <map>
#include <memory>
#include <string>

#include "common/protocol/messages.h"
#include "common/system/clock.h"
#include "common/transport/beacon.h"
#include "common/transport/channel.h"
#include "worker/execution/executor.h"
#include "worker/presence/presence.h"
#include "worker/session/session.h"
#include "worker/shell/admission.h"
#include "worker/shell/settings.h"

namespace extfarm {

// Those that the loop reads from a descriptor.  To be called before the first
// thread is started: one that does not block them would die of them, and with
// it the process.
sigset_t block_signals();

class WorkerLoop {
 public:
  // `channel` is bound, `beacon` is written.
  WorkerLoop(const WorkerSettings&, const Beacon&, BoundChannel&, Executor&, const Clock&, Admission&, Presence&);
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;
  // Until drained (0), told twice to end (75), or idle for long enough (0).
  int run();

 private:
  struct Coordinator {
    PeerId peer;
    std::uint64_t epoch = 0;
    std::string name;  // user@host
    std::string key;   // proved by its connection
  };
  struct Attempt {
    Action action;
    Outcome outcome;
    std::optional<Timestamp> started;
  };
  void read_signals();
  void read_messages();
  void handle(CoordinatorId, const protocol::ToWorker&);
  void greet(const Envelope&, const protocol::Hello&);
  void look_at_keys();
  void look_around();
  void announce_offer();
  void give_back(const AttemptKey&);
  void begin(const AttemptKey&, void (Executor::*how)(const AttemptKey&, const Action&));
  void say_who_was_refused();
  void read_attempts();
  void tell(const session::Event&);
  void carry_out(const session::Command&);
  void send(CoordinatorId, const protocol::ToCoordinator&);
  void send_report(CoordinatorId, LeaseId);
  void add_condition(protocol::Heartbeat&);
  void end_coordinator(CoordinatorId);
  void forget_coordinator(CoordinatorId);
  Duration time_to_wait(Timestamp now) const;

  const WorkerSettings& settings_;
  Beacon beacon_;
  BoundChannel& channel_;
  Executor& executor_;
  const Clock& clock_;
  Admission& admission_;
  Presence& presence_;
  session::Session session_;
  std::map<PeerId, CoordinatorId> peers_;
  std::map<CoordinatorId, Coordinator> coordinators_;
  std::map<AttemptKey, Attempt> attempts_;
  std::uint64_t next_coordinator_ = 1;
  std::uint64_t next_sequence_ = 1;  // of heartbeats; grows for as long as this process lives
  std::string missing_confinement_;
  std::uint64_t free_scratch_bytes_ = 0;  // as of:
  std::optional<Timestamp> scratch_looked_at_;
  std::optional<Timestamp> looked_around_;
  bool offer_has_changed_ = false;  // since it was announced
  Timestamp last_busy_;
  Timestamp refusals_since_;  // the minute that refused_count_ counts
  std::size_t refused_count_ = 0;
  int signals_ = -1, epoll_ = -1;
  bool draining_ = false;
  std::optional<int> exit_code_;
};

}  // namespace extfarm
