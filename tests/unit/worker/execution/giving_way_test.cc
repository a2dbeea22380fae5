// How attempts give way to what else the machine does, and for how long they may run.
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "attempt_fixture.h"
#include "worker/execution/priority.h"

namespace extfarm {
namespace {

class GivingWay : public AttemptFixture {};

// Field 41 of stat: SCHED_IDLE is 5.  It is set when the command runs already.
constexpr const char* kUntilIdle =
    "until [ $(sed 's/.*) //' /proc/self/stat | cut -d' ' -f39) = 5 ]; do :; done; "
    "sh -c 'sed \"s/.*) //\" /proc/self/stat | cut -d\" \" -f39'; ionice";

TEST_F(GivingWay, ACommandIsNicerThanItsWorker) {
  limits_.nice = 7;
  restart(false);
  const auto outcome = run(script("nice"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(outcome.stdout_bytes, std::to_string(std::min(19, ::getpriority(PRIO_PROCESS, 0) + 7)) + "\n");
}

TEST_F(GivingWay, WithIdlePriorityItTakesOnlyWhatNobodyWants) {
  idle_priority_ = true;
  restart(false);
  const auto outcome = run(script(kUntilIdle));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(outcome.stdout_bytes, "5\nidle\n") << outcome.stderr_bytes;
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

// What `in_child` finds in /proc/self/autogroup; empty where there is none.
template <class F>
std::string autogroup_of_child(F&& in_child) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    in_child();
    std::string line;
    std::getline(std::ifstream("/proc/self/autogroup"), line);
    ::_exit(::write(ends[1], line.data(), line.size()) < 0);
  }
  ::close(ends[1]);
  std::string line(200, '\0');
  line.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], line.data(), line.size()))));
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return line;
}

TEST_F(GivingWay, ASessionOfItsOwnGivesWayToOthers) {
  const auto before = autogroup_of_child([] {});
  if (before.empty()) GTEST_SKIP() << "this kernel does not share processors out by sessions";
  EXPECT_TRUE(autogroup_of_child([] {
                ::setsid();
                make_session_nicer(7);
              }).ends_with(" nice 7"));
  EXPECT_EQ(autogroup_of_child([] { make_session_nicer(7); }), before);  // the terminal's session is left alone
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
