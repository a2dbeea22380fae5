// compile_commands.json, for editors and analysers, at every build.
#pragma once

#include <string>
#include <vector>

#include "coordinator/manifest/compilation_database.h"
#include "coordinator/reporting/build_log.h"
#include "coordinator/shell/build_tree.h"

namespace extfarm {

std::string compile_commands_path(const BuildTree&);

// Writes .extfarm/compile_commands.json: the compiles of this build, and of
// earlier ones those whose source is still there and that this build did not
// ask for.  Leaves the file alone when it has all of this build's as they are.
void write_compile_commands(const manifest::CompilationEntries&, BuildTree&, Terminal&);

manifest::CompilationEntries entries_of(const std::vector<reporting::LoggedCompile>&);

}  // namespace extfarm
