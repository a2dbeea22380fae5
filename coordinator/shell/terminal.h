// What the user sees while the build runs: steady lines at the foot of a
// terminal, plain lines in a log, nothing when quiet.  Always on stderr, and
// each piece in one write.
#pragma once

#include <functional>
#include <string>

#include "common/base/timestamp.h"
#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/live_build.h"
#include "coordinator/scheduling/scheduler.h"
#include "coordinator/shell/foot_lines.h"

namespace extfarm {

struct TerminalWishes {
  bool quiet = false;
  bool verbose = false;  // on a terminal a line for each action, too
  bool top = false;      // and at its foot a line for each worker
};

class Terminal {
 public:
  explicit Terminal(TerminalWishes);
  ~Terminal() { clear(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  void warn(const std::string& message);
  void published(const reporting::LoggedAttempt&, const scheduling::Scheduler::Counts&);
  // Draws the lines anew, at most ten times a second; `look` is asked only then.
  void progress(Timestamp now, const std::function<reporting::LiveBuild()>& look);
  // Takes the lines away, until the next progress().
  void clear();
  void say(const std::string& text);

 private:
  TerminalWishes wishes_;
  bool is_terminal_, color_;
  FootLines foot_;
  Timestamp last_drawn_;
};

}  // namespace extfarm
