// That one runner leaves the processes of others alone, and its own none behind.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "common/process/process_runner.h"
#include "tests/unit/common/process/shell_request.h"

namespace extfarm {
namespace {

// Waits until the child can be waited for, without taking its status.
void await_exit_of(int pid) {
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
}

TEST(Isolation, OneRunnerLeavesAnothersExitStatusAlone) {
  ProcessRunner first, second;
  const auto id = first.start(shell("exit 7"));
  ASSERT_TRUE(id);
  await_exit_of(*first.pid(*id));
  second.take_exits();
  const auto exits = first.take_exits();
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0].exit_code, 7);
}

TEST(Isolation, AStoppedTreeDiesEvenWhereAChildLeftTheGroup) {
  ProcessRunner runner;
  const auto id = runner.start(shell("setsid sh -c 'echo $$; exec sleep 1000' & wait"));
  ASSERT_TRUE(id);
  std::string text;
  const int leader = *runner.pid(*id);
  const auto children = [](int pid) {
    std::vector<int> out;
    FILE* list = ::fopen(("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children").c_str(), "r");
    for (int child = 0; list && ::fscanf(list, "%d", &child) == 1;) out.push_back(child);
    if (list) ::fclose(list);
    return out;
  };
  int escaped = 0;
  for (int turns = 0; turns < 500 && escaped == 0; ++turns) {
    for (const int child : children(leader)) {
      if (::getsid(child) == child) escaped = child;
    }
    ::poll(nullptr, 0, 10);
  }
  ASSERT_NE(escaped, 0);
  runner.stop(*id, Duration{0});
  int turns = 0;
  for (; turns < 100 && ::kill(escaped, 0) == 0; ++turns) {
    runner.take_exits();
    ::poll(nullptr, 0, 10);
  }
  EXPECT_LT(turns, 100);
  ::kill(escaped, SIGKILL);
}

TEST(Isolation, AnIgnoredTermEndsInAKillAfterTheGrace) {
  ProcessRunner runner;
  const auto id = runner.start(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"));
  ASSERT_TRUE(id);
  pollfd ready{runner.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, 5000), 1);
  ASSERT_TRUE(runner.take_exits().empty());
  runner.stop(*id, std::chrono::milliseconds(100));
  std::vector<ProcessExit> exits;
  for (int turns = 0; turns < 500 && exits.empty(); ++turns) {
    ASSERT_TRUE(runner.next_deadline_in()) << "nobody would call again";
    ::poll(&ready, 1, 10);
    exits = runner.take_exits();
  }
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0].signal, SIGKILL);
  EXPECT_GE(exits[0].run_time, std::chrono::milliseconds(100));
}

TEST(Isolation, TheChildInheritsNoDescriptorAndNoBlockedSignal) {
  const int inheritable = ::dup(0);
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  ProcessRunner runner;
  // The shell reads by itself: while it starts a command it blocks every signal.
  const auto exit = runner.run(shell("ls /proc/$$/fd; while read -r line; do case $line in SigBlk*|SigIgn*) echo \"$line\";; "
                                     "esac; done < /proc/$$/status"),
                               std::chrono::seconds(20));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(inheritable);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->stdout_bytes, "0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Isolation, ARunnerThatGoesTakesItsProcessesAlong) {
  int pid = 0;
  {
    ProcessRunner runner;
    const auto id = runner.start(shell("sleep 1000 & sleep 1000"));
    ASSERT_TRUE(id);
    pid = *runner.pid(*id);
  }
  EXPECT_NE(::kill(-pid, 0), 0) << "a process of the group, or a zombie, is left";
}

}  // namespace
}  // namespace extfarm
