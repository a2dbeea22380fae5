// `extfarm build`: runs a graph that was read from a file, without any other
// build tool.
#pragma once

#include "coordinator/shell/options.h"

namespace extfarm {

// Returns the exit code for the shell: 0, that of the first command that
// failed, 2 (the file or a target is wrong), 75, 78, 128+N when interrupted.
int build_graph(const RunOptions&);

}  // namespace extfarm
