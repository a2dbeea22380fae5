// Asks a tool a short question, in an environment that is the same on every host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/process/process_runner.h"

namespace extfarm {

constexpr const char* kToolSearchPath = "/usr/local/bin:/usr/bin:/bin";

// `program`: absolute; `words`: its arguments.
// nullopt when a signal ended it, it did not start, or it took longer than kDriverPatience.
std::optional<ProcessExit> ask_tool(ProcessRunner&, const std::string& program, std::vector<std::string> words);

}  // namespace extfarm
