// Finds and hashes what really runs behind a driver: for gcc and clang cc1,
// cc1plus, f951, collect2/ld, as; for Python the interpreter and the folders named.
// The same code runs on both hosts, so that equal digests mean equal bytes.
// Of each question it keeps a bounded number of answers: a worker lives through
// many upgrades, and what is forgotten is asked again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/result.h"
#include "common/compiler/driver_answers.h"
#include "common/model/toolchain.h"
#include "common/process/process_runner.h"
#include "common/system/filesystem.h"

namespace extfarm {

class ToolchainProbe {
 public:
  static constexpr std::size_t kMostDrivers = 256;  // some 400 KB; a build has ten

  ToolchainProbe(ProcessRunner& runner, DigestCache& digests) : runner_(runner), digests_(digests) {}
  // Asks the driver once and re-stats every component at each later call.
  // A missing tool that the driver does not need (f951 for C) is no component.
  // Errors: kNotFound when the driver is absent, with its path.
  Result<Toolchain> probe(const ToolchainSpec&);

  // What drivers answered, with digests of what they named: bytes for
  // restore() in a later process, which then asks a driver only when its answer may be
  // another.  Empty when nothing was asked since restore().
  std::string take_answers();
  // Bytes that cannot be read are no error: the drivers are asked.
  void restore(std::string_view bytes);

 private:
  std::optional<Digest> meaning_of_native(const std::string& driver, const Digest& driver_digest);

  ProcessRunner& runner_;
  DigestCache& digests_;
  std::unordered_map<std::string, Digest> natives_;
  std::unordered_map<std::string, DriverAnswers> answers_;  // by driver and its digest
  bool has_asked_ = false;
};

}  // namespace extfarm
