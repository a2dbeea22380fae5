// What this worker runs at all: trusted programs, below permitted folders, by the
// toolchain that the coordinator has.  Starts no attempt.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "common/compiler/toolchain_probe.h"
#include "common/model/outcome.h"
#include "common/system/filesystem.h"
#include "worker/execution/attempt.h"
#include "worker/execution/executor.h"

namespace extfarm {

class Acceptance {
 public:
  // All of them outlive it.
  Acceptance(const ExecutorSettings& settings, ToolchainProbe& probe, const Filesystem& filesystem)
      : settings_(settings), probe_(probe), filesystem_(filesystem) {}
  // Why this worker does not run it; nullopt when it does, and the attempt's program is then the trusted name's.
  std::optional<Outcome> refusal(Attempt&);
  // Only whether its toolchain is (still) the one here.
  std::optional<Outcome> refusal_of_toolchain(const Action&);
  // A driver that is asked for its parts is run, and outside every view.  Errors: kRefused, the probe's.
  Result<Toolchain> ask(const ToolchainSpec&);

 private:
  const ExecutorSettings& settings_;
  ToolchainProbe& probe_;
  const Filesystem& filesystem_;
};

}  // namespace extfarm
