// The local worker that `extfarm run` brings along: a separate process that
// speaks the same protocol over loopback.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/process/process_runner.h"

namespace extfarm {

class EmbeddedWorker {
 public:
  EmbeddedWorker(ProcessRunner& runner) : runner_(runner) {}
  // Errors: kNotFound when extfarm-worker does not lie beside this program.
  // `tools`: the file of what this host's drivers answered to an earlier build; it need not be there.
  Result<void> start(std::uint32_t slots, const std::string& rendezvous, const std::string& key_folder,
                     const std::string& tools);
  // It stops its compiles and ends; it was not waited for.
  void ask_to_end();
  // Returns when it has ended, or will not.
  void stop();
  std::optional<ProcessId> id() const { return id_; }

 private:
  ProcessRunner& runner_;
  std::optional<ProcessId> id_;
};

// Folder of the running program.
std::string program_folder();

}  // namespace extfarm
