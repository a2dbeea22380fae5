// A folder of links to extfarm-cc, named like the compilers and archivers on a
// PATH, for builds that cannot be told which compiler to call.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

// Fills `folder` (made when absent); `tools` are linked too.  Errors: kNotFound when `launcher` is not there; kIo.
Result<void> make_masquerade(const std::string& folder, const std::string& launcher, const std::string& search_path,
                             const std::vector<std::string>& tools);

// Makes `folder`/`name` (and the folder) a link to `launcher`, whatever it was
// before.  Other builds may do the same at the same time.  Errors as above.
Result<void> make_link(const std::string& folder, const std::string& name, const std::string& launcher);

}  // namespace extfarm
