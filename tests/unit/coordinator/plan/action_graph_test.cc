// Order, readiness and lengths of the graph of actions; no workers here.
#include "coordinator/plan/action_graph.h"

#include <gtest/gtest.h>

namespace extfarm::plan {
namespace {

constexpr ActionId kA{1}, kB{2}, kC{3}, kD{4};
using Ids = std::vector<ActionId>;

TEST(ActionGraph, ALevelCoversTheLongestChainBehindAndItsRememberedTail) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 0);
  graph.add(kB, {kA}, 2, 0);
  graph.add(kC, {kA}, 1, 5);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kB), 2);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kC), 6);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kA), 7);
}

TEST(ActionGraph, PredictedAgainLevelsFollowAndTailsStay) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 0);
  graph.add(kB, {kA}, 2, 5);
  graph.add(kC, {kA}, 4, 0);
  graph.predict_again([](ActionId id) { return Lengths{id == kC ? 20.0 : 3.0, {}}; });
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kB), 8);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kC), 20);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kA), 23);
  graph.end(kC);
  graph.predict_again([](ActionId) { return Lengths{1, {}}; });
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kA), 7) << "what has ended is no chain";
}

TEST(ActionGraph, ATailThatIsPredictedAgainReplacesTheOneBefore) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 0);
  graph.add(kB, {kA}, 2, 5);
  graph.predict_again([](ActionId id) { return id == kB ? Lengths{2, 9} : Lengths{1, {}}; });
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kB), 11);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kA), 12);
  EXPECT_DOUBLE_EQ(graph.unfinished_seconds(), 3) << "tails apart";
}

TEST(ActionGraph, WhatIsLeftIsThePredictedTimeOfAllThatHasNotEnded) {
  ActionGraph graph;
  graph.add({1}, {}, 2, 9);
  graph.add({2}, {{1}}, 3, 0);
  graph.add({3}, {{2}}, 4, 0);
  graph.add({4}, {}, 0.5, 0);
  EXPECT_DOUBLE_EQ(graph.unfinished_seconds(), 9.5);
  graph.finish({1});
  EXPECT_DOUBLE_EQ(graph.unfinished_seconds(), 7.5);
  graph.predict_again([](ActionId id) { return Lengths{id.value == 3 ? 10.0 : 1.0, {}}; });
  EXPECT_DOUBLE_EQ(graph.unfinished_seconds(), 12);
  graph.end({2});  // and with it 3
  EXPECT_DOUBLE_EQ(graph.unfinished_seconds(), 1);
  graph.finish({4});
  EXPECT_DOUBLE_EQ(graph.unfinished_seconds(), 0);
}

TEST(ActionGraph, AnActionAddedLaterRaisesTheChainBeforeItAndSaysWhose) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 0);
  graph.add(kB, {kA}, 2, 0);
  EXPECT_EQ(graph.add(kC, {kB}, 10, 0).raised, (Ids{kA, kB}));
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kA), 13);
  EXPECT_EQ(graph.add(kD, {kA}, 1, 0).raised, Ids{});
}

TEST(ActionGraph, ATailThatIsThenSubmittedIsNotCountedTwice) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 4);
  graph.add(kB, {kA}, 4, 0);
  EXPECT_DOUBLE_EQ(graph.bottom_level_seconds(kA), 5);
}

TEST(ActionGraph, AnActionIsReadyOnlyWhenAllItReadsFromHasFinished) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 0);
  graph.add(kB, {}, 1, 0);
  EXPECT_EQ(graph.add(kC, {kA, kB, kA}, 1, 0).state, NodeState::kWaiting);
  EXPECT_EQ(graph.finish(kA), Ids{});
  EXPECT_EQ(graph.finish(kB), Ids{kC});
  EXPECT_EQ(graph.add(kD, {kA, kB}, 1, 0).state, NodeState::kReady);
}

TEST(ActionGraph, UnknownProducersAndItselfAreNotWaitedFor) {
  ActionGraph graph;
  EXPECT_EQ(graph.add(kA, {kA, kD}, 1, 0).state, NodeState::kReady);
}

TEST(ActionGraph, WhatDependsOnAnEndedActionEndsProducersFirst) {
  ActionGraph graph;
  graph.add(kA, {}, 1, 0);
  graph.add(kB, {kA}, 1, 0);
  graph.add(kC, {kB, kA}, 1, 0);
  EXPECT_EQ(graph.end(kA), (Ids{kB, kC}));
  EXPECT_EQ(graph.state(kC), NodeState::kEnded);
  const auto late = graph.add(kD, {kB}, 1, 0);
  EXPECT_EQ(late.state, NodeState::kEnded);
  EXPECT_EQ(late.ended_by, kB);
}

}  // namespace
}  // namespace extfarm::plan
