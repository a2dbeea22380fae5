// `extfarm verify -- CMD`: CMD alone and CMD on the farm, in the same path, and
// what differs.
#pragma once

#include <string>
#include <vector>

#include "coordinator/shell/options.h"

namespace extfarm {

struct VerifyOptions {
  RunOptions run;
  std::vector<std::string> also;  // folders besides the project that the command writes to
  std::string scratch;            // where copies of the trees are made; empty: TMPDIR or /tmp
  bool keep = false;              // leave the plain build's files there
};

// The plain build runs in a copy of the tree, seen at the tree's own path in a
// mount namespace of its own; the farmed one in the tree, as `extfarm run` does.
// So nothing has to be put back, whenever it is interrupted.
// Returns 0: identical, or known causes only; 1: not so, or a build failed;
// 75, 78 as `extfarm run`; 128 + the signal when interrupted.
int verify(const VerifyOptions&);

}  // namespace extfarm
