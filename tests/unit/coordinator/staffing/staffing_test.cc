#include "coordinator/staffing/staffing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace extfarm::staffing {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class StaffingTest : public testing::Test {
 protected:
  StaffingTest() {
    policy_.most_workers = 10;
    policy_.slots_per_worker = 4;
  }
  Decision decide(seconds at) { return staffing().decide(Timestamp{at}, facts_); }
  Staffing& staffing() {
    if (!staffing_) staffing_.emplace(policy_);
    return *staffing_;
  }
  void build(double queued, std::uint64_t width, std::uint64_t other = 0, double submitted = 0) {
    facts_.builds = {{"a", queued, submitted, width, other}};
  }
  void job(const std::string& id, JobState state, std::uint32_t slots = 0, bool is_busy = false) {
    std::erase_if(facts_.jobs, [&](const auto& one) { return one.id == id; });
    facts_.jobs.push_back({id, state, slots, is_busy});
  }

  StaffingPolicy policy_;
  Facts facts_;
  std::optional<Staffing> staffing_;
};

TEST_F(StaffingTest, WithoutWorkNobodyIsAskedFor) {
  const auto decision = decide(seconds(0));
  EXPECT_EQ(decision.ask, 0u);
  EXPECT_EQ(decision.offered_slots, 40u);
}

TEST_F(StaffingTest, ASlotIsAskedForWhereThereIsAHorizonsWorkForIt) {
  build(600, 1000);
  EXPECT_EQ(decide(seconds(0)).ask, 5u) << "600 core-seconds in 30 s: 20 slots, 4 a worker";
}

TEST_F(StaffingTest, NoMoreSlotsThanCouldBeUsedAtOnce) {
  build(6000, 8);
  EXPECT_EQ(decide(seconds(0)).ask, 2u);
}

TEST_F(StaffingTest, WhatABuildHasElsewhereIsNotAskedForAgain) {
  build(600, 1000, 18);
  EXPECT_EQ(decide(seconds(0)).ask, 1u);
  build(600, 1000, 30);
  EXPECT_EQ(decide(seconds(0)).ask, 0u);
}

TEST_F(StaffingTest, SeveralBuildsAddUp) {
  facts_.builds = {{"a", 240, 0, 100, 0}, {"b", 240, 0, 100, 4}, {"c", 1, 0, 1, 9}};
  EXPECT_EQ(decide(seconds(0)).wanted_slots, 12u);
}

TEST_F(StaffingTest, WorkThatKeepsComingCounts) {
  build(60, 100, 0, 60);  // a make with a handful of steps under way
  EXPECT_EQ(decide(seconds(0)).wanted_slots, 2u);
  build(60, 100, 0, 360);  // but 300 core-seconds came in the meantime
  EXPECT_EQ(decide(seconds(20)).wanted_slots, 12u);
  EXPECT_EQ(decide(seconds(60)).wanted_slots, 2u) << "nothing came for a while";
}

TEST_F(StaffingTest, NeverMoreThanTheMost) {
  build(1e9, 10000);
  job("1_0", JobState::kRunning, 4, true);
  job("1_1", JobState::kLeaving);
  job("1_2", JobState::kLater);
  EXPECT_EQ(decide(seconds(0)).ask, 7u) << "all of them hold a place";
}

TEST_F(StaffingTest, WhoComesLaterOrLeavesIsReplaced) {
  build(240, 8);
  job("1_0", JobState::kLeaving, 4);
  job("1_1", JobState::kLater);
  EXPECT_EQ(decide(seconds(0)).ask, 2u);
  job("1_1", JobState::kWaiting);
  EXPECT_EQ(decide(seconds(1)).ask, 1u);
}

TEST_F(StaffingTest, WorkersThatHaveMoreSlotsThanThoughtAreFewer) {
  build(960, 32);
  job("1_0", JobState::kRunning, 16, true);
  EXPECT_EQ(decide(seconds(0)).ask, 1u);
}

