// What a command is.  One list of fields makes both the hash and, when that is
// another than the recorded one, the words for what is different.
#pragma once

#include <string>

#include "common/base/digest.h"
#include "common/model/action.h"

namespace extfarm::freshness {

// Hash of argv, program, cwd, stdin, toolchain and the environment that can
// change what is written.
Digest fingerprint_of(const Action&);

// "its command changed: -O2 became -O3".  `old_parts` and `new_parts` are the
// toolchains' components, as far as known.
std::string difference(const Action& before, const Action& now,
                       const std::vector<ToolchainComponent>& old_parts,
                       const std::vector<ToolchainComponent>& new_parts);

}  // namespace extfarm::freshness
