// What the user reads: the progress line, the log's lines, the summary.
#include <gtest/gtest.h>

#include "coordinator/reporting/progress.h"
#include "tests/unit/coordinator/reporting/sample_builds.h"

namespace extfarm::reporting {
namespace {

std::size_t columns(const std::string& text) {
  std::size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return out;
}

LiveBuild busy() {
  LiveBuild build;
  build.done = 20, build.total = 48, build.running = 4, build.usable_slots = 6;
  build.left_seconds = 12;
  build.workers = {{"lab01-4711", "lab01", 4, true, 12, {{"Cython/Compiler/ExprNodes.c", "compile", "g", 14.2}, {"a.o", "compile", "g", 3}}, 0},
                   {"laptop-3", "laptop", 2, true, 8, {{"Cython/Compiler/Nodes.c", "compile", "g", 9.9}, {"b.o", "compile", "g", 0.3}}, 0}};
  return build;
}

TEST(ProgressLineTest, SaysDoneRunningShareTimeLeftAndTheLongest) {
  EXPECT_EQ(ProgressLine(false).line(busy(), 84),
            "[20/48] running 4 · 41 % · 0:12 left · longest: Cython/Compiler/ExprNodes.c 14 s");
}

TEST(ProgressLineTest, NamesThreeLongOnesOfAllWorkersWhereThereIsRoom) {
  EXPECT_EQ(ProgressLine(false).line(busy(), 200),
            "[20/48] running 4 · 41 % · 0:12 left · longest: Cython/Compiler/ExprNodes.c 14 s, Cython/Compiler/Nodes.c 9 s, a.o 3 s");
}

TEST(ProgressLineTest, ATimeThatIsMostlyGuessedSaysSo) {
  auto build = busy();
  build.left_is_guess = true;
  EXPECT_NE(ProgressLine(false).line(build, 84).find(" · ~0:12 left · "), std::string::npos);
}

TEST(ProgressLineTest, TheTitleLosesItsBeginningFirst) {
  const auto line = ProgressLine(false).line(busy(), 70);
  EXPECT_EQ(line, "[20/48] running 4 · 41 % · 0:12 left · longest: …iler/ExprNodes.c 14 s");
  EXPECT_EQ(columns(line), 70u);
}

TEST(ProgressLineTest, ThenWholePartsGoFromTheRight) {
  EXPECT_EQ(ProgressLine(false).line(busy(), 40), "[20/48] running 4 · 41 % · 0:12 left");
  EXPECT_EQ(ProgressLine(false).line(busy(), 30), "[20/48] running 4 · 41 %");
  EXPECT_EQ(ProgressLine(false).line(busy(), 20), "[20/48] running 4");
  EXPECT_EQ(ProgressLine(false).line(busy(), 10), "[20/48]");
  EXPECT_EQ(ProgressLine(false).line(busy(), 3), "[20");
  EXPECT_EQ(ProgressLine(false).line(busy(), 0), "");
}

TEST(ProgressLineTest, NeverExceedsTheWidthNorSplitsACharacter) {
  auto state = busy();
  state.workers[0].running[0].title = "größe/ÄÖÜ/Übersetzung_日本語.c";
  for (std::size_t width = 0; width < 120; ++width) {
    const auto line = ProgressLine(false).line(state, width);
    EXPECT_LE(columns(line), width);
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      const auto lead = static_cast<unsigned char>(line[i]);
      const int follow = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
      for (int k = 1; k <= follow; ++k) {
        ASSERT_LT(i + k, line.size()) << width;
        EXPECT_EQ(static_cast<unsigned char>(line[i + k]) & 0xC0, 0x80) << width;
      }
    }
  }
}

TEST(ProgressLineTest, StaysSteadyAsTheCountGrows) {
  auto state = busy();
  state.done = 2;
  EXPECT_EQ(ProgressLine(false).line(state, 30), "[ 2/48] running 4 ·  4 %");
}

TEST(ProgressLineTest, LongTimesHaveHours) {
  auto state = busy();
  state.left_seconds = 3725;
  EXPECT_NE(ProgressLine(false).line(state, 100).find(" · 1:02:05 left · "), std::string::npos);
}

TEST(ProgressLineTest, SaysNothingOfTheTimeLeftWhileItIsUnknownOrOver) {
  LiveBuild state;
  EXPECT_EQ(ProgressLine(false).line(state, 80), "[0/0] running 0 ·  0 %");
  state.total = 3, state.running = 3;
  EXPECT_EQ(ProgressLine(false).line(state, 80), "[0/3] running 3 ·  0 %");
  state.done = 3, state.running = 0, state.left_seconds = 0;
  EXPECT_EQ(ProgressLine(false).line(state, 80), "[3/3] running 0 · 100 %");
}

TEST(ProgressLineTest, ColourAddsEscapesOnlyAndIsOffWhenNotWanted) {
  const auto coloured = ProgressLine(true).line(busy(), 70);
  std::string bare;
  for (std::size_t i = 0; i < coloured.size(); ++i) {
    if (coloured[i] == '\033') {
      i = coloured.find('m', i);
    } else {
      bare += coloured[i];
    }
  }
  EXPECT_EQ(bare, ProgressLine(false).line(busy(), 70));
  EXPECT_NE(coloured, bare);
  EXPECT_TRUE(coloured.ends_with("\033[0m"));
  EXPECT_EQ(ProgressLine(false).line(busy(), 70).find('\033'), std::string::npos);
}

TEST(ProgressLineTest, AFileNameCannotMoveTheCursor) {
  auto state = busy();
  state.workers[0].running[0].title = "a\033[2J\nb.c";
  EXPECT_NE(ProgressLine(false).line(state, 100).find("longest: a?[2J?b.c 14 s"), std::string::npos);
}

TEST(WorkerLinesTest, ShowWhatEachWorkerDoes) {
  auto build = busy();
  build.workers.push_back({"lab09-1", "lab09", 16, false, 0, {}, 0});
  EXPECT_EQ(ProgressLine(false).worker_lines(build, 60, 9),
            (std::vector<std::string>{"lab01       2/4  Cython/Compiler/ExprNodes.c 14 s, a.o 3 s",
                                      "laptop      2/2  Cython/Compiler/Nodes.c 9 s, b.o 0 s",
                                      "lab09      0/16  takes nothing now"}));
}

TEST(WorkerLinesTest, AreAsManyAsThereIsRoomForAndSayHowManyMoreThereAre) {
  auto build = busy();
  for (int i = 0; i < 30; ++i) build.workers.push_back(build.workers[0]);
  EXPECT_TRUE(ProgressLine(false).worker_lines(build, 60, 5)[0].starts_with("lab01-4711 ")) << "one of several there";
  const auto lines = ProgressLine(false).worker_lines(build, 60, 5);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[4], "and 28 more workers");
  EXPECT_TRUE(ProgressLine(false).worker_lines(build, 60, 0).empty());
}

