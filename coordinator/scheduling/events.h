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
#include "common/model/outcome.h"

namespace extfarm::scheduling {

// ---- events
struct ActionSubmitted {
  ActionId action;
  Digest toolchain;
  std::vector<ActionId> after;    // actions whose outputs it reads; may be already finished
  double predicted_seconds = 1;   // of this action alone
  double tail_seconds = 0;        // remembered chain behind it that has not been submitted yet
};
struct FreshnessChecked {
  ActionId action;
  bool fresh = false;
};
struct WorkerJoined {  // a worker (or a new life of one) answered for the first time
  WorkerId worker;
  bool is_local = false;  // on the submitting host: sees its files by definition
};
struct HeldLease {
  LeaseId lease;
  bool finished = false;
};
struct HeartbeatReceived {
  WorkerId worker;
  std::uint64_t sequence = 0;
  std::uint32_t slots = 0;
  bool draining = false;
  std::vector<HeldLease> leases;
};
struct WorkerLost {  // its epoch ended; it will never speak under this id again
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
};
struct OutputsPublished {
  LeaseId lease;
};
struct PublicationFailed {  // kInputsDiffer, or kInfrastructure when the bytes could not be had or written
  LeaseId lease;
  OutcomeClass outcome = OutcomeClass::kInputsDiffer;
  std::string reason;
};
struct ActionCancelled {  // nobody waits for it any more
  ActionId action;
};
struct TimeAdvanced {};

using Event = std::variant<ActionSubmitted, FreshnessChecked, WorkerJoined, HeartbeatReceived, WorkerLost,
                           ToolchainReported, OutcomeReceived, OutputsPublished, PublicationFailed,
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
};
struct RevokeLease {  // stop and forget; also the receipt for a finished one
  WorkerId worker;
  LeaseId lease;
};
struct PublishOutputs {  // fetch, attest, write; then OutputsPublished or PublicationFailed
  WorkerId worker;
  LeaseId lease;
  ActionId action;
};
struct RecordHistory {
  ActionId action;
  WorkerId worker;
  Duration run_time{0};
};
enum class Answer : std::uint8_t { kBuilt, kFresh, kCommandFailed, kRunLocally, kDependencyFailed, kCancelled };
struct AnswerFrontEnd {  // exactly one for each submitted action
  ActionId action;
  Answer answer = Answer::kBuilt;
  LeaseId lease;       // whose outcome it is, for kBuilt and kCommandFailed
  std::string reason;  // for the others
};

using Command = std::variant<CheckFreshness, AskToolchain, SendAction, RevokeLease, PublishOutputs, RecordHistory,
                             AnswerFrontEnd>;

}  // namespace extfarm::scheduling
