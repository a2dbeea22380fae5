#include "common/process/process_runner.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/process/descriptor_limit.h"
#include "tests/unit/common/process/shell_request.h"

namespace extfarm {
namespace {

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

class Runner : public testing::Test {
 protected:
  std::vector<ProcessExit> wait_for(std::size_t count) {
    std::vector<ProcessExit> exits;
    for (int turns = 0; turns < 3000 && exits.size() < count; ++turns) {
      pollfd ready{runner_.fd(), POLLIN, 0};
      ::poll(&ready, 1, 20);
      for (auto& exit : runner_.take_exits()) exits.push_back(std::move(exit));
    }
    return exits;
  }
  ProcessRunner runner_;
};

TEST_F(Runner, ReturnsOutputAndExitCode) {
  ASSERT_TRUE(runner_.start(shell("echo out; echo err >&2; exit 3")));
  const auto exits = wait_for(1);
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0].exit_code, 3);
  EXPECT_EQ(exits[0].stdout_bytes, "out\n");
  EXPECT_EQ(exits[0].stderr_bytes, "err\n");
}

TEST_F(Runner, WhatItStartsKeepsTheUsualLimitOfDescriptors) {
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit few{200, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  raise_descriptor_limit();
  EXPECT_GT(descriptor_limit(), 200u);
  const auto exit = runner_.run(shell("ulimit -Sn; ulimit -Hn"), std::chrono::seconds(30));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->stdout_bytes, "200\n" + std::to_string(usual.rlim_max) + "\n");
}

// Its exit is ready all the time, and nobody asks for it until the run is over.
TEST_F(Runner, WhileOneIsWaitedForAnEndedOneCostsNothing) {
  ASSERT_TRUE(runner_.start(shell("echo ended")));
  pollfd ended{runner_.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, 30'000), 1);
  const auto before = std::clock();
  const auto exit = runner_.run(shell("sleep 1; echo out; sleep 1; cat"), std::chrono::seconds(30));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->stdout_bytes, "out\n");
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 2) << "processor time of two seconds in which nothing was to be done";
  EXPECT_EQ(wait_for(1).size(), 1u);
}

TEST_F(Runner, FeedsStandardInput) {
  auto request = shell("wc -c");
  request.stdin_bytes.assign(300'000, 'x');
  const auto exit = runner_.run(request, std::chrono::seconds(30));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->stdout_bytes, "300000\n");
}

TEST_F(Runner, AThousandFailedLaunchesLeaveNothingBehind) {
  auto request = shell("");
  request.program = "/nowhere/cc";
  runner_.take_exits();
  const auto before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    const auto failed = runner_.start(request);
    ASSERT_FALSE(failed);
    ASSERT_EQ(failed.error().code, ErrorCode::kNotFound);
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was not reaped";
}

TEST_F(Runner, AFailedLaunchThatIsNotWaitedForIsToldAtItsEnd) {
  auto request = shell("");
  request.program = "/nowhere/sh";
  request.waits_for_launch = false;
  const auto before = open_descriptors();
  ASSERT_TRUE(runner_.start(request));
  const auto exits = wait_for(1);
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0].launch_error, "cannot start /nowhere/sh in /: No such file or directory");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Runner, ALaunchThatHangsIsNotWaitedForAndCanBeStopped) {
  auto request = shell("");
  request.waits_for_launch = false;
  const auto hanging = runner_.start(request, [](const ProcessRequest&, const ChildEnds&) -> Result<Spawned> {
    const pid_t pid = ::fork();
    while (pid == 0) ::pause();
    return Spawned{pid};
  });
  ASSERT_TRUE(hanging);
  ASSERT_TRUE(runner_.start(shell("exit 3")));
  const auto other = wait_for(1);
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(other[0].exit_code, 3);
  runner_.stop(*hanging, Duration{0});
  const auto stopped = wait_for(1);
  ASSERT_EQ(stopped.size(), 1u);
  EXPECT_EQ(stopped[0].signal, SIGKILL);
  EXPECT_EQ(stopped[0].launch_error, "");
}

TEST_F(Runner, TenThousandRunsLeakNoDescriptor) {
  auto request = shell("");
  request.program = "/bin/true";
  ASSERT_TRUE(runner_.run(request, std::chrono::seconds(30)));
  const auto before = open_descriptors();
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(runner_.run(request, std::chrono::seconds(30)));
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Runner, SixtyFourRunAtOnce) {
  const auto gate = std::filesystem::temp_directory_path() / ("extfarm-gate-" + std::to_string(::getpid()));
  const std::string wait = "until [ -e " + gate.string() + " ]; do sleep 0.05; done; echo ";
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(runner_.start(shell(wait + std::to_string(i))));
  EXPECT_EQ(runner_.running_count(), 64u);
  EXPECT_TRUE(runner_.take_exits().empty());
  std::ofstream(gate).close();
  const auto exits = wait_for(64);
  std::filesystem::remove(gate);
  std::set<std::string> words;
  for (const auto& exit : exits) words.insert(exit.stdout_bytes);
  EXPECT_EQ(words.size(), 64u);
}

TEST_F(Runner, AHundredMegabytesOfOutputArrive) {
  ASSERT_TRUE(runner_.start(shell("head -c 100000000 /dev/zero")));
  const auto exits = wait_for(1);
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0].stdout_bytes.size(), 100'000'000u);
}

TEST_F(Runner, TooMuchOutputIsStopped) {
  auto request = shell("cat /dev/zero");
  request.output_limit_bytes = 1 << 20;
  ASSERT_TRUE(runner_.start(request));
  const auto exits = wait_for(1);
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_TRUE(exits[0].output_limit_exceeded);
}

TEST_F(Runner, ASignalDeathIsReported) {
  ASSERT_TRUE(runner_.start(shell("kill -SEGV $$")));
  EXPECT_EQ(wait_for(1).at(0).signal, SIGSEGV);
}

TEST_F(Runner, AGrandchildThatIgnoresTermDiesWithItsGroup) {
  const auto id =
      runner_.start(shell("(trap '' TERM; while :; do sleep 1; done) & echo $!; trap '' TERM; wait"));
  ASSERT_TRUE(id);
  pollfd ready{runner_.fd(), POLLIN, 0};
  ::poll(&ready, 1, 5000);
  runner_.take_exits();
  const pid_t group = *runner_.pid(*id);
  runner_.stop(*id, std::chrono::milliseconds(50));
  ASSERT_EQ(wait_for(1).size(), 1u);
  int turns = 0;
  while (::kill(-group, 0) == 0 && ++turns < 200) {
    ::poll(nullptr, 0, 10);
    runner_.take_exits();
  }
  EXPECT_LT(turns, 200) << "the group outlived its leader";
}

}  // namespace
}  // namespace extfarm
