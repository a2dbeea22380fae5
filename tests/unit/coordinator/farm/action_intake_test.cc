// Submissions whose paths no filesystem can look at stay local, with a reason.
#include "coordinator/farm/action_intake.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class ActionIntakeTest : public testing::Test {
 protected:
  ActionIntakeTest() {
    fs::create_directories(root_ + "/d");
    std::ofstream(root_ + "/gcc").put('\n');  // found, but no compiler: nothing is run
    std::ofstream(root_ + "/a.c") << "int a;\n";
    fs::create_symlink("loop", root_ + "/loop");
  }
  ~ActionIntakeTest() override { fs::remove_all(root_); }

  std::variant<Action, StaysLocal> take(std::vector<std::string> words) {
    front_door::SubmitRequest request;
    request.kind = ActionKind::kCompile;
    request.argv = std::move(words);
    request.argv.insert(request.argv.begin(), root_ + "/gcc");
    request.cwd = root_;
    return intake_.take(request);
  }
  void expect_local(std::vector<std::string> words) {
    const auto taken = take(std::move(words));
    ASSERT_TRUE(std::holds_alternative<StaysLocal>(taken));
    EXPECT_NE(std::get<StaysLocal>(taken).reason, "");
  }
  void expect_action(std::vector<std::string> words) {
    const auto taken = take(std::move(words));
    EXPECT_TRUE(std::holds_alternative<Action>(taken)) << std::get<StaysLocal>(taken).reason;
  }

  std::string root_ = fs::temp_directory_path().string() + "/extfarm-intake-" + std::to_string(::getpid());
  std::string long_name_ = std::string(300, 'n');  // the longest is 255 bytes
  PosixFilesystem filesystem_;
  DigestCache digests_{filesystem_};
  ProcessRunner runner_;
  ToolchainProbe probe_{runner_, digests_};
  ActionIntake intake_{root_, probe_};
};

TEST_F(ActionIntakeTest, ACompileIsTaken) { expect_action({"-c", "a.c", "-o", "d/a.o"}); }

TEST_F(ActionIntakeTest, WhatTheEnvironmentGivesOtherPartsStaysLocalButATranspile) {
  front_door::SubmitRequest request;
  request.kind = ActionKind::kCompile;
  request.argv = {root_ + "/gcc", "-c", "a.c", "-o", "d/a.o"};
  request.cwd = root_;
  for (const char* name : {"COMPILER_PATH", "GCC_EXEC_PREFIX", "LDEMULATION"}) {
    request.environment = {{name, "/elsewhere"}};
    const auto taken = intake_.take(request);
    ASSERT_TRUE(std::holds_alternative<StaysLocal>(taken)) << name;
    EXPECT_EQ(std::get<StaysLocal>(taken).reason, std::string(name) + " is set, which changes what the compiler is");
  }
  request.kind = ActionKind::kCythonize;
  EXPECT_TRUE(std::holds_alternative<Action>(intake_.take(request)));
}

TEST_F(ActionIntakeTest, AnOutputWhoseNameIsTooLongStaysLocal) {
  expect_local({"-c", "a.c", "-o", long_name_});
  expect_local({"-c", "a.c", "-o", long_name_ + "/a.o"});
}

TEST_F(ActionIntakeTest, SoDoesAnInput) { expect_local({"-c", long_name_ + ".c", "-o", "a.o"}); }

TEST_F(ActionIntakeTest, AndWhatLiesBehindALinkToItself) {
  expect_local({"-c", "a.c", "-o", "loop/a.o"});
  expect_local({"-c", "loop/a.c", "-o", "a.o"});
}

TEST_F(ActionIntakeTest, NamesInOptionsThatAreTooLongAreNoFiles) {
  expect_action({"-c", "a.c", "-o", "a.o", "-B", long_name_});
  expect_action({"-c", "a.c", "-o", "a.o", "-MF", long_name_ + "/a.d"});
  intake_.declare_tools({"swig"});
  std::ofstream(root_ + "/swig").put('\n');
  front_door::SubmitRequest request;
  request.argv = {root_ + "/swig", long_name_};
  request.cwd = root_;
  EXPECT_TRUE(std::holds_alternative<Action>(intake_.take(request)));
}

}  // namespace
}  // namespace extfarm
