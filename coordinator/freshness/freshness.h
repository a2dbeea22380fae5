// Whether an action must run, and why.  The same function makes the verdict
// and its reason.  An answer needs no action to run: only stats, and hashes of
// files whose stamp changed.
#pragma once

#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/model/action.h"
#include "common/model/attestation.h"
#include "common/system/filesystem.h"

namespace extfarm::freshness {

// Hash of argv, program, cwd, environment, stdin and toolchain.
Digest fingerprint_of_command(const Action&);

// What was recorded when the action's outputs were last published.
struct Recorded {
  Digest fingerprint_of_command;
  std::vector<AttestedInput> inputs;
  std::vector<AttestedOutput> outputs;
};

struct Verdict {
  bool fresh = false;
  std::string reason;  // "up to date", "never built", "its command changed", "/usr/include/x.h changed", …
};

// `recorded` may be null.  kRemoved outputs are not looked at.
Verdict judge(const Action&, const Recorded* recorded, DigestCache&);

}  // namespace extfarm::freshness
