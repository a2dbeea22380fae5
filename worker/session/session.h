// The worker's side of leases: who holds which, what runs in which slot.
// Events in, commands out; knows no clock, process or socket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/strong_id.h"
#include "common/base/timestamp.h"
#include "common/model/lease_phase.h"
#include "worker/session/courtesy.h"

namespace extfarm::session {

struct SessionPolicy {
  std::uint32_t slots = 1;
  CourtesyPolicy courtesy = {};  // how many of them are offered
  Duration heartbeat_every = std::chrono::seconds(1);
  Duration heartbeats_apart = std::chrono::milliseconds(10);  // when much changes, one tells of many changes
  Duration coordinator_silence = std::chrono::seconds(15);  // then its attempts are stopped and forgotten
  Duration report_again_after = std::chrono::seconds(2);
  // Each has a process and descriptors, which may be few; queues are short.
  std::size_t most_prepared = 2;
  std::size_t remembered_revocations = 4096;  // a revoke may overtake its start
};

// ---- events
struct HelloReceived {
  CoordinatorId coordinator;
  std::vector<LeaseId> leases_known;  // leases it still wants; others held for it are stopped
  bool is_first = false;  // it does not know yet who it greets: leases_known says nothing
};
struct StartRequested {
  CoordinatorId coordinator;
  LeaseId lease;
};
struct RevokeRequested {
  CoordinatorId coordinator;
  LeaseId lease;
};
struct AttemptFinished {  // or cannot even be prepared
  CoordinatorId coordinator;
  LeaseId lease;
};
struct CoordinatorGone {  // said goodbye, or its connection was dropped
  CoordinatorId coordinator;
};
struct DrainRequested {};
struct TimeAdvanced {};
using Event = std::variant<HelloReceived, StartRequested, RevokeRequested, AttemptFinished, CoordinatorGone,
                           DrainRequested, MachineSeen, TimeAdvanced>;

// ---- commands
// It waits for a slot: what needs none can be done.  Of no more than policy and slots allow.
struct PrepareAttempt {
  CoordinatorId coordinator;
  LeaseId lease;
};
struct StartAttempt {
  CoordinatorId coordinator;
  LeaseId lease;
};
struct ForgetAttempt {  // kill it if it runs, drop its outputs
  CoordinatorId coordinator;
  LeaseId lease;
};
struct GiveBackAttempt {  // kill it if it runs; its outcome is OutcomeClass::kGivenBack, and SendReport follows
  CoordinatorId coordinator;
  LeaseId lease;
};
struct SendReport {
  CoordinatorId coordinator;
  LeaseId lease;
};
struct HeldLease {
  LeaseId lease;
  LeasePhase phase = LeasePhase::kQueued;
};
struct SendHeartbeat {
  CoordinatorId coordinator;
  std::uint32_t slots = 0;  // its fair share
  bool draining = false;
  bool knows_coordinator = true;
  std::vector<HeldLease> leases;
};
struct AnnounceOffer {  // so many slots from now on, for this reason
  Offer offer;
};
struct ForgetCoordinator {  // nothing heard of it for too long; a later hello makes it a new one
  CoordinatorId coordinator;
};
struct EndSession {};  // drained: nothing runs, nothing waits to be fetched
using Command = std::variant<PrepareAttempt, StartAttempt, ForgetAttempt, GiveBackAttempt, SendReport, SendHeartbeat, AnnounceOffer,
                             ForgetCoordinator, EndSession>;

class Session {
 public:
  explicit Session(SessionPolicy policy);
  ~Session();
  std::vector<Command> handle(Timestamp now, const Event& event);
  std::optional<Timestamp> next_deadline() const;
  std::size_t running_count() const;
  bool has_coordinators() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace extfarm::session
