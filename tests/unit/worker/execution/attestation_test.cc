// That what a command read is attested, and that asking for it changes nothing.
#include "attempt_fixture.h"

namespace extfarm {
namespace {

class AttestationTest : public AttemptFixture {};

TEST_F(AttestationTest, TheAddedOptionsAreNotRecordedInTheObject) {
  const auto expected = plain("gcc -g -frecord-gcc-switches -c a.c -o a.o", "a.o");
  const auto outcome = run(compile({"gcc", "-g", "-frecord-gcc-switches", "-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(output(outcome, "a.o"), expected);
  EXPECT_TRUE(attests(outcome, "/tree/h.h"));
  EXPECT_TRUE(attests(outcome, "/stddef.h"));
}

TEST_F(AttestationTest, SystemHeadersAreAttestedThoughTheCommandLeavesThemOut) {
  const auto expected = plain("gcc -MMD -save-temps -c a.c -o a.o", "a.d");
  for (const char* name : {"a.o", "a.i", "a.s"}) std::filesystem::remove(tree_ + "/" + name);
  const auto outcome = run(compile({"gcc", "-MMD", "-save-temps", "-c", "a.c", "-o", "a.o"}));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_TRUE(attests(outcome, "/stddef.h"));
  EXPECT_EQ(output(outcome, "a.d"), expected);
  for (const char* name : {"a.o", "a.i", "a.s"}) EXPECT_NE(output(outcome, name), "(absent)") << name;
}

TEST_F(AttestationTest, TheCommandsOwnDepfileIsReadAndReturned) {
  const auto outcome = run(compile({"gcc", "-Wp,-MD,own.d", "-c", "a.c", "-o", "a.o"}));
  EXPECT_TRUE(attests(outcome, "/stddef.h"));
  EXPECT_NE(output(outcome, "own.d"), "(absent)");
}

TEST_F(AttestationTest, ALinkAttestsItsObjects) {
  write("main.c", "int main(void) { return 0; }\n");
  ASSERT_EQ(std::system(("cd " + tree_ + " && gcc -c main.c").c_str()), 0);
  const auto expected = plain("gcc main.o -o app", "app");
  auto link = command(ActionKind::kLink, {"gcc", "main.o", "-o", "app"});
  const auto outcome = run(link);
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_EQ(output(outcome, "app"), expected);
  EXPECT_TRUE(attests(outcome, "/tree/main.o"));
  EXPECT_TRUE(attests(outcome, "/crti.o"));
}

TEST_F(AttestationTest, NothingIsAddedThatTheCompilerWouldComplainOf) {
  write("p.i", "int x;\n");
  write("s.s", ".text\nnop\n");
  for (const std::string source : {"p.i", "s.s"}) {
    auto action = compile({"clang", "-Werror", "-c", source, "-o", "a.o"});
    action.inputs = {tree_ + "/" + source};
    const auto outcome = run(action);
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << source << ": " << outcome.stderr_bytes;
    EXPECT_EQ(outcome.stderr_bytes, "") << source;
    EXPECT_TRUE(attests(outcome, source));
  }
}

TEST_F(AttestationTest, ACompileErrorIsWordForWordTheCompilers) {
  write("a.c", "int f(void) { return }\n");
  EXPECT_NE(std::system(("cd " + tree_ + " && LC_ALL=C gcc -c a.c -o a.o 2> words").c_str()), 0);
  const auto outcome = run(compile({"gcc", "-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kCommandFailed);
  EXPECT_EQ(outcome.stderr_bytes, in_tree("words"));
}

TEST_F(AttestationTest, AnUnreadableListIsNoSuccess) {
  // A compile whose list is lost would be accepted with inputs nobody compared.
  auto honest = compile({"gcc", "-MD", "-MF", "cut.d", "-MT", "x", "-c", "a.c", "-o", "a.o"});
  EXPECT_EQ(run(honest).outcome_class, OutcomeClass::kSucceeded);
  auto cut = honest;
  cut.argv = {"gcc", "-MD", "-MF", "/dev/null", "-c", "a.c", "-o", "a.o"};
  const auto outcome = run(cut);
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kInfrastructure);
  EXPECT_NE(outcome.reason.find("/dev/null"), std::string::npos) << outcome.reason;
}

class Failures : public AttemptFixture {};

TEST_F(Failures, ACompilerThatCrashesIsNoCompileError) {
  for (const char* words : {"gcc: fatal error: Killed signal terminated program cc1",
                            "a.c:1:1: internal compiler error: Segmentation fault",
                            "as: a.o: No space left on device"}) {
    const auto outcome = run(script(std::string("echo '") + words + "' >&2; exit 1"));
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kInfrastructure) << words;
    EXPECT_NE(outcome.reason, "") << words;
  }
}

TEST_F(Failures, ACompilerWithoutMemoryIsRetriedWithMore) {
  const auto outcome = run(script("echo 'cc1plus: out of memory allocating 65536 bytes' >&2; exit 1"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kOutOfMemory);
}

class DirectMode : public AttemptFixture {
 protected:
  void SetUp() override { restart(true); }
};

TEST_F(DirectMode, WhatWouldNameScratchInItsOutputIsRefusedWithTheReason) {
  for (const std::string option : {"--coverage", "-gsplit-dwarf", "-save-temps", "-fstack-usage"}) {
    const auto outcome = run(compile({"gcc", "-g", option, "-c", "a.c", "-o", "a.o"}));
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kRefused) << option;
    EXPECT_NE(outcome.reason.find(option), std::string::npos) << outcome.reason;
  }
}

TEST_F(DirectMode, AnActionThatDeclaresNoOutputIsServedByItsDashO) {
  const auto expected = plain("gcc -c a.c -o a.o", "a.o");
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  action.outputs.clear();
  EXPECT_EQ(output(run(action), "a.o"), expected);
  EXPECT_EQ(in_tree("a.o"), "(absent)");
}

}  // namespace
}  // namespace extfarm
