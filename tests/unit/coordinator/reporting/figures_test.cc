// The arithmetic, last-build.json's schema.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "coordinator/reporting/longest_chain.h"
#include "tests/unit/coordinator/reporting/sample_builds.h"

namespace extfarm::reporting {
namespace {

using nlohmann::json;

TEST(FiguresTest, CountWorkChainsAndTheBestPossible) {
  const auto figures = figures_of(small_build());
  EXPECT_DOUBLE_EQ(figures.wall, 10);
  EXPECT_DOUBLE_EQ(figures.farm_wall, 8);
  EXPECT_DOUBLE_EQ(figures.run_total, 10);
  EXPECT_DOUBLE_EQ(figures.critical_path, 7);
  EXPECT_EQ(figures.slots, 2u);
  EXPECT_DOUBLE_EQ(figures.lower_bound, 7);
  EXPECT_DOUBLE_EQ(figures.efficiency, 7.0 / 8);
}

TEST(FiguresTest, SharedWorkBoundsTheBuildWhenItIsMoreThanTheLongestChain) {
  auto log = small_build();
  log.workers[0].slots = 1;
  EXPECT_DOUBLE_EQ(figures_of(log).lower_bound, 10);
}

// Two slots of speed 1 and two of 0.5: what took 10 s on a slow one would have
// taken 5 on a fast one, and the chain's 6 s on a slow one 3.
TEST(FiguresTest, TheBestPossibleCountsHostsByTheirSpeed) {
  BuildLog log;
  log.workers = {{"fast", "a", 2, 0, 0, false, 1.0, 0, {}}, {"slow", "b", 2, 0, 0, false, 0.5, 0, {}}};
  log.last_publication = at(20);
  log.attempts = {attempt_of(1, 0, 6, "compile", "a"), attempt_of(2, 6, 4, "link", "b", {1}),
                  attempt_of(3, 0, 10, "compile", "c")};
  for (const int i : {0, 2}) log.attempts[i].worker = "slow";
  log.attempts[1].worker = "fast";
  EXPECT_DOUBLE_EQ(figures_of(log).lower_bound, 7);  // 3 + 4 along the chain; 12 of work at speed 3 would be 4
  log.workers[0].slots = log.workers[1].slots = 1;
  EXPECT_DOUBLE_EQ(figures_of(log).lower_bound, 8);  // 12 of work at speed 1.5
}

TEST(FiguresTest, MemoryThatIsNeededForAllTheTimeBoundsTheBuildToo) {
  BuildLog log;
  log.workers = {{"w", "a", 8, 0, 0, false, 1.0, 4 << 20, {}}};
  log.last_publication = at(20);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    log.attempts.push_back(attempt_of(i, 0, 3, "compile", "a"));
    log.attempts.back().peak_memory_bytes = 3 << 20;
  }
  EXPECT_DOUBLE_EQ(figures_of(log).lower_bound, 9);
}

TEST(FiguresTest, AttemptsThatDoNotCountAreNoWork) {
  auto log = small_build();
  auto lost = attempt_of(2, 101, 50, "compile", "a.o");
  lost.counted = false;
  log.attempts.push_back(lost);
  EXPECT_DOUBLE_EQ(figures_of(log).run_total, 10);
  EXPECT_DOUBLE_EQ(figures_of(log).critical_path, 7);
}

TEST(FiguresTest, ABuildThatRanNothingIsPerfect) {
  const auto figures = figures_of(BuildLog{});
  EXPECT_EQ(figures.efficiency, 1);
  EXPECT_EQ(figures.lower_bound, 0);
  EXPECT_EQ(figures.dispatch_p99_ms, 0);
}

TEST(FiguresTest, PercentilesAreNearestRank) {
  BuildLog log;
  for (int i = 100; i >= 1; --i) log.dispatch_ms.push_back(i);
  EXPECT_EQ(figures_of(log).dispatch_p50_ms, 50);
  EXPECT_EQ(figures_of(log).dispatch_p99_ms, 99);
  log.dispatch_ms = {7};
  EXPECT_EQ(figures_of(log).dispatch_p50_ms, 7);
}

TEST(LongestChainTest, NamesItsActionsInOrderWhateverTheOrderOfTheLog) {
  auto log = small_build();
  std::swap(log.attempts[0], log.attempts[2]);
  EXPECT_EQ(longest_chain(log.attempts).actions, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(LongestChainTest, TakesTheSlowerSideOfADiamond) {
  const std::deque<LoggedAttempt> attempts = {
      attempt_of(4, 0, 1, "link", "d", {2, 3}), attempt_of(2, 0, 5, "compile", "b", {1}),
      attempt_of(3, 0, 2, "compile", "c", {1}), attempt_of(1, 0, 1, "cythonize", "a")};
  EXPECT_DOUBLE_EQ(longest_chain(attempts).seconds, 7);
  EXPECT_EQ(longest_chain(attempts).actions, (std::vector<std::uint64_t>{1, 2, 4}));
}

TEST(LongestChainTest, WhatDidNotRunTakesNoTimeAndCirclesEnd) {
  EXPECT_DOUBLE_EQ(longest_chain({attempt_of(2, 0, 3, "link", "a", {99})}).seconds, 3);
  const auto circle =
      longest_chain({attempt_of(1, 0, 1, "link", "a", {2}), attempt_of(2, 0, 2, "link", "b", {1})});
  EXPECT_DOUBLE_EQ(circle.seconds, 3);
  EXPECT_EQ(circle.actions.size(), 2u);
}

TEST(LongestChainTest, AChainOfAHundredThousandIsNoTrouble) {
  std::deque<LoggedAttempt> attempts;
  for (std::uint64_t i = 100000; i > 0; --i) attempts.push_back(attempt_of(i, 0, 1, "compile", "x", {i - 1}));
  EXPECT_DOUBLE_EQ(longest_chain(attempts).seconds, 100000);
}

// The names and types of every field, as the document that others script against has them.
TEST(LastBuildTest, HasExactlyTheFieldsOfSchemaOne) {
  const json expected = json::parse(R"({"schema": 1, "status": "ok", "exit_code": 0,
 "actions": {"total": 0, "fresh": 0, "restored": 0, "on_workers": 0, "passed_through": 0, "failed": 0, "retried": 0, "backups": 0},
 "seconds": {"wall": 0.0, "run_total": 0.0, "critical_path": 0.0, "lower_bound": 0.0, "local": 0.0,
             "probes": 0.0, "command_cpu": 0.0},
 "farmed_share": 0.0, "local": [{"reason": "", "count": 0, "seconds": 0.0}], "efficiency": 0.0, "slots": 0, "coordinator_cpu_seconds": 0.0, "bytes_returned": 0,
 "slot_seconds": {"work": 0.0, "critical_path": 0.0, "nothing_ready": 0.0, "dispatch": 0.0, "memory": 0.0,
                  "retries": 0.0, "transfers": 0.0, "absent": 0.0},
 "dispatch_ms": {"p50": 0.0, "p99": 0.0}, "rejected": {"inputs_differ": 0, "toolchain_differs": 0}, "inputs_changed": 0,
 "compared": {"repeated": 0, "agreed": 0, "differed": 0, "not_reproducible": 0, "unanswered": 0, "wrong_results": 0},
 "workers": [{"id": "", "host": "", "slots": 0, "actions": 0, "run_seconds": 0.0, "quarantined": false, "speed": 0.0,
              "joined_seconds": 0.0}]})");
  auto log = small_build();
  log.local_reasons["reads stdin"] = 1;
  const json found = json::parse(last_build_json(log));
  const auto shape = [](const json& document) {
    std::map<std::string, std::string> out;
    const json flat = document.flatten();
    for (const auto& [path, value] : flat.items())
      out[path] = value.is_number_integer() ? "integer" : value.type_name();
    return out;
  };
  EXPECT_EQ(shape(found), shape(expected));
}

TEST(LastBuildTest, EveryFieldHasItsOwnValue) {
  BuildLog log = small_build();
  log.status = "failed", log.exit_code = 3, log.total = 11, log.fresh = 12, log.on_workers = 13, log.restored = 25;
  log.passed_through = 14, log.failed = 15, log.retried = 16, log.backups = 17, log.inputs_differ = 18;
  log.toolchain_differs = 19, log.inputs_changed = 27, log.compared = {28, 29, 30, 31, 32}, log.wrong_results = 33, log.bytes_returned = 20, log.coordinator_cpu_seconds = 0.5;
  log.local_reasons = {{"probe", 3}, {"reads stdin", 2}}, log.local_seconds = {{"probe", 4.0}, {"reads stdin", 2.5}};
  log.command_cpu_seconds = 7.25;
  log.dispatch_ms = {1, 2, 9};
  log.workers[0].quarantined = true, log.workers[0].speed = 0.5;
  log.workers[0].joined = log.started + std::chrono::milliseconds(250);
  const json found = json::parse(last_build_json(log));
  EXPECT_EQ(found["status"], "failed");
  EXPECT_EQ(found["exit_code"], 3);
  EXPECT_EQ(found["actions"], json::parse(R"({"total":11,"fresh":12,"restored":25,"on_workers":13,"passed_through":14,
                                              "failed":15,"retried":16,"backups":17})"));
  EXPECT_EQ(found["seconds"],
            json::parse(R"({"wall":10.0,"run_total":10.0,"critical_path":7.0,"lower_bound":7.0,"local":2.5,
                            "probes":4.0,"command_cpu":7.25})"));
  EXPECT_EQ(found["farmed_share"], 0.8) << "a probe is no work that could have gone to a worker";
  EXPECT_EQ(found["local"], json::parse(R"([{"reason":"probe","count":3,"seconds":4.0},
                                            {"reason":"reads stdin","count":2,"seconds":2.5}])"));
  EXPECT_EQ(found["efficiency"], 0.875);
  EXPECT_EQ(found["slots"], 2);
  EXPECT_EQ(found["coordinator_cpu_seconds"], 0.5);
  EXPECT_EQ(found["bytes_returned"], 20);
  EXPECT_EQ(found["dispatch_ms"], json::parse(R"({"p50":2.0,"p99":9.0})"));
  EXPECT_EQ(found["rejected"], json::parse(R"({"inputs_differ":18,"toolchain_differs":19})"));
  EXPECT_EQ(found["inputs_changed"], 27);
  EXPECT_EQ(found["compared"], json::parse(R"({"repeated":28,"agreed":29,"differed":30,"not_reproducible":31,"unanswered":32,"wrong_results":33})"));
  EXPECT_EQ(found["workers"], json::parse(R"([{"id":"lab01-4711","host":"lab01","slots":2,"actions":4,
                                               "run_seconds":10.0,"quarantined":true,"speed":0.5,"joined_seconds":0.25}])"));
  EXPECT_EQ(found["slot_seconds"]["work"], 10.0);
}

TEST(LastBuildTest, NamesThatAreNotUtf8StillMakeAValidDocument) {
  auto log = small_build();
  log.workers[0].host = "\xfe";
  EXPECT_TRUE(json::accept(last_build_json(log)));
}

}  // namespace
}  // namespace extfarm::reporting
