// What the scheduler is told (facts, past tense) and what it asks for
// (imperatives).  Plain values; the transcripts in tests/transcripts are their text form.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/digest.h"
#include "common/base/strong_id.h"
#include "common/base/timestamp.h"
#include "common/model/lease_phase.h"
#include "common/model/outcome.h"

namespace extfarm::scheduling {

// ---- events
struct ActionSubmitted {
  ActionId action;  // counted from 1: a gap costs the memory of an action
  Digest toolchain;
  std::vector<ActionId> after;    // actions whose outputs it reads; may be already finished
  double predicted_seconds = 1;   // of this action alone, on a host of speed 1
  double tail_seconds = 0;        // remembered chain behind it that has not been submitted yet
  bool is_guess = false;          // predicted from its source: corrected by what others of its category take
  std::uint16_t category = 0;     // guesses of one category err alike
  std::uint64_t peak_memory_bytes = 0;  // remembered; 0: unknown
  std::vector<WorkerId> not_on = {};    // workers that shall not run it
  bool tail_is_guess = false;  // the tail is: corrected by what was submitted behind others of its category
};
struct FreshnessChecked {
  ActionId action;
  bool fresh = false;
};
struct WorkerJoined {  // a worker (or a new life of one) answered for the first time
  WorkerId worker;
  bool is_local = false;  // on the submitting host: sees its files by definition
  double known_speed = 0;  // of its host, from earlier builds, or as it measured it itself; 0: not known
};
struct HeldLease {
  LeaseId lease;
  LeasePhase phase = LeasePhase::kRunning;
};
struct HeartbeatReceived {
  WorkerId worker;
  std::uint64_t sequence = 0;
  std::uint32_t slots = 0;
  bool draining = false;
  std::vector<HeldLease> leases;
  std::uint64_t memory_bytes = 0;  // that this coordinator may use there; 0: not known, so no limit
};
struct WorkerLost {  // its epoch ended; it will never speak under this id again
  WorkerId worker;
};
// Of its slots only so many are to be used, from now on; what runs there goes on.
struct SlotsLimited {
  WorkerId worker;
  std::uint32_t limit = 1;
};
struct WorkerDistrusted {  // it gave wrong results: what it has not finished is run elsewhere, and it gets nothing more
  WorkerId worker;
};
struct ToolchainReported {
  WorkerId worker;
  Digest toolchain;  // the one asked for
  bool has_it = false;
};
struct OutcomeReceived {
  WorkerId worker;
  LeaseId lease;
  OutcomeClass outcome = OutcomeClass::kInfrastructure;
  Duration run_time{0};
  std::string reason;
  std::uint64_t peak_memory_bytes = 0;
};
struct OutputsPublished {
  LeaseId lease;
};
struct PublicationFailed {  // kInputsDiffer, or kInfrastructure when the bytes could not be had or written
  LeaseId lease;
  OutcomeClass outcome = OutcomeClass::kInputsDiffer;
  std::string reason;
  bool is_this_hosts_fault = false;  // it could not write what the worker sent
};
struct ActionCancelled {  // nobody waits for it any more
  ActionId action;
};
struct TimeAdvanced {};

using Event = std::variant<ActionSubmitted, FreshnessChecked, WorkerJoined, HeartbeatReceived, WorkerLost,
                           SlotsLimited, WorkerDistrusted, ToolchainReported, OutcomeReceived, OutputsPublished, PublicationFailed,
                           ActionCancelled, TimeAdvanced>;

// ---- commands
struct CheckFreshness {
  ActionId action;
};
struct AskToolchain {
  WorkerId worker;
  Digest toolchain;
};
struct SendAction {
  WorkerId worker;
  LeaseId lease;
  ActionId action;
  bool is_backup = false;  // another attempt at it runs already
  Timestamp ready_since;   // when it could have been sent at the earliest
  Duration memory_wait{0};  // of that, how long it was only memory that it lacked
};
struct RevokeLease {  // stop and forget; also the receipt for a finished one
  WorkerId worker;
  LeaseId lease;
  Duration ran{0};  // how long it has run for nothing, as far as is known
};
struct PublishOutputs {  // fetch, attest, write; then OutputsPublished or PublicationFailed
  WorkerId worker;
  LeaseId lease;
  ActionId action;
};
struct RecordHistory {
  ActionId action;
  WorkerId worker;
  double reference_seconds = 0;  // what it would have taken on a host of speed 1
  std::uint64_t peak_memory_bytes = 0;
};
struct QuarantineWorker {  // gets nothing for so long, then one attempt to prove itself
  WorkerId worker;
  Duration term{0};
  std::string reason;
};
enum class Answer : std::uint8_t { kBuilt, kFresh, kCommandFailed, kRunLocally, kDependencyFailed, kCancelled };
struct AnswerFrontEnd {  // exactly one for each submitted action
  ActionId action;
  Answer answer = Answer::kBuilt;
  LeaseId lease;       // whose outcome it is, for kBuilt and kCommandFailed
  std::string reason;  // for the others
};

using Command = std::variant<CheckFreshness, AskToolchain, SendAction, RevokeLease, PublishOutputs, RecordHistory,
                             QuarantineWorker, AnswerFrontEnd>;

}  // namespace extfarm::scheduling
