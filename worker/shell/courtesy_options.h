// The options by which a worker gives way to those who use its machine.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "worker/shell/settings.h"

namespace extfarm {

class CourtesyOptions {
 public:
  // Both outlive this object.
  CourtesyOptions(CLI::App&, WorkerSettings&);
  // After parsing, with the slots counted: fills in the settings.  Errors: kInvalid, an option that means nothing alone.
  Result<void> settle();

 private:
  WorkerSettings& settings_;
  bool is_considerate_ = false;
  double away_seconds_ = 0, limit_seconds_ = 0;
  std::string hours_;
  std::vector<CLI::Option*> dependent_;
};

}  // namespace extfarm
