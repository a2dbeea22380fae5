// Where the slots' time went: one case for each loss, and the sum of any build.
#include <gtest/gtest.h>

#include <random>

#include "coordinator/reporting/slot_time.h"
#include "tests/unit/coordinator/reporting/sample_builds.h"

namespace extfarm::reporting {
namespace {

// One worker with two slots, from 0 to 10.
BuildLog two_slots() {
  BuildLog log;
  log.last_publication = at(10);
  log.workers = {{"lab01-4711", "lab01", 2, 0, 0, false}};
  return log;
}

TEST(SlotTimeTest, WhatNoScheduleAvoidsIsTheCriticalPathTheRestHadNothingReady) {
  auto log = two_slots();
  log.attempts = {attempt_of(1, 0, 4, "compile", "a"), attempt_of(2, 4, 6, "link", "b", {1})};
  const auto least = slot_time_of(log, 20);
  EXPECT_DOUBLE_EQ(least.work, 10);
  EXPECT_DOUBLE_EQ(least.critical_path, 10);
  EXPECT_DOUBLE_EQ(least.nothing_ready, 0);
  const auto half = slot_time_of(log, 14);
  EXPECT_DOUBLE_EQ(half.critical_path, 4);
  EXPECT_DOUBLE_EQ(half.nothing_ready, 6);
}

TEST(SlotTimeTest, ReadyAndNotSentOrSentAndNotStartedIsDispatch) {
  auto log = two_slots();
  auto late = attempt_of(1, 1, 6, "compile", "a");  // ready at 1, sent at 3, runs from 4 to 10
  late.sent = at(3), late.finished = late.published = at(10);
  log.attempts = {late};
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.work, 6);
  EXPECT_DOUBLE_EQ(time.dispatch, 3);
  EXPECT_DOUBLE_EQ(time.nothing_ready, 11);
}

TEST(SlotTimeTest, WaitingForMemoryIsNotDispatch) {
  auto log = two_slots();
  auto large = attempt_of(1, 0, 6, "compile", "a");
  large.sent = at(4), large.finished = large.published = at(10), large.memory_wait = from_seconds(3);
  log.attempts = {large};
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.memory, 3);
  EXPECT_DOUBLE_EQ(time.dispatch, 1);
}

TEST(SlotTimeTest, SlotsThatAWorkerHasGivenBackAreAbsent) {
  auto log = two_slots();
  log.workers[0].offers = {{at(2), 0}, {at(5), 1}, {at(9), 8}};  // the last: more than this build had of it
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.absent, 2 * 3 + 1 * 4);
  EXPECT_DOUBLE_EQ(time.sum(), 20);
}

TEST(SlotTimeTest, AttemptsThatCameToNothingAreRetries) {
  auto log = two_slots();
  auto lost = attempt_of(1, 0, 5, "compile", "a");
  lost.counted = false;
  log.attempts = {lost, attempt_of(1, 5, 5, "compile", "a")};
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.work, 5);
  EXPECT_DOUBLE_EQ(time.retries, 5);
}

TEST(SlotTimeTest, ResultsOnTheirWayAreTransfers) {
  auto log = two_slots();
  auto large = attempt_of(1, 0, 4, "compile", "a");
  large.published = at(7);
  log.attempts = {large, attempt_of(2, 7, 3, "link", "b", {1})};
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.work, 7);
  EXPECT_DOUBLE_EQ(time.transfers, 3);  // it keeps one slot's worth waiting
  EXPECT_DOUBLE_EQ(time.nothing_ready, 10);
}

TEST(SlotTimeTest, AWorkerThatComesLaterIsAbsentUntilThen) {
  auto log = two_slots();
  log.workers.push_back({"late", "b", 1, 0, 0, false, 1, 0, at(6)});
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.absent, 6);
  EXPECT_DOUBLE_EQ(time.sum(), 30);
}

TEST(SlotTimeTest, ALossNeverTakesMoreThanTheIdleSlots) {
  auto log = two_slots();
  for (std::uint64_t i = 1; i <= 5; ++i) {
    auto queued = attempt_of(i, 0, 2, "compile", "a");
    queued.finished = queued.published = at(2.0 * static_cast<double>(i));
    log.attempts.push_back(queued);
  }
  const auto time = slot_time_of(log, 0);
  EXPECT_DOUBLE_EQ(time.work, 10);
  EXPECT_DOUBLE_EQ(time.dispatch, 8);  // the one slot beside the one that works, while others are handed over
  EXPECT_DOUBLE_EQ(time.nothing_ready, 2);
}

TEST(SlotTimeTest, TheSumIsSlotsTimesWallWhateverHappened) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 chance(seed);
    const auto seconds_up_to = [&](int most) { return static_cast<double>(chance() % (1000 * most)) / 1000; };
    BuildLog log;
    log.first_submission = at(1);
    log.last_publication = at(1 + seconds_up_to(20));
    double slots = 0;
    for (std::uint32_t i = 0; i <= chance() % 3; ++i) {
      log.workers.push_back({"w" + std::to_string(i), "h", 1 + static_cast<std::uint32_t>(chance() % 4), 0, 0, false});
      log.workers.back().joined = at(seconds_up_to(8));
      slots += log.workers.back().slots;
    }
    for (std::uint64_t i = 1; i <= chance() % 30; ++i) {
      auto attempt = attempt_of(i, seconds_up_to(20), seconds_up_to(6), "compile", "a");
      attempt.ready = at(seconds_up_to(20));
      attempt.memory_wait = from_seconds(seconds_up_to(4));
      attempt.finished = attempt.finished + from_seconds(seconds_up_to(2));
      attempt.published = attempt.finished + from_seconds(seconds_up_to(2));
      attempt.counted = chance() % 4 != 0;
      log.attempts.push_back(attempt);
    }
    const double wall = seconds(log.last_publication - log.first_submission);
    const auto time = slot_time_of(log, seconds_up_to(40));
    EXPECT_NEAR(time.sum(), slots * wall, 1e-6) << "seed " << seed;
    for (const double part : {time.work, time.critical_path, time.nothing_ready, time.dispatch, time.memory,
                              time.retries, time.transfers, time.absent}) {
      EXPECT_GE(part, 0) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace extfarm::reporting
