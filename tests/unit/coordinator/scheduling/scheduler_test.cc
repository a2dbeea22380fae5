// What transcripts do not show: counts, and calls that change nothing.
#include "coordinator/scheduling/scheduler.h"

#include <gtest/gtest.h>

namespace extfarm::scheduling {
namespace {

const Digest kToolchain = digest_of("t1");
constexpr WorkerId kWorker{1};
constexpr Timestamp kStart{};

void bring_worker(Scheduler& scheduler, std::uint32_t slots) {
  scheduler.handle(kStart, WorkerJoined{kWorker, false});
  scheduler.handle(kStart, HeartbeatReceived{kWorker, 1, slots, false, {}});
  scheduler.handle(kStart, ToolchainReported{kWorker, kToolchain, true});
}

TEST(Scheduler, CountsEachActionOnceWhateverBecomesOfIt) {
  Scheduler scheduler;
  bring_worker(scheduler, 4);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    scheduler.handle(kStart, ActionSubmitted{{id}, kToolchain, {}, 1, 0});
    scheduler.handle(kStart, FreshnessChecked{{id}, id == 3});
  }
  EXPECT_EQ(scheduler.counts().running, 2u);
  scheduler.handle(kStart, OutcomeReceived{kWorker, {1}, OutcomeClass::kSucceeded, {}, ""});
  scheduler.handle(kStart, OutputsPublished{{1}});
  scheduler.handle(kStart, OutcomeReceived{kWorker, {2}, OutcomeClass::kInfrastructure, {}, "signal 9"});
  const auto counts = scheduler.counts();
  EXPECT_EQ(counts.total, 3u);
  EXPECT_EQ(counts.finished, 2u);
  EXPECT_EQ(counts.fresh, 1u);
  EXPECT_EQ(counts.on_workers, 1u);
  EXPECT_EQ(counts.retried, 1u);
  EXPECT_EQ(counts.running, 1u);
}

ActionSubmitted remembered(std::uint64_t id, std::vector<ActionId> after, double seconds, double tail_seconds = 0) {
  return {{id}, kToolchain, std::move(after), seconds, tail_seconds};
}

TEST(Scheduler, TimeLeftIsTheWorkOnAllSlotsWhereThatTakesLongest) {
  Scheduler scheduler;
  EXPECT_FALSE(scheduler.time_left(kStart));
  scheduler.handle(kStart, remembered(1, {}, 8));
  EXPECT_FALSE(scheduler.time_left(kStart)) << "nobody is there";
  bring_worker(scheduler, 2);
  for (std::uint64_t id = 2; id <= 4; ++id) scheduler.handle(kStart, remembered(id, {}, 8));
  for (std::uint64_t id = 1; id <= 4; ++id) scheduler.handle(kStart, FreshnessChecked{{id}, false});
  EXPECT_DOUBLE_EQ(scheduler.time_left(kStart)->seconds, 16);
  EXPECT_FALSE(scheduler.time_left(kStart)->is_guess);
  EXPECT_DOUBLE_EQ(scheduler.time_left(kStart + std::chrono::seconds(3))->seconds, 13);
}

TEST(Scheduler, TimeLeftIsTheLongestChainWhereThatTakesLongest) {
  Scheduler scheduler;
  bring_worker(scheduler, 4);
  scheduler.handle(kStart, remembered(1, {}, 5));
  scheduler.handle(kStart, remembered(2, {{1}}, 7, 3));
  scheduler.handle(kStart, FreshnessChecked{{1}, false});
  EXPECT_DOUBLE_EQ(scheduler.time_left(kStart)->seconds, 15);
  EXPECT_DOUBLE_EQ(scheduler.time_left(kStart + std::chrono::seconds(2))->seconds, 13);
  // Past its own prediction, what is behind it is still to come.
  EXPECT_DOUBLE_EQ(scheduler.time_left(kStart + std::chrono::seconds(60))->seconds, 10);
}

TEST(Scheduler, TimeLeftSaysWhenMostOfItIsGuessed) {
  Scheduler scheduler;
  bring_worker(scheduler, 1);
  ActionSubmitted guessed = remembered(1, {}, 1);
  guessed.is_guess = true;
  scheduler.handle(kStart, guessed);
  EXPECT_TRUE(scheduler.time_left(kStart)->is_guess);
  scheduler.handle(kStart, remembered(2, {}, 1));
  EXPECT_FALSE(scheduler.time_left(kStart)->is_guess);
  for (std::uint64_t id = 1; id <= 2; ++id) scheduler.handle(kStart, FreshnessChecked{{id}, true});
  EXPECT_FALSE(scheduler.time_left(kStart)) << "nothing is left";
}

TEST(Scheduler, AnActionSubmittedTwiceIsOneAction) {
  Scheduler scheduler;
  EXPECT_EQ(scheduler.handle(kStart, ActionSubmitted{{1}, kToolchain, {}, 1, 0}).size(), 1u);
  EXPECT_TRUE(scheduler.handle(kStart, ActionSubmitted{{1}, kToolchain, {}, 1, 0}).empty());
  EXPECT_EQ(scheduler.counts().total, 1u);
}

TEST(Scheduler, WordsAboutUnknownThingsAreIgnored) {
  Scheduler scheduler;
  EXPECT_TRUE(scheduler.handle(kStart, OutcomeReceived{{9}, {9}, OutcomeClass::kSucceeded, {}, ""}).empty());
  EXPECT_TRUE(scheduler.handle(kStart, OutputsPublished{{9}}).empty());
  EXPECT_TRUE(scheduler.handle(kStart, PublicationFailed{{9}, OutcomeClass::kInputsDiffer, ""}).empty());
  EXPECT_TRUE(scheduler.handle(kStart, FreshnessChecked{{9}, true}).empty());
  EXPECT_TRUE(scheduler.handle(kStart, ActionCancelled{{9}}).empty());
  EXPECT_TRUE(scheduler.handle(kStart, WorkerLost{{9}}).empty());
  EXPECT_EQ(scheduler.next_deadline(), std::nullopt);
}

TEST(Scheduler, NeverSendsMoreThanAWorkerHasSlots) {
  Scheduler scheduler;
  bring_worker(scheduler, 2);
  std::size_t sent_count = 0;
  for (std::uint64_t id = 1; id <= 5; ++id) {
    scheduler.handle(kStart, ActionSubmitted{{id}, kToolchain, {}, 1, 0});
    for (const auto& command : scheduler.handle(kStart, FreshnessChecked{{id}, false})) {
      sent_count += std::holds_alternative<SendAction>(command);
    }
  }
  EXPECT_EQ(sent_count, 2u);
}

TEST(Scheduler, SaysWhatThereIsToDoAndWhoCan) {
  Scheduler scheduler;
  bring_worker(scheduler, 2);
  for (std::uint64_t id = 1; id <= 4; ++id)
    scheduler.handle(kStart, ActionSubmitted{{id}, kToolchain, {}, 10, 0});
  scheduler.handle(kStart, ActionSubmitted{{5}, kToolchain, {{4}}, 7, 0});
  EXPECT_EQ(scheduler.demand().width, 0u) << "whether any must run is not known yet";
  for (std::uint64_t id = 1; id <= 4; ++id) scheduler.handle(kStart, FreshnessChecked{{id}, id == 1});
  const auto demand = scheduler.demand();
  EXPECT_DOUBLE_EQ(demand.queued_seconds, 37) << "two run, one could, one waits";
  EXPECT_DOUBLE_EQ(demand.submitted_seconds, 30);
  EXPECT_EQ(demand.width, 3u);
  ASSERT_EQ(demand.workers.size(), 1u);
  EXPECT_EQ(demand.workers[0].slots, 2u);
  EXPECT_EQ(demand.workers[0].leases, 2u);
  scheduler.handle(kStart, HeartbeatReceived{kWorker, 2, 2, true, {{{1}}, {{2}}}});
  EXPECT_EQ(scheduler.demand().workers[0].slots, 0u) << "it drains";
}

}  // namespace
}  // namespace extfarm::scheduling
