// Without a private view a command runs in place, but what it writes goes to
// scratch: its -o and its dependency file.  Whatever would leave other files,
// or name scratch in its output, is refused.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/action.h"
#include "worker/execution/limits.h"

namespace extfarm {

struct RedirectedOutput {
  std::string path;       // absolute, where the command meant to write
  std::string stored_at;  // below `folder`
};

// Changes what `argv`, the prepared command line of the action, writes;
// `program` is the resolved compiler.
// Errors: kRefused, with the option that stands in the way.
Result<std::vector<RedirectedOutput>> redirect_outputs(const Action&, const std::string& program, const std::string& folder,
                                                       std::vector<std::string>& argv);

// What takes a view's place: limits, forbidden system calls, and writing below
// `folder` only, where the kernel has them.  Runs between fork and exec; system
// calls only.  0 or errno.
int confine_directly(const Limits&, const std::string& folder);

}  // namespace extfarm
