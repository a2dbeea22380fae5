// That what a Fortran compile includes and uses is attested, and that asking for it changes nothing.
#include "attempt_fixture.h"

namespace extfarm {
namespace {

class FortranTest : public AttemptFixture {
 protected:
  FortranTest() {
    std::filesystem::create_directories(tree_ + "/inc");
    write("number.f90", "module number\n  integer, parameter :: n = 1\nend module\n");
    EXPECT_EQ(std::system(("cd " + tree_ + " && gfortran -fsyntax-only -Jinc number.f90").c_str()), 0);
    write("inc/added.inc", "  integer, parameter :: m = 1\n");
    write("a.f90", "subroutine linux(k)\n  use number\n  use ieee_arithmetic\n  integer :: k\n  include 'added.inc'\n"
                   "  k = n + m ! don't /*\nend subroutine\n");
    write("inc/pre.h", "#define UNIX 7\n");
    write("a.F90", "#include \"pre.h\"\nsubroutine s(k)\n  use number\n  integer :: k\n  include 'added.inc'\n"
                   "  k = n + m + UNIX\nend subroutine\n");
  }
  Action fortran(std::vector<std::string> argv, const std::string& source) const {
    auto action = compile(std::move(argv));
    action.inputs = {tree_ + "/" + source};
    return action;
  }
};

TEST_F(FortranTest, ModulesAndIncludedFilesAreAttested) {
  const std::string options = "gfortran -g -O1 -Iinc -c ";
  for (const std::string source : {"a.f90", "a.F90"}) {
    const auto expected = plain(options + source + " -o a.o", "a.o");
    const auto outcome = run(fortran({"gfortran", "-g", "-O1", "-Iinc", "-c", source, "-o", "a.o"}, source));
    ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << source << outcome.reason << outcome.stderr_bytes;
    EXPECT_EQ(output(outcome, "a.o"), expected) << source;
    EXPECT_EQ(outcome.stderr_bytes, "") << source;
    for (const char* read : {"/inc/number.mod", "/inc/added.inc"}) EXPECT_TRUE(attests(outcome, read)) << source << read;
    EXPECT_EQ(attests(outcome, "/ieee_arithmetic.mod"), source == "a.f90");
    EXPECT_EQ(attests(outcome, "/inc/pre.h"), source == "a.F90");
  }
}

TEST_F(FortranTest, WhetherItIsPreprocessedIsForItsOptionsToSay) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-cpp", "a.f90"}, {"-nocpp", "a.f90"}, {"-x", "f95", "a.f90"}, {"-MD", "a.F90"}, {"-cpp", "-MMD", "a.f90"}}) {
    std::vector<std::string> argv = {"gfortran", "-Iinc", "-c", "-o", "a.o"};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto outcome = run(fortran(argv, words.back()));
    ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << words.front() << outcome.reason << outcome.stderr_bytes;
    EXPECT_TRUE(attests(outcome, "/inc/number.mod")) << words.front();
  }
}

TEST_F(FortranTest, TheFamilysOtherDriversDoTheSame) {
  const auto outcome = run(fortran({"gcc", "-Iinc", "-c", "a.f90", "-o", "a.o"}, "a.f90"));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_TRUE(attests(outcome, "/inc/number.mod"));
  const auto c = run(fortran({"gfortran", "-c", "a.c", "-o", "a.o"}, "a.c"));
  ASSERT_EQ(c.outcome_class, OutcomeClass::kSucceeded) << c.reason << c.stderr_bytes;
  EXPECT_TRUE(attests(c, "/tree/h.h"));
}

TEST_F(FortranTest, ASubmoduleIsMadeAndReadByTheSameCommand) {
  write("a.f90", "module own\n interface\n  module subroutine s\n  end subroutine\n end interface\nend module\n"
                 "submodule (own) impl\ncontains\n module procedure s\n end procedure\nend submodule\n");
  const auto outcome = run(fortran({"gfortran", "-c", "a.f90", "-o", "a.o"}, "a.f90"));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  for (const char* name : {"own.mod", "own.smod", "own@impl.smod"}) {
    EXPECT_NE(output(outcome, name), "(absent)") << name;
    EXPECT_FALSE(attests(outcome, name)) << name;
  }
}

TEST_F(FortranTest, AModuleThatIsThereAsItWouldBeWrittenIsAnOutputToo) {
  write("number.F90", in_tree("number.f90"));
  for (const std::string source : {"number.f90", "number.F90"}) {
    ASSERT_EQ(std::system(("cd " + tree_ + " && gfortran -fsyntax-only -Jinc " + source).c_str()), 0);
    const std::string bytes = in_tree("inc/number.mod");
    const auto outcome = run(fortran({"gfortran", "-Jinc", "-c", source, "-o", "a.o"}, source));
    ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
    EXPECT_EQ(output(outcome, "inc/number.mod"), bytes) << source;
    EXPECT_FALSE(attests(outcome, "number.mod")) << source;
  }
}

TEST_F(FortranTest, AModuleThatIsWrittenThroughALinkIsTheOneBehindIt) {
  std::filesystem::create_directory_symlink("inc", tree_ + "/link");
  std::filesystem::remove(tree_ + "/inc/number.mod");
  const auto outcome = run(fortran({"gfortran", "-Jlink", "-c", "number.f90", "-o", "a.o"}, "number.f90"));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_NE(output(outcome, "inc/number.mod"), "(absent)");
}

TEST_F(FortranTest, AModuleThatCameInAMessageIsThereForTheListToo) {
  const std::string bytes = in_tree("inc/number.mod");
  for (const char* folder : {"inc", "new"}) {
    const std::string path = tree_ + "/" + folder + "/number.mod";
    std::filesystem::remove(tree_ + "/inc/number.mod");
    auto action = fortran({"gfortran", "-Iinc", "-Inew", "-c", "a.f90", "-o", "a.o"}, "a.f90");
    action.pinned = {{path, digest_of(bytes)}};
    executor_->forget(key_);
    executor_->start(key_, action);
    ASSERT_EQ(next_event().kind, AttemptEvent::Kind::kNeedsInput);
    supply(path, bytes);
    const auto outcome = next_event().outcome;
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << folder << outcome.reason << outcome.stderr_bytes;
    EXPECT_TRUE(attests(outcome, "/inc/added.inc")) << folder;
  }
}

TEST_F(FortranTest, AnErrorIsNotBelievedWithoutItsList) {
  std::filesystem::remove(tree_ + "/inc/number.mod");
  const auto outcome = run(fortran({"gfortran", "-Iinc", "-c", "a.f90", "-o", "a.o"}, "a.f90"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kFailedUnlisted);
}

TEST_F(FortranTest, WhatCannotBeListedIsRefused) {
  write("gfortran", "#!/bin/sh\ncase \" $* \" in *' -M '*) exit 1;; esac\nexec /usr/bin/gfortran \"$@\"\n");
  std::filesystem::permissions(tree_ + "/gfortran", std::filesystem::perms(0755));
  trusted_ = {"/usr", tree_};
  restart(false);
  auto action = fortran({"gfortran", "-Iinc", "-c", "a.f90", "-o", "a.o"}, "a.f90");
  action.program = tree_ + "/gfortran";
  const auto outcome = run(action);
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kRefused) << outcome.reason << outcome.stderr_bytes;
  EXPECT_NE(outcome.reason.find("lists what it reads"), std::string::npos) << outcome.reason;
}

}  // namespace
}  // namespace extfarm
