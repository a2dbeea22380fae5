// Finds and hashes what really runs behind a driver: for gcc and clang cc1,
// cc1plus, f951, collect2/ld, as; for Python the interpreter and the folders named.
// The same code runs on both hosts, so that equal digests mean equal bytes.
#pragma once

#include <optional>
#include <unordered_map>

#include "common/base/result.h"
#include "common/model/toolchain.h"
#include "common/process/process_runner.h"
#include "common/system/filesystem.h"

namespace extfarm {

class ToolchainProbe {
 public:
  ToolchainProbe(ProcessRunner& runner, DigestCache& digests) : runner_(runner), digests_(digests) {}
  // Asks the driver once and re-stats every component at each later call.
  // A missing tool that the driver does not need (f951 for C) is no component.
  // Errors: kNotFound when the driver is absent, with its path.
  Result<Toolchain> probe(const ToolchainSpec&);

 private:
  std::optional<Digest> meaning_of_native(const std::string& driver, const Digest& driver_digest);

  ProcessRunner& runner_;
  DigestCache& digests_;
  std::unordered_map<std::string, std::vector<std::pair<std::string, std::string>>> component_paths_;
  std::unordered_map<std::string, Digest> natives_;
};

}  // namespace extfarm
