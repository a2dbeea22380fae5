// A file that is written piece by piece and appears when it is whole.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "common/base/result.h"

namespace extfarm {

// `write` puts all of it on the stream; what it returns is returned, and leaves
// the earlier file as it was.  Errors besides: kIo, with the path.
Result<void> write_new_file(const std::string& path, const std::function<Result<void>(std::ostream&)>& write);

}  // namespace extfarm
