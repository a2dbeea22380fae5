// What is done for an attempt before it has a slot, and what is not.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "attempt_fixture.h"
#include "common/process/process_tree.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class Preparing : public AttemptFixture, public testing::WithParamInterface<bool> {
 protected:
  Preparing() { restart(GetParam()); }
  // Long enough for a command to have begun that should not.
  std::vector<AttemptEvent> events_within(Duration time) {
    std::vector<AttemptEvent> out;
    for (const Timestamp end = clock_.now() + time; clock_.now() < end;) {
      for (auto& event : executor_->take_events()) out.push_back(std::move(event));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return out;
  }
};

TEST_P(Preparing, TheCommandBeginsOnlyWhenItHasASlot) {
  const auto action = compile({"gcc", "-g", "-c", "a.c", "-o", "a.o"});
  const auto expected = plain("gcc -g -c a.c -o a.o", "a.o");
  const auto before = descendants_of(::getpid()).size();
  executor_->prepare(key_, action);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(500)).empty());
  if (!GetParam()) EXPECT_EQ(descendants_of(::getpid()).size(), before + 1) << "none waits in a view";
  const Timestamp started = clock_.now();
  executor_->start(key_, action);
  const auto outcome = next_event().outcome;
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(output(outcome, "a.o"), expected);
  EXPECT_TRUE(attests(outcome, "/h.h"));
  EXPECT_GT(outcome.run_time, Duration{0});
  EXPECT_LE(outcome.run_time, clock_.now() - started) << "it counts the waiting";
}

TEST_P(Preparing, WhatIsWrittenInTheMeantimeIsCompiledAndAttested) {
  const auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  executor_->prepare(key_, action);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(100)).empty());
  write("new.h", "#define H 5\n");
  fs::rename(tree_ + "/new.h", tree_ + "/h.h");
  executor_->start(key_, action);
  const auto outcome = next_event().outcome;
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(output(outcome, "a.o"), plain("gcc -c a.c -o a.o", "a.o"));
  const AttestedInput header{tree_ + "/h.h", digest_of("#define H 5\n")};
  EXPECT_EQ(std::count(outcome.attestation.inputs.begin(), outcome.attestation.inputs.end(), header), 1);
}

TEST_P(Preparing, ATimeLimitCountsFromTheSlot) {
  time_limit_ = std::chrono::milliseconds(1500);
  restart(GetParam());
  const auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  executor_->prepare(key_, action);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(2000)).empty());
  executor_->start(key_, action);
  const auto outcome = next_event().outcome;
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
}

TEST_P(Preparing, WhatIsRefusedIsToldBeforeThereIsASlotAndOnce) {
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.program = "/opt/not-trusted/gcc";
  executor_->prepare(key_, action);
  EXPECT_EQ(next_event().outcome.outcome_class, OutcomeClass::kRefused);
  executor_->start(key_, action);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(50)).empty());
}

TEST_P(Preparing, AToolchainThatHasBecomeAnotherIsNotUsed) {
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  write("part", "one");
  action.toolchain = {"/usr/bin/gcc", {tree_ + "/part"}};
  action.toolchain_digest = executor_->probe(action.toolchain)->digest;
  const auto before = descendants_of(::getpid()).size();
  executor_->prepare(key_, action);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(50)).empty());
  write("part", "another");
  executor_->start(key_, action);
  EXPECT_EQ(next_event().outcome.outcome_class, OutcomeClass::kToolchainDiffers);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(100)).empty());
  EXPECT_EQ(descendants_of(::getpid()).size(), before) << "its process still waits";
}

TEST_P(Preparing, AnInputIsAskedForBeforeThereIsASlot) {
  if (GetParam()) GTEST_SKIP() << "pinned bytes in a message need a view";
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.pinned = {{tree_ + "/h.h", digest_of("#define H 4\n")}};
  executor_->prepare(key_, action);
  ASSERT_EQ(next_event().kind, AttemptEvent::Kind::kNeedsInput);
  executor_->start(key_, action);  // before it has come
  supply(tree_ + "/h.h", "#define H 4\n");
  const auto outcome = next_event().outcome;
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  const auto made = output(outcome, "a.o");
  write("h.h", "#define H 4\n");
  EXPECT_EQ(made, plain("gcc -c a.c -o a.o", "a.o"));
}

TEST_P(Preparing, ForgettingLeavesNothing) {
  executor_->prepare(key_, compile({"gcc", "-c", "a.c", "-o", "a.o"}));
  executor_->forget(key_);
  EXPECT_TRUE(events_within(std::chrono::milliseconds(100)).empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(top_ + "/scratch"), {}), 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, Preparing, testing::Bool(),
                         [](const auto& info) { return info.param ? "Direct" : "Private"; });

// Its process waits in its view; nobody will ever let it go on.
TEST_F(AttemptFixture, APreparedCommandEndsWithItsWorker) {
  if (has_a_sanitizers_thread()) GTEST_SKIP() << "a process with threads makes no user namespace";
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  executor_.reset();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t worker = ::fork();
  if (worker == 0) {
    restart(false);
    executor_->prepare(key_, script("sleep 1000"));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    [[maybe_unused]] const auto told = ::write(ready[1], "!", 1);
    for (;;) ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  ::kill(worker, SIGKILL);
  const Timestamp give_up_at = clock_.now() + std::chrono::seconds(20);
  int left = 1;
  while (left > 0 && clock_.now() < give_up_at) {
    left = ::waitpid(-1, nullptr, WNOHANG) == -1 ? 0 : 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(left, 0) << "processes of it are still there";
}

}  // namespace
}  // namespace extfarm
