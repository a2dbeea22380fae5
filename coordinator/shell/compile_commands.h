// compile_commands.json, for editors and analysers, at every build.
#pragma once

#include <vector>

#include "coordinator/reporting/build_log.h"
#include "coordinator/shell/build_tree.h"

namespace extfarm {

// Writes .extfarm/compile_commands.json: the compiles of this build, and of
// earlier ones those whose source is still there and that this build did not
// ask for.  Leaves the file alone where nothing would change.
void write_compile_commands(const std::vector<reporting::LoggedCompile>&, BuildTree&, Terminal&);

}  // namespace extfarm