TEST(WorkerLinesTest, NeverExceedTheWidth) {
  auto build = busy();
  build.workers[0].host = "a-host-with-a-name-beyond-all-measure.example.org";
  for (std::size_t width = 0; width < 150; ++width)
    for (const auto& line : ProgressLine(false).worker_lines(build, width, 9)) EXPECT_LE(columns(line), width) << line;
}

TEST(PlainLineTest, IsOneLineForALog) {
  auto attempt = attempt_of(1, 0, 1.23, "compile", "Cython/Plex/Scanners.c");
  EXPECT_EQ(plain_line(attempt, 12, 48), "[12/48] compile Cython/Plex/Scanners.c 1.2 s lab01");
}

TEST(SummaryTest, SaysCountsFiguresAndWhereTheReportLies) {
  EXPECT_EQ(summary_text(small_build(), ".extfarm/report.html"),
            "extfarm: 5 actions in 10.0 s: 4 on workers (1 host), 1 up to date, 0 failed\n"
            "extfarm: wall 8.00 s on 2 slots, work 10.0 s, best possible 7.00 s, efficiency 0.88; slot time: "
            "work 62.5 %, critical path 25.0 %, nothing ready 12.5 %\n"
            "extfarm: report .extfarm/report.html\n");
}

TEST(SummaryTest, CountsTheHostsOfAcceptedResults) {
  auto log = small_build();
  log.attempts[1].host = "lab02";
  auto lost = attempt_of(9, 101, 1, "compile", "x.o");
  lost.host = "lab03";
  lost.counted = false;
  log.attempts.push_back(lost);
  EXPECT_NE(summary_text(log, "r").find("(2 hosts)"), std::string::npos);
}

TEST(SummaryTest, NamesWhatWasRepeatedRejectedAndRunLocally) {
  auto log = small_build();
  log.retried = 2, log.inputs_differ = 1, log.toolchain_differs = 2, log.passed_through = 9;
  log.backups = 1;
  log.local_reasons = {{"reads stdin", 2}, {"preprocesses\n only", 7}};
  log.local_seconds = {{"reads stdin", 2.5}};
  const auto text = summary_text(log, "r");
  EXPECT_NE(text.find("0 failed, 9 ran locally\n"), std::string::npos) << text;
  EXPECT_NE(text.find("extfarm: 2 attempts repeated\n"), std::string::npos) << text;
  EXPECT_NE(text.find("extfarm: 1 attempt overdue, made a second time elsewhere\n"), std::string::npos) << text;
  EXPECT_NE(text.find("3 results rejected: 1 had read other inputs, 2 had another toolchain\n"),
            std::string::npos);
  EXPECT_NE(text.find("ran locally: 7 × preprocesses? only\nextfarm: ran locally: 2 × reads stdin, 2.5 s\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("80.0 % of the work, probes apart, ran on workers\n"), std::string::npos) << text;
}

TEST(SummaryTest, ManyReasonsAreCutShort) {
  auto log = small_build();
  log.passed_through = 9;
  for (int i = 0; i < 9; ++i) log.local_reasons["reason " + std::to_string(i)] = 1;
  const auto text = summary_text(log, "r");
  EXPECT_NE(text.find("1 × reason 4\nextfarm: ran locally: 4 reasons more in the report\n"),
            std::string::npos)
      << text;
}

TEST(SummaryTest, WhenNothingRanEverythingIsUpToDate) {
  BuildLog log;
  log.total = log.fresh = 48;
  EXPECT_EQ(summary_text(log, "r"), "extfarm: everything is up to date (48 actions, 0 run)\n");
}

TEST(SummaryTest, WhenNoActionCameNothingWasAsked) {
  EXPECT_EQ(summary_text(BuildLog{}, "r"), "extfarm: nothing was asked of the farm\n");
}

TEST(SummaryTest, CommandsThatOnlyRanLocallyAreNotNothing) {
  BuildLog log;
  log.passed_through = 1;
  log.local_reasons = {{"reads stdin", 1}};
  const auto text = summary_text(log, "r");
  EXPECT_NE(text.find("0 actions"), std::string::npos);
  EXPECT_NE(text.find("1 × reads stdin"), std::string::npos);
}

TEST(SummaryTest, AFailedActionIsNeverCalledUpToDate) {
  BuildLog log;
  log.total = log.failed = 1;
  EXPECT_NE(summary_text(log, "r").find("1 failed"), std::string::npos);
}

}  // namespace
}  // namespace extfarm::reporting
