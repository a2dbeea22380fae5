// Guesses of what has never run: what beside a source counts, and what does not.
#include "coordinator/farm/guesses.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class GuessesTest : public testing::Test {
 protected:
  GuessesTest() { fs::create_directories(root_ + "/d"); }
  ~GuessesTest() override { fs::remove_all(root_); }

  static std::string names(std::size_t count) {
    std::string out;
    for (; count > 0; --count) out += "a, ";
    return out;
  }
  void write(const std::string& name, const std::string& text, std::size_t more_names = 0) {
    std::ofstream(root_ + "/" + name) << text << names(more_names);
  }
  double compile(const std::string& source, const std::vector<std::string>& options = {}) const {
    Action action;
    action.cwd = root_;
    action.argv = {"gcc"};
    action.argv.insert(action.argv.end(), options.begin(), options.end());
    action.kind = ActionKind::kCompile;
    action.inputs = {root_ + "/" + source};
    return Guesses().seconds(action);
  }

  std::string root_ = fs::temp_directory_path() / ("guesses_test." + std::to_string(getpid()));
};

TEST_F(GuessesTest, ASourceThatIncludesAnotherCountsItAsItsOwn) {
  write("whole.c", "", 40000);
  write("variant.c", "#define SUFFIX 1\n#include \"whole.c\"\n");
  EXPECT_GE(compile("variant.c"), compile("whole.c"));
}

TEST_F(GuessesTest, EachIncludedFileCountsOnceAndACircleEnds) {
  write("a.c", "#include \"d/b.h\"\n#include \"d/b.h\"\n");
  write("d/b.h", "#include \"../a.c\"\n#include \"c.h\"\n", 40000);
  write("d/c.h", "", 40000);
  write("as_much.c", "", 80000);
  EXPECT_NEAR(compile("a.c"), compile("as_much.c"), 0.01);
}

TEST_F(GuessesTest, SystemHeadersAbsentOnesAndFoldersCountNothing) {
  write("plain.c", "");
  write("a.c", "#include <stdio.h>\n#include \"absent.h\"\n#include \"d\"\n");
  EXPECT_NEAR(compile("a.c"), compile("plain.c"), 0.001);
  EXPECT_GT(compile("absent.c"), 0);
}

#if defined(__aarch64__)
constexpr const char* kIntrinsics = "#include <arm_neon.h>\n";
#else
constexpr const char* kIntrinsics = "#include <immintrin.h>\n";
#endif

TEST_F(GuessesTest, TheHeaderOfTheProcessorsInstructionsCountsOnce) {
  write("plain.c", "");
  write("direct.c", kIntrinsics);
  write("d/simd.h", std::string("#pragma once\n") + kIntrinsics);
  write("by_a_header.c", "#include \"d/simd.h\"\n");
  write("both.c", std::string("#include \"d/simd.h\"\n") + kIntrinsics);
  write("elsewhere.c", "#include \"simd.h\"\n");
  write("asked.c", "#if __has_include(<immintrin.h>) && __has_include(<arm_neon.h>)\n#endif\n");
  const double plain = compile("plain.c"), direct = compile("direct.c");
  EXPECT_GT(direct, plain + 0.2);
  EXPECT_LT(direct, plain + 1);
  EXPECT_NEAR(compile("by_a_header.c"), direct, 0.01);
  EXPECT_NEAR(compile("both.c"), direct, 0.01);
  EXPECT_NEAR(compile("elsewhere.c", {"-Id"}), plain, 0.01) << "of such a header only the macros count";
  EXPECT_NEAR(compile("asked.c"), plain, 0.01);
}

TEST_F(GuessesTest, MacrosCountByWhatTheyStandForNestedOnesToo) {
  write("d/macros.h", "#define ONE(x) " + names(100) + "\n#define TWO(x) ONE(x) \\\n  ONE(x)\n");
  std::string uses = "#include \"macros.h\"\n/* TWO(1) */ // TWO(2)\n\"TWO(3)\"\n#if TWO(4)\n";
  for (int i = 0; i < 100; ++i) uses += "TWO(" + std::to_string(i) + ")\n";
  write("uses.c", uses);
  write("without.c", "", 100);
  write("as_much.c", "", 20500);
  EXPECT_NEAR(compile("uses.c"), compile("without.c"), 1e-6) << "the header is not beside it";
  EXPECT_NEAR(compile("uses.c", {"-Id"}), compile("as_much.c"), 1e-6);
  EXPECT_NEAR(compile("uses.c", {"-I", root_ + "/d"}), compile("as_much.c"), 1e-6);
}

TEST_F(GuessesTest, MacrosOfThemselvesAndEndlessOnesEnd) {
  std::string text = "#define A B\n#define B A A\n#define N0 xx\n";
  for (int i = 1; i < 5000; ++i) text += "#define N" + std::to_string(i) + " N" + std::to_string(i - 1) + " N" + std::to_string(i - 1) + "\n";
  write("a.c", text + "A B N4999 N60\n");
  EXPECT_GT(compile("a.c"), 100);
  EXPECT_LT(compile("a.c"), 1000);
}

TEST_F(GuessesTest, OfTwoDefinitionsTheLongerCounts) {
  write("first.c", "#define M " + names(10000) + "\nM\n#define M y\n");
  write("last.c", "#define M y\n#define M " + names(10000) + "\nM\n");
  EXPECT_NEAR(compile("first.c"), compile("last.c"), 1e-6);
  EXPECT_GT(compile("first.c"), 1);
}

TEST_F(GuessesTest, ATableOfNumbersCountsLittleAndWhatIsNotReadCounts) {
  std::string table = "static const int t[] = {";
  for (int i = 0; i < 10000; ++i) table += "0x" + std::to_string(i) + "u, ";
  write("table.c", table + "};\n");
  EXPECT_LT(compile("table.c"), 0.1);
  write("large.c", "", 1 << 20);
  write("third.c", "", (1 << 20) / 3);
  EXPECT_NEAR(compile("large.c"), 3 * compile("third.c"), 0.2);
}

TEST_F(GuessesTest, OnlyATranspileIsKnownToHaveMoreBehindIt) {
  Action action;
  action.kind = ActionKind::kCythonize;
  EXPECT_GT(guess_tail_seconds(action, 1), 1);
  action.kind = ActionKind::kCompile;
  EXPECT_EQ(guess_tail_seconds(action, 1), 0);
}

}  // namespace
}  // namespace extfarm
