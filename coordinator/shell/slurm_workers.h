// `extfarm workers slurm`: keeps workers in Slurm for this user's builds.
#pragma once

#include <string>
#include <vector>

#include "coordinator/clusters/slurm_keeper.h"

namespace CLI {
class App;
}

namespace extfarm {

struct SlurmWorkersOptions {
  clusters::SlurmJobRequest job;
  std::uint32_t most_workers = 0;
  double horizon_seconds = 30, idle_seconds = 30, look_seconds = 5;
  bool quiet = false;
  std::vector<std::string> command;  // a build to keep workers for; empty: until it is told to end
};

// Describes the command line; `options` outlives the parser and is filled by it.
void add_slurm_options(CLI::App& slurm, SlurmWorkersOptions& options);

// Returns the command's exit code, or 0; 75 (Slurm or another keeper is in the way), 78 (configuration).
int keep_slurm_workers(SlurmWorkersOptions);

}  // namespace extfarm
