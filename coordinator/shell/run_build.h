// `extfarm run -- CMD`: the coordinator for as long as CMD runs.
#pragma once

#include <string>

#include "coordinator/shell/options.h"

namespace extfarm {

// Returns the exit code for the shell: the command's own, or 75 (farm trouble
// worth a retry), 78 (configuration or key).
int run_build(const RunOptions&);

// The absolute path of a program, looked for as a shell would; empty when there is none.
std::string find_program(const std::string& name);

}  // namespace extfarm
