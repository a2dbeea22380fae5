// The commands of `extfarm`, by whom they are for: each class has their options,
// and does what was asked for once they are read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/shell/doctor.h"
#include "coordinator/shell/options.h"
#include "coordinator/shell/slurm_workers.h"
#include "coordinator/shell/status.h"
#include "coordinator/shell/verify.h"

namespace CLI {
class App;
}

namespace extfarm {

// What commands of several kinds have in common.
struct SharedOptions {
  SharedOptions();  // from the environment
  RunOptions run;
  std::string workers;  // endpoints, separated by spaces
};

// Empty for a variable that is not set.
std::string variable(const char* name);
void split_words(const std::string& text, std::vector<std::string>& out);

// run, build, verify
class BuildCommands {
 public:
  BuildCommands(CLI::App&, SharedOptions&);
  std::optional<int> run();  // the exit code; empty: another command was asked for

 private:
  void add_shared(CLI::App& command);
  void add_farming(CLI::App& command);
  void add_run();
  void add_build();
  void add_verify();
  void settle_slots();

  SharedOptions& shared_;
  std::string jobs_, local_, manifest_, database_;
  VerifyOptions verify_options_;
  CLI::App *run_, *build_, *verify_;
};

// keys, status, doctor, workers
class LabCommands {
 public:
  LabCommands(CLI::App&, SharedOptions&);
  std::optional<int> run();

 private:
  void add_status();
  void add_doctor();

  SharedOptions& shared_;
  StatusOptions status_options_;
  DoctorOptions doctor_options_;
  SlurmWorkersOptions slurm_options_;
  CLI::App *keys_, *status_, *doctor_, *workers_;
};

// explain, history, report: of builds that have ended; and completions
class RecordCommands {
 public:
  explicit RecordCommands(CLI::App&);
  std::optional<int> run();

 private:
  CLI::App& app_;
  std::vector<std::string> targets_;
  bool as_json_ = false, is_opened_ = false;
  std::string form_;
  CLI::App *explain_, *history_, *report_, *completions_;
};

}  // namespace extfarm
