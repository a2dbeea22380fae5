// `extfarm explain TARGET…`: why actions ran in the last build, and whether
// they would now.
#pragma once

#include <string>
#include <vector>

namespace extfarm {

// Each target is an output, a source or an extension's name.  Returns the exit
// code: 0, or 1 when a target is unknown.  doc/json.md has the keys of the JSON.
int explain(const std::string& project_root, const std::vector<std::string>& targets, bool as_json);

// Lists every command that ran on this host in the last build, by reason; the exit code.
int explain_local(const std::string& project_root, bool as_json);

}  // namespace extfarm
