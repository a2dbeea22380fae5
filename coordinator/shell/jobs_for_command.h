// How many jobs the command's own build tool keeps under way: tokens for make,
// a number for ninja.  Follows the farm.  Where another make's jobserver is
// around all this, what runs on this host takes its tokens.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/farm/farm.h"
#include "coordinator/shell/jobserver.h"
#include "coordinator/shell/outer_jobserver.h"

namespace extfarm {

struct JobsPolicy {
  // A step that waits for the farm is an extfarm-cc: measured, 0.1 MB of its own and 1.2 ms of a core, make's share
  // included, from its start to its end.  64 that take a second each cost a core less than a tenth.
  std::size_t most_jobs_per_core = 64;
  // Each is a connection to the coordinator, which may have 1,024 descriptors open where nobody has set another limit.
  std::size_t most_jobs = 512;
};

class JobsForCommand {
 public:
  // `local_steps`: how many steps may keep this host busy at a time; where there is an `outer`
  // jobserver, as many as it has tokens for.  Errors: kIo.
  static Result<std::unique_ptr<JobsForCommand>> open(Farm&, std::size_t local_steps, std::size_t core_count,
                                                      std::unique_ptr<OuterJobserver> outer,
                                                      JobsPolicy = {});
  // The command must have these, under the same numbers.
  std::vector<int> descriptors() const { return tokens_->descriptors(); }
  std::string makeflags(const std::string& inherited) const { return tokens_->makeflags(inherited, most_jobs_); }
  std::string token_path() const { return tokens_->path(); }
  // As many tokens as there are local steps, and one more for each step that
  // waits at the farm, while workers have slots for it.  So what does not wait
  // is never more than the local steps, however large the farm is.
  //
  // A step that is told that it is done ends, and make gives its token to the
  // next step before it can be taken back.  So as many are told at a time as
  // there are local steps; more once make has asked for the next, or what runs
  // (below `command_pid`) shows that there is room.
  void follow(Timestamp now, int command_pid);
  // From now on nobody waits for a token to come back.
  void let_go() { farm_.allow_answers(front_door::FrontDoor::kAllAnswers); }
  // To be waited for beside what the farm waits for; -1: nothing.
  int awaited() const {
    if (tokens_->owed_count() > 0) return tokens_->fd();
    return wants_outer_token_ ? outer_->fd() : -1;
  }

 private:
  JobsForCommand(Farm& farm, std::size_t local_steps, std::size_t most_jobs, std::unique_ptr<Jobserver> tokens,
                 std::unique_ptr<OuterJobserver> outer)
      : farm_(farm), local_steps_(local_steps), most_jobs_(most_jobs), tokens_(std::move(tokens)), outer_(std::move(outer)) {}
  std::size_t room_for_answers(Timestamp now, int command_pid);
  void set_tokens();
  // Takes and gives back tokens of the outer jobserver: one for each local step
  // and each run on this host's worker, but for the one that make has counted
  // when it started this process.  Returns for how many steps that leaves room.
  std::size_t share_with_outer();
  Farm& farm_;
  std::size_t local_steps_, most_jobs_;
  std::unique_ptr<Jobserver> tokens_;
  std::unique_ptr<OuterJobserver> outer_;  // null: there is none
  bool wants_outer_token_ = false;
  std::optional<Timestamp> next_look_;  // at what runs, while answers are held
  std::size_t busy_count_ = 0;          // at the last look
};

}  // namespace extfarm
