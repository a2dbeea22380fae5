// How attempts give way to what else the machine does, and for how long they may run.
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "attempt_fixture.h"
#include "common/process/process_runner.h"
#include "worker/execution/direct_mode.h"
#include "worker/execution/priority.h"

namespace extfarm {
namespace {

class GivingWay : public AttemptFixture {};

// Field 41 of stat: SCHED_IDLE is 5.  It is set when the command runs already.  By the shell's own means: on a busy machine
// each process takes seconds at that priority.
constexpr const char* kUntilIdle =
    "look='read -r line < /proc/self/stat; set -- ${line##*) }; policy=${39}'; policy=; "
    "until [ \"$policy\" = 5 ]; do eval \"$look\"; done; "
    "sh -c \"$look\"'; echo $policy'; ionice";

TEST_F(GivingWay, ACommandIsNicerThanItsWorker) {
  limits_.nice = 7;
  restart(false);
  const auto outcome = run(script("nice"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(outcome.stdout_bytes, std::to_string(std::min(19, ::getpriority(PRIO_PROCESS, 0) + 7)) + "\n");
}

// Of all that is on the machine: in either mode, and the worker itself not.
TEST_F(GivingWay, WhenMemoryRunsOutTheKernelEndsACommandFirst) {
  restart(false);
  const auto score = script("cat /proc/self/oom_score_adj");
  EXPECT_EQ(run(score).stdout_bytes, "1000\n");
  std::string own;
  std::ifstream("/proc/self/oom_score_adj") >> own;
  EXPECT_NE(own, "1000");
  ProcessRunner runner;
  ProcessRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-c", "cat /proc/self/oom_score_adj"};
  request.cwd = "/";
  request.before_exec = [&] { return confine_directly({}, top_); };
  const auto direct = runner.run(request, std::chrono::seconds(20));
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->stdout_bytes, "1000\n") << direct->stderr_bytes;
}

TEST_F(GivingWay, WithIdlePriorityItTakesOnlyWhatNobodyWants) {
  idle_priority_ = true;
  restart(false);
  const auto outcome = run(script(kUntilIdle));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(outcome.stdout_bytes, "5\nidle\n") << outcome.stderr_bytes;
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

TEST_F(GivingWay, WhatTakesTooLongIsStoppedAndTriedElsewhere) {
  time_limit_ = std::chrono::milliseconds(300);
  restart(false);
  const auto outcome = run(script("sleep 1000"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kInfrastructure);
  EXPECT_NE(outcome.reason.find("--time-limit"), std::string::npos) << outcome.reason;
}

TEST_F(GivingWay, WhatIsQuickEnoughIsNot) {
  time_limit_ = std::chrono::seconds(60);
  restart(false);
  EXPECT_EQ(run(compile({"gcc", "-c", "a.c", "-o", "a.o"})).outcome_class, OutcomeClass::kSucceeded);
}

}  // namespace
}  // namespace extfarm
