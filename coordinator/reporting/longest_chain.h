// The chain of attempts that bounds the build from below, however many slots
// there are.  Knows nothing of hosts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

inline double run_seconds_of(const LoggedAttempt& attempt) { return seconds(attempt.run_time); }

struct Chain {
  double seconds = 0;
  std::vector<std::uint64_t> actions;  // first to last
};

// Of the counted attempts, by `after`.  An action named there that did not run
// takes no time; an edge that would close a circle is ignored.  `run_seconds`
// says how long an attempt took, where that is not its run time.
Chain longest_chain(const std::deque<LoggedAttempt>&,
                    const std::function<double(const LoggedAttempt&)>& run_seconds = run_seconds_of);

}  // namespace extfarm::reporting
