// What the end of a compiler means, where nobody can have it die in a test.
#include "worker/execution/verdict_on_exit.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace extfarm {
namespace {

class Vmstat : public PosixFilesystem {
 public:
  explicit Vmstat(std::string text) : text_(std::move(text)) {}
  Result<std::string> read(const std::string& path) const override {
    EXPECT_EQ(path, "/proc/vmstat");
    return text_;
  }

 private:
  std::string text_;
};

ProcessExit killed(int signal, const std::string& words) {
  ProcessExit exit;
  exit.signal = signal;
  exit.exit_code = signal == 0 ? 1 : 0;
  exit.stderr_bytes = words;
  return exit;
}

TEST(Verdict, ACompilerThatTheKernelKillsForWantOfMemoryNeedsMore) {
  const std::vector<ProcessExit> exits = {killed(SIGKILL, ""),
                                          killed(0, "g++: fatal error: Killed signal terminated program cc1plus\n"),
                                          killed(0, "collect2: fatal error: ld terminated with signal 9 [Killed]\n"),
                                          killed(0, "clang: error: unable to execute command: Killed\n")};
  for (const auto& exit : exits) {
    EXPECT_EQ(verdict_on(exit, true).outcome_class, OutcomeClass::kOutOfMemory) << exit.stderr_bytes;
    EXPECT_EQ(verdict_on(exit, false).outcome_class, OutcomeClass::kInfrastructure) << exit.stderr_bytes;
  }
}

TEST(Verdict, WhoIsToldToEndByABatchSystemIsNotTheUsersMistake) {
  for (const char* words : {"gcc: fatal error: Terminated signal terminated program as\n",
                            "collect2: fatal error: ld terminated with signal 15 [Terminated]\n",
                            "clang: error: unable to execute command: Terminated\nclang: error: linker command failed due to signal\n"}) {
    EXPECT_EQ(verdict_on(killed(0, words), false).outcome_class, OutcomeClass::kInfrastructure) << words;
  }
}

TEST(Verdict, AFullDiskIsNotTheUsersMistakeHoweverItIsSaid) {
  for (const char* words : {"a.s: Fatal error: can't write 12 bytes to section .text of a.o: 'No space left on device'\n",
                            "ar: unable to copy file 'lib1.a'; reason: Success\n"}) {
    const auto verdict = verdict_on(killed(0, words));
    EXPECT_EQ(verdict.outcome_class, OutcomeClass::kInfrastructure) << words;
    EXPECT_EQ(verdict.reason, kDiskIsFull) << words;
  }
  EXPECT_EQ(verdict_on(killed(0, "ar: unable to copy file 'lib1.a'; reason: Permission denied\n")).outcome_class,
            OutcomeClass::kCommandFailed);
}

TEST(Verdict, AnErrorMeanwhileIsStillTheUsers) {
  EXPECT_EQ(verdict_on(killed(0, "a.c:1: error: expected ;\n"), true).outcome_class, OutcomeClass::kCommandFailed);
  EXPECT_EQ(verdict_on(killed(SIGSEGV, ""), true).outcome_class, OutcomeClass::kInfrastructure);
}

TEST(KernelKills, AreReadFromAmongTheOthers) {
  EXPECT_EQ(kernel_kills(Vmstat("nr_free_pages 5\noom_kill 17\nnuma_hit 3\n")), 17u);
  EXPECT_EQ(kernel_kills(Vmstat("oom_kill 3\n")), 3u);
  EXPECT_EQ(kernel_kills(Vmstat("nr_free_pages 5\nxoom_kill 17\n")), 0u);
  EXPECT_EQ(kernel_kills(Vmstat("")), 0u);
}

}  // namespace
}  // namespace extfarm
