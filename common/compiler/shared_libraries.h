// The shared libraries that programs would be loaded with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/process/process_runner.h"

namespace extfarm {

// The loader that this program runs with; empty when it is linked statically.
std::string own_loader();

// `programs`: absolute paths of files; a script needs none.  Name as the program has it, and the path found for it.
// Asks the loader (ld.so(8), --list), and of what that cannot load ldd, a shell script that takes six times as long.
std::vector<std::pair<std::string, std::string>> shared_libraries_of(ProcessRunner&, const std::string& loader,
                                                                     const std::vector<std::string>& programs);

}  // namespace extfarm
