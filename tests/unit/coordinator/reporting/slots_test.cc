// Which slot each attempt is shown in.
#include <gtest/gtest.h>

#include "tests/unit/coordinator/reporting/sample_builds.h"

namespace extfarm::reporting {
namespace {

BuildLog build_of(std::vector<LoggedAttempt> attempts, std::uint32_t slots) {
  BuildLog log;
  log.workers = {{"lab01-4711", "lab01", slots, 0, 0.0, false}};
  for (auto& attempt : attempts) log.attempts.push_back(std::move(attempt));
  place_in_slots(log);
  return log;
}

// Handed over at `sent`, and begun when the worker had a free slot.
LoggedAttempt queued(std::uint64_t action, double sent, double start, double run) {
  auto out = attempt_of(action, start, run, "compile", "q.o");
  out.sent = at(sent);
  return out;
}

TEST(Slots, WhatWaitsInAQueueIsInNoSlotUntilItBegins) {
  const auto log = build_of({attempt_of(1, 0, 4, "compile", "a.o"), attempt_of(2, 0, 5, "compile", "b.o"),
                             queued(3, 1, 4, 2), queued(4, 1, 5, 2)}, 2);
  EXPECT_EQ(log.attempts[0].slot, 0u);
  EXPECT_EQ(log.attempts[1].slot, 1u);
  EXPECT_EQ(log.attempts[2].slot, 0u);
  EXPECT_EQ(log.attempts[3].slot, 1u);
  EXPECT_EQ(log.attempts[2].started, at(4));
}

TEST(Slots, NewsThatComesLateMakesNoSlotMoreAndNothingOverlaps) {
  const auto log = build_of({attempt_of(1, 0, 4, "compile", "a.o"), attempt_of(2, 3.99, 2, "compile", "b.o")}, 1);
  EXPECT_EQ(log.attempts[1].slot, 0u);
  EXPECT_EQ(log.attempts[1].started, at(4));
}

TEST(Slots, MoreThanThereAreIsShownAsItWas) {
  const auto log = build_of({attempt_of(1, 0, 4, "compile", "a.o"), attempt_of(2, 1, 2, "compile", "b.o")}, 1);
  EXPECT_EQ(log.attempts[1].slot, 1u);
  EXPECT_EQ(log.attempts[1].started, at(1));
}

TEST(Slots, OfAnotherWorkerHasItsOwn) {
  auto other = attempt_of(2, 1, 2, "compile", "b.o");
  other.worker = "lab02-1";
  const auto log = build_of({attempt_of(1, 0, 4, "compile", "a.o"), other}, 1);
  EXPECT_EQ(log.attempts[1].slot, 0u);
}

}  // namespace
}  // namespace extfarm::reporting
