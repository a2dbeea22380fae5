// `extfarm history [TARGET…]`: how long actions took in the last builds of this
// folder, what memory they took, and on which hosts.
#pragma once

#include <string>
#include <vector>

namespace extfarm {

// Without a target the slowest actions, and the hosts.  Returns the exit code: 0, or 1 when nothing
// was built here or a target is unknown.  doc/json.md has the keys of the JSON.
int show_history(const std::string& project_root, const std::vector<std::string>& targets, bool as_json);

}  // namespace extfarm