TEST_F(StaffingTest, WhatWaitsUnneededIsTakenBackTheLatestFirstAfterAWhile) {
  build(240, 8);
  job("1_0", JobState::kWaiting);
  job("1_1", JobState::kWaiting);
  EXPECT_THAT(decide(seconds(0)).cancel, IsEmpty());
  build(120, 4);
  EXPECT_THAT(decide(seconds(1)).cancel, IsEmpty()) << "it may be needed again in a moment";
  EXPECT_THAT(decide(seconds(11)).cancel, ElementsAre("1_1"));
}

TEST_F(StaffingTest, WhatIsNeededAgainInTimeStays) {
  job("1_0", JobState::kWaiting);
  decide(seconds(0));
  build(120, 4);
  decide(seconds(9));
  facts_.builds.clear();
  EXPECT_THAT(decide(seconds(11)).cancel, IsEmpty());
}

TEST_F(StaffingTest, ARequeuedWorkerThatWasReplacedIsNotWantedASecondTime) {
  build(120, 4);
  job("1_0", JobState::kLater);
  job("2_0", JobState::kRunning, 4, true);
  decide(seconds(0));
  const auto decision = decide(seconds(20));
  EXPECT_THAT(decision.cancel, ElementsAre("1_0"));
  EXPECT_THAT(decision.drain, IsEmpty());
}

TEST_F(StaffingTest, ABusyWorkerIsNeverGivenBack) {
  job("1_0", JobState::kRunning, 4, true);
  decide(seconds(0));
  EXPECT_THAT(decide(seconds(1000)).drain, IsEmpty());
}

TEST_F(StaffingTest, AnIdleWorkerIsGivenBackAfterAWhileAndOnlyWhereItIsNotNeeded) {
  build(120, 4);
  job("1_0", JobState::kRunning, 4);
  job("1_1", JobState::kRunning, 4);
  EXPECT_THAT(decide(seconds(0)).drain, IsEmpty());
  EXPECT_THAT(decide(seconds(29)).drain, IsEmpty());
  EXPECT_THAT(decide(seconds(30)).drain, ElementsAre("1_1"));
}

TEST_F(StaffingTest, WorkInBetweenBeginsTheWaitAnew) {
  job("1_0", JobState::kRunning, 4);
  decide(seconds(0));
  job("1_0", JobState::kRunning, 4, true);
  decide(seconds(20));
  job("1_0", JobState::kRunning, 4);
  EXPECT_THAT(decide(seconds(40)).drain, IsEmpty());
  EXPECT_THAT(decide(seconds(70)).drain, ElementsAre("1_0"));
}

TEST_F(StaffingTest, ARefusalIsNotAskedAgainAtOnceAndLaterAndLater) {
  build(240, 8);
  EXPECT_EQ(decide(seconds(0)).ask, 2u);
  staffing().refused(Timestamp{seconds(0)});
  EXPECT_EQ(decide(seconds(5)).ask, 0u);
  EXPECT_EQ(decide(seconds(10)).ask, 2u);
  staffing().refused(Timestamp{seconds(10)});
  EXPECT_EQ(decide(seconds(29)).ask, 0u);
  EXPECT_EQ(decide(seconds(30)).ask, 2u);
  staffing().accepted();
  staffing().refused(Timestamp{seconds(30)});
  EXPECT_EQ(decide(seconds(40)).ask, 2u) << "from the beginning";
}

TEST_F(StaffingTest, NoBuildCountsOnWorkersThatAreRefused) {
  job("1_0", JobState::kWaiting);
  staffing().refused(Timestamp{seconds(0)});
  EXPECT_EQ(decide(seconds(1)).offered_slots, 4u);
  EXPECT_EQ(decide(seconds(11)).offered_slots, 40u);
}

TEST_F(StaffingTest, WorkersThatDoNotStartAreAskedForLaterAndLaterUntilOneDoes) {
  build(240, 8);
  staffing().failed_to_start(Timestamp{seconds(0)});
  staffing().failed_to_start(Timestamp{seconds(0)});
  EXPECT_EQ(decide(seconds(19)).ask, 0u);
  staffing().accepted();
  EXPECT_EQ(decide(seconds(19)).ask, 0u) << "to be taken by Slurm is not to start";
  job("1_0", JobState::kRunning, 4);
  EXPECT_EQ(decide(seconds(19)).ask, 1u);
}

}  // namespace
}  // namespace extfarm::staffing
