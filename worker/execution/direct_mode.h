// Without a private view a command runs in place, but its -o goes to scratch.
// Whatever would leave other files, or name scratch in its output, is refused.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/action.h"

namespace extfarm {

struct RedirectedOutput {
  std::string path;       // absolute, where the command meant to write
  std::string stored_at;  // below `folder`
};

// Changes the -o of `argv`.  Errors: kRefused, with the option that stands in the way.
Result<RedirectedOutput> redirect_output(const Action&, const std::string& folder, std::vector<std::string>& argv);

}  // namespace extfarm
