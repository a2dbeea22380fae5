// What a coordinator with a valid key still cannot make a worker load.
#include "worker/execution/trust.h"

#include "attempt_fixture.h"

namespace extfarm {
namespace {

class Trust : public AttemptFixture {
 protected:
  void expect_refused(const Action& action, const std::string& word) {
    const auto outcome = run(action);
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kRefused) << outcome.reason << outcome.stderr_bytes;
    EXPECT_NE(outcome.reason.find(word), std::string::npos) << outcome.reason;
  }
};

TEST_F(Trust, CodeFromTheTreeIsNotLoadedIntoACompiler) {
  write("p.so", "");
  expect_refused(compile({"gcc", "-fplugin=./p.so", "-c", "a.c", "-o", "a.o"}), "p.so");
  expect_refused(compile({"gcc", "-fplugin=" + tree_ + "/p.so", "-c", "a.c", "-o", "a.o"}), "p.so");
  expect_refused(compile({"gcc", "-fplugin=/usr/../" + tree_ + "/p.so", "-c", "a.c", "-o", "a.o"}), "p.so");
}

TEST_F(Trust, NorByALinkInATrustedName) {
  write("p.so", "");
  std::filesystem::create_symlink("/usr", tree_ + "/usr");
  EXPECT_TRUE(untrusted_code({"gcc", "-B" + tree_ + "/usr/bin"}, "/usr/bin/gcc", tree_, {"/usr"}).has_value());
  EXPECT_FALSE(untrusted_code({"gcc", "-B/usr/bin"}, "/usr/bin/gcc", tree_, {"/usr"}).has_value());
  std::filesystem::create_symlink(tree_ + "/p.so", tree_ + "/q.so");
  EXPECT_TRUE(untrusted_code({"gcc", "-fplugin=q.so"}, "/usr/bin/gcc", tree_, {"/usr"}).has_value());
}

TEST_F(Trust, NorFromAResponseFile) {
  write("args", "-specs=own.specs");
  write("own.specs", "");
  expect_refused(compile({"gcc", "@args", "-c", "a.c", "-o", "a.o"}), "own.specs");
}

TEST_F(Trust, WhateverKindTheCoordinatorCallsIt) {
  write("p.so", "");
  auto action = compile({"gcc", "-fplugin=./p.so", "-c", "a.c", "-o", "a.o"});
  action.kind = ActionKind::kOther;
  expect_refused(action, "p.so");
}

TEST_F(Trust, NorThroughTheEnvironment) {
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.environment.emplace_back("LD_PRELOAD", tree_ + "/p.so");
  expect_refused(action, "LD_PRELOAD");
  action.environment.back() = {"GCC_EXEC_PREFIX", tree_ + "/"};
  expect_refused(action, "GCC_EXEC_PREFIX");
}

TEST_F(Trust, NorByAVariableWhoseNameHoldsItsValue) {
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.environment.emplace_back("GCC_EXEC_PREFIX=" + tree_ + "/", "");
  expect_refused(action, "GCC_EXEC_PREFIX");
}

// The system reads "-wrapper" there; the list of words that load code has no such word.
TEST_F(Trust, NorByAWordThatANulByteCutsShort) {
  expect_refused(compile({"gcc", std::string("-wrapper\0x", 10), tree_ + "/p.so", "-c", "a.c", "-o", "a.o"}), "NUL");
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.environment.emplace_back("LC_ALL", std::string("C\0x", 3));
  expect_refused(action, "NUL");
}

TEST_F(Trust, ACommandWithoutWordsIsRefused) {
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.argv.clear();
  expect_refused(action, "no words");
}

TEST_F(Trust, AWorkerForCompilersOnlyRunsNothingElseWhateverItIsCalled) {
  only_compilers_ = true;
  restart(false);
  write("x.o", "");
  std::filesystem::create_symlink("/usr/bin/sh", tree_ + "/gcc");
  for (const auto kind : {ActionKind::kOther, ActionKind::kCompile, ActionKind::kLink, ActionKind::kCythonize}) {
    auto shell = command(kind, {"sh", "-c", "echo > ran"});
    expect_refused(shell, "only compilers");
    shell.argv[0] = "gcc";
    expect_refused(shell, "only compilers");
    shell.program = tree_ + "/gcc";
    expect_refused(shell, "only compilers");
  }
  for (const std::string program : {"env", "python3", "make", "perl", "find", "ld", "as"})
    expect_refused(command(ActionKind::kOther, {program, "-c", "a.c"}), "only compilers");
  EXPECT_EQ(run(compile({"gcc", "-c", "a.c", "-o", "a.o"})).outcome_class, OutcomeClass::kSucceeded);
  EXPECT_EQ(run(command(ActionKind::kArchive, {"ar", "rcs", "x.a", "x.o"})).outcome_class, OutcomeClass::kSucceeded);
}

TEST_F(Trust, AnAssemblerOnTheUsersPathIsNotRun) {
  write("as", "#!/bin/sh\nexec /usr/bin/as \"$@\"\n");
  std::filesystem::permissions(tree_ + "/as", std::filesystem::perms::owner_all);
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.environment = {{"LC_ALL", "C"}, {"PATH", tree_ + ":/usr/bin"}};
  expect_refused(action, "/as");
  std::filesystem::remove(tree_ + "/as");
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kSucceeded);
}

}  // namespace
}  // namespace extfarm
