// How one attempt ended.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/timestamp.h"
#include "common/model/attestation.h"

namespace extfarm {

enum class OutcomeClass : std::uint8_t {
  kSucceeded,
  kCommandFailed,      // the compiler said no to attested inputs: final, never retried blindly
  kInfrastructure,     // signal death, no space, lost worker: retried elsewhere
  kInputsDiffer,       // the worker saw other bytes: retried elsewhere, then locally
  kOutOfMemory,        // retried elsewhere with a higher reservation
  kToolchainDiffers,   // the worker's tool changed under it
  kRefused,            // the worker does not run such a command; retried elsewhere
  kFailedUnlisted,     // it said no before it had listed what it read: final only where the submitting host is
  kGivenBack,          // the worker has no slot for it any more, through no fault of either: runs elsewhere
};

struct Outcome {
  OutcomeClass outcome_class = OutcomeClass::kInfrastructure;
  int exit_code = 0;     // of the command; 128+N when it died of signal N
  std::string reason;    // for every class but kSucceeded and kCommandFailed: what happened, to what
  std::string stdout_bytes;
  std::string stderr_bytes;
  Duration run_time{0};  // fork to exit
  Duration cpu_time{0};  // user + system of the process tree
  std::uint64_t peak_memory_bytes = 0;
  Attestation attestation;
};

inline const char* name_of(OutcomeClass c) {
  switch (c) {
    case OutcomeClass::kSucceeded: return "succeeded";
    case OutcomeClass::kCommandFailed: return "command_failed";
    case OutcomeClass::kInfrastructure: return "infrastructure";
    case OutcomeClass::kInputsDiffer: return "inputs_differ";
    case OutcomeClass::kOutOfMemory: return "out_of_memory";
    case OutcomeClass::kToolchainDiffers: return "toolchain_differs";
    case OutcomeClass::kRefused: return "refused";
    case OutcomeClass::kFailedUnlisted: return "failed_unlisted";
    case OutcomeClass::kGivenBack: return "given_back";
  }
  return "?";
}

}  // namespace extfarm
