// `extfarm doctor`: connects like a build, and says what stands in a build's way.
#pragma once

#include <string>
#include <vector>

#include "coordinator/shell/options.h"

namespace extfarm {

struct DoctorOptions {
  RunOptions run;                      // rendezvous, workers, key_folder
  std::string folder;                  // that workers are to see; empty: the current one
  std::vector<std::string> compilers;  // empty: those that are commonly used
  bool as_json = false;
};

// Returns the exit code: 0, 75 for problems of workers, 78 for those of keys and configuration.
int doctor(const DoctorOptions&);

}  // namespace extfarm
