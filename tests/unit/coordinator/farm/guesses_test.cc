// Guesses of what has never run: what beside a source counts, and what does not.
#include "coordinator/farm/guesses.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class Guesses : public testing::Test {
 protected:
  Guesses() { fs::create_directories(root_ + "/d"); }
  ~Guesses() override { fs::remove_all(root_); }

  std::string write(const std::string& name, const std::string& text, std::size_t more_bytes = 0) {
    std::ofstream(root_ + "/" + name) << text << std::string(more_bytes, ' ');
    return root_ + "/" + name;
  }
  double compile(const std::string& source) const {
    Action action;
    action.kind = ActionKind::kCompile;
    action.inputs = {root_ + "/" + source};
    return guess_seconds(action);
  }

  std::string root_ = fs::temp_directory_path() / ("guesses_test." + std::to_string(getpid()));
};

TEST_F(Guesses, ASourceThatIncludesAnotherCountsItAsItsOwn) {
  write("whole.c", "", 40000);
  write("variant.c", "#define SUFFIX 1\n#include \"whole.c\"\n");
  EXPECT_GE(compile("variant.c"), compile("whole.c"));
}

TEST_F(Guesses, EachIncludedFileCountsOnceAndACircleEnds) {
  write("a.c", "#include \"d/b.h\"\n#include \"d/b.h\"\n");
  write("d/b.h", "#include \"../a.c\"\n#include \"c.h\"\n", 40000);
  write("d/c.h", "", 40000);
  write("as_much.c", "", 80000);
  EXPECT_NEAR(compile("a.c"), compile("as_much.c"), 0.01);
}

TEST_F(Guesses, SystemHeadersAbsentOnesAndFoldersCountNothing) {
  write("plain.c", "", 60);
  write("a.c", "#include <stdio.h>\n#include \"absent.h\"\n#include \"d\"\n");
  EXPECT_NEAR(compile("a.c"), compile("plain.c"), 0.001);
  EXPECT_GT(compile("absent.c"), 0);
}

TEST_F(Guesses, OnlyATranspileIsKnownToHaveMoreBehindIt) {
  Action action;
  action.kind = ActionKind::kCythonize;
  EXPECT_GT(guess_tail_seconds(action, 1), 1);
  action.kind = ActionKind::kCompile;
  EXPECT_EQ(guess_tail_seconds(action, 1), 0);
}

}  // namespace
}  // namespace extfarm
