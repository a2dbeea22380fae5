// The chain of attempts that bounds the build from below, however many slots
// there are.  Knows nothing of hosts.
#pragma once

#include <cstdint>
#include <vector>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

struct Chain {
  double seconds = 0;
  std::vector<std::uint64_t> actions;  // first to last
};

// Of the counted attempts, by `after`.  An action named there that did not run
// takes no time; an edge that would close a circle is ignored.
Chain longest_chain(const std::vector<LoggedAttempt>&);

}  // namespace extfarm::reporting
