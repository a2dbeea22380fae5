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

TEST_F(AttestationTest, AListThatIsThrownAwayIsMadeAgain) {
  const auto outcome = run(compile({"gcc", "-MD", "-MF", "/dev/null", "-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_TRUE(attests(outcome, "/tree/h.h"));
}

TEST_F(AttestationTest, AnUnreadableListIsNoSuccess) {
  // A compile whose list is lost would be accepted with inputs nobody compared.
  const auto outcome = run(compile({"gcc", "-MD", "-MF", "a.o", "-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kInfrastructure);
  EXPECT_NE(outcome.reason.find("a.o"), std::string::npos) << outcome.reason;
}

TEST_F(AttestationTest, WhatTheAssemblerIncludesIsAttested) {
  write("blob", "bytes");
  write("a.c", "__asm__(\".section .rodata\\n.incbin \\\"blob\\\"\\n.text\");\n");
  const auto outcome = run(compile({"gcc", "-c", "a.c", "-o", "a.o"}));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_TRUE(attests(outcome, "/tree/blob"));
}

TEST_F(AttestationTest, WhatAnAssemblerReadsUntoldIsRefused) {
  write("blob", "bytes");
  write("h.h", "#define H 1\n__asm__(\".section .rodata\\n.incbin \\\"blob\\\"\\n.text\");\n");
  const std::vector<std::vector<std::string>> lines = {
      {"clang", "-c", "a.c", "-o", "a.o"}, {"gcc", "-flto", "-c", "a.c", "-o", "a.o"}, {"clang", "-shared", "-fPIC", "a.c", "-o", "a.o"}};
  for (const auto& line : lines) {
    const auto outcome = run(line[1] == "-shared" ? command(ActionKind::kLink, line) : compile(line));
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kRefused) << line[0] << line[1] << outcome.stderr_bytes;
    EXPECT_NE(outcome.reason.find("/tree/h.h has .incbin"), std::string::npos) << outcome.reason;
  }
  const std::string bytes = "#define H 2\n__asm__(\".incbin \\\"blob\\\"\");\n";  // made by this build, and not here yet
  write("h.h", "#define H 1\n");
  auto action = compile({"clang", "-c", "a.c", "-o", "a.o"});
  action.pinned = {{tree_ + "/h.h", digest_of(bytes)}};
  executor_->start(key_, action);
  ASSERT_EQ(next_event().kind, AttemptEvent::Kind::kNeedsInput);
  supply(tree_ + "/h.h", bytes);
  EXPECT_EQ(next_event().outcome.outcome_class, OutcomeClass::kRefused);
}

TEST_F(AttestationTest, ButNotWhatCcIsAskedAbout) {
  write("blob", "bytes");
  write("h.h", "#define H 1\n__asm__(\".section .rodata\\n.incbin \\\"blob\\\"\\n.text\");\n");
  const auto told = run(compile({"cc", "-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(told.outcome_class, OutcomeClass::kSucceeded) << told.reason;
  EXPECT_TRUE(attests(told, "/tree/blob"));
}

TEST_F(AttestationTest, SeveralSourcesAttestAllTheirHeaders) {
  write("b.c", "#include <limits.h>\nint g;\n");
  auto action = compile({"gcc", "-c", "a.c", "b.c"});
  action.outputs.push_back(tree_ + "/b.o");
  const auto outcome = run(action);
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_TRUE(attests(outcome, "/tree/h.h"));
  EXPECT_TRUE(attests(outcome, "/limits.h"));
}

TEST_F(AttestationTest, ASourceThatIsNotHereIsSaidToBeMissingWithTheError) {
  auto action = compile({"gcc", "-c", "gone.c", "-o", "a.o"});
  action.inputs = {tree_ + "/gone.c"};
  const auto outcome = run(action);
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kFailedUnlisted);
  ASSERT_EQ(outcome.attestation.inputs.size(), 1u);
  EXPECT_TRUE(outcome.attestation.inputs[0].digest.is_zero());
}

TEST_F(AttestationTest, AnErrorIsAttestedToByTheHeadersOrIsNotBelieved) {
  write("h.h", "#define OTHER 3\n");
  for (const char* compiler : {"gcc", "clang"}) {
    const auto outcome = run(compile({compiler, "-c", "a.c", "-o", "a.o"}));
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kCommandFailed) << compiler << ": " << outcome.reason;
    EXPECT_TRUE(attests(outcome, "/tree/h.h")) << compiler;
  }
  std::filesystem::remove(tree_ + "/h.h");
  for (const char* compiler : {"gcc", "clang"}) {
    const auto outcome = run(compile({compiler, "-c", "a.c", "-o", "a.o"}));
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kFailedUnlisted) << compiler;
    EXPECT_NE(outcome.stderr_bytes, "") << compiler;
  }
}

// Whether the compiler read the old one, from a stale cache, is not known afterwards.
TEST_F(AttestationTest, WhatWasAnotherFileBeforeTheCommandRanIsAttestedOnlyWhenItWasLookedAtBefore) {
  auto action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
  ASSERT_EQ(run(action).outcome_class, OutcomeClass::kSucceeded);  // so that h.h is known
  write("h.h", "#define H 4\n");
  const auto unseen = run(action);
  EXPECT_EQ(unseen.outcome_class, OutcomeClass::kInputsDiffer);
  EXPECT_EQ(unseen.reason, tree_ + "/h.h changed on that host while the command ran");
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kSucceeded);
  write("h.h", "#define H 5\n");
  action.changed = {tree_ + "/h.h"};  // now it is looked at before
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kSucceeded);
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

TEST_F(DirectMode, ADependencyFileComesBackWithItsOwnTarget) {
  for (const std::string list : {"-MMD -MF deps.d", "-MD -MT 'a b' -MFdeps.d", "-Wp,-MD,deps.d"}) {
    const auto expected = plain("gcc -c a.c -o a.o " + list, "deps.d");
    std::filesystem::remove(tree_ + "/a.o");
    Action action = compile({"gcc", "-c", "a.c", "-o", "a.o"});
    const auto words = list.starts_with("-MMD") ? std::vector<std::string>{"-MMD", "-MF", "deps.d"}
                       : list.starts_with("-MD") ? std::vector<std::string>{"-MD", "-MT", "a b", "-MFdeps.d"}
                                                 : std::vector<std::string>{list};
    action.argv.insert(action.argv.end(), words.begin(), words.end());
    EXPECT_EQ(output(run(action), "deps.d"), expected) << list;
    EXPECT_EQ(in_tree("deps.d"), "(absent)") << list;
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
