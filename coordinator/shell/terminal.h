// What the user sees while the build runs: one steady line on a terminal,
// plain lines in a log, nothing when quiet.  Always on stderr.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/timestamp.h"
#include "coordinator/reporting/build_log.h"
#include "coordinator/scheduling/scheduler.h"

namespace extfarm {

class Terminal {
 public:
  Terminal(bool quiet, bool verbose);
  void warn(const std::string& message);
  void published(const reporting::LoggedAttempt&, const scheduling::Scheduler::Counts&);
  // Draws the line anew, at most ten times a second.
  void progress(Timestamp now, const scheduling::Scheduler::Counts&,
                const std::vector<std::pair<std::string, double>>& running);
  void clear();
  void say(const std::string& text);

 private:
  bool quiet_, verbose_, is_terminal_, line_shown_ = false;
  Timestamp last_drawn_;
};

}  // namespace extfarm
