// Asks a running coordinator how its build is now.
#pragma once

#include <string>

#include "common/base/result.h"

namespace extfarm::front_door {

// `door`: the socket, or a link to it such as .extfarm/door.  The answer is the
// JSON of reporting::live_build_json.  Waits two seconds at most.
// Errors: kNotFound where no build runs, kMalformed for what is no answer.
Result<std::string> ask_live(const std::string& door);

}  // namespace extfarm::front_door
