// Splits a command line as a POSIX shell would.  Expands nothing, runs nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace extfarm::manifest {

// Quotes and backslashes as in sections 2.2 and 2.3 of the Shell Command
// Language.  Whatever only a shell can do (operators, $, backquotes, patterns,
// ~, comments, an assignment in front, several lines) is refused.
// Errors: kMalformed, with the character and its number in `command`, from 1.
Result<std::vector<std::string>> split_command(std::string_view command);

}  // namespace extfarm::manifest
