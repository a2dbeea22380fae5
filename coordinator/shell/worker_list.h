// `extfarm status`: the workers that have announced themselves.
#pragma once

#include <string>

namespace extfarm {

// As a table on standard output; returns the exit code.
int list_workers(const std::string& rendezvous);

// As JSON, whose keys doc/json.md has; returns the exit code.
int list_workers_as_json(const std::string& rendezvous);

}  // namespace extfarm
