// Reads the Makefile fragments that compilers and linkers write (-MD,
// -Wl,--dependency-file).  Knows nothing of freshness.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

// All prerequisites of all rules, in file order, each once, unescaped; relative
// names are made absolute below `cwd`.  Errors: kMalformed, with the line.
Result<std::vector<std::string>> parse_depfile(std::string_view text, const std::string& cwd);
// The targets of all rules, likewise.
Result<std::vector<std::string>> parse_depfile_targets(std::string_view text, const std::string& cwd);

}  // namespace extfarm
