#include "common/compiler/command_line.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

using Words = std::vector<std::string>;

TEST(CommandLine, ACompileNamesItsSourceAndItsObject) {
  const auto reading = read_command_line({"gcc", "-O2", "-c", "a.c", "-o", "build/a.o"});
  EXPECT_EQ(reading.kind, ActionKind::kCompile);
  EXPECT_FALSE(reading.must_run_locally);
  EXPECT_EQ(reading.sources, Words{"a.c"});
  EXPECT_EQ(reading.outputs, Words{"build/a.o"});
}

TEST(CommandLine, WithoutAnOutputTheObjectLiesInTheCurrentFolder) {
  EXPECT_EQ(read_command_line({"g++", "-c", "src/a.cpp"}).outputs, Words{"a.o"});
  EXPECT_EQ(read_command_line({"g++", "-c", "-S", "src/a.cpp"}).outputs, Words{"a.s"});
}

TEST(CommandLine, TheLastOutputCountsAndMayBeJoined) {
  EXPECT_EQ(read_command_line({"gcc", "-c", "a.c", "-oone.o", "-o", "two.o"}).outputs, Words{"two.o"});
}

TEST(CommandLine, SeveralSourcesMakeSeveralObjects) {
  EXPECT_EQ(read_command_line({"gcc", "-c", "a.c", "b.c"}).outputs, (Words{"a.o", "b.o"}));
}

TEST(CommandLine, AnOptionsValueIsNoInput) {
  const auto reading =
      read_command_line({"gcc", "-c", "-D", "X=a.c", "-include", "b.h", "-MT", "c.c", "d.c"});
  EXPECT_EQ(reading.sources, Words{"d.c"});
}

TEST(CommandLine, ALinkIsALinkAndKeepsItsInputs) {
  const auto reading = read_command_line({"x86_64-linux-gnu-gcc-12", "-shared", "a.o", "-lm", "-o", "m.so"});
  EXPECT_EQ(reading.kind, ActionKind::kLink);
  EXPECT_EQ(reading.sources, Words{"a.o"});
  EXPECT_EQ(reading.outputs, Words{"m.so"});
}

TEST(CommandLine, AfterDashDashEverythingIsAnInput) {
  EXPECT_EQ(read_command_line({"gcc", "-c", "-o", "o", "--", "-a.c"}).sources, Words{"-a.c"});
}

TEST(CommandLine, DepfilesFollowTheOutput) {
  auto reading = read_command_line({"gcc", "-MD", "-c", "src/a.c", "-o", "b/x.o"});
  EXPECT_EQ(reading.dependency_style, DependencyStyle::kMakefileAllHeaders);
  EXPECT_EQ(reading.depfile, "b/x.d");
  EXPECT_EQ(read_command_line({"gcc", "-MMD", "-c", "src/a.c"}).depfile, "a.d");
  EXPECT_EQ(read_command_line({"gcc", "-MD", "-MFz.d", "-c", "a.c"}).depfile, "z.d");
  reading = read_command_line({"gcc", "-Wp,-MD,sub/.x.d", "-c", "a.c"});
  EXPECT_EQ(reading.dependency_style, DependencyStyle::kThroughPreprocessor);
  EXPECT_EQ(reading.depfile, "sub/.x.d");
}

TEST(CommandLine, ProgramsAreKnownByTheirBaseName) {
  EXPECT_EQ(read_command_line({"/opt/bin/clang++-14", "-c", "a.cc"}).kind, ActionKind::kCompile);
  EXPECT_EQ(read_command_line({"aarch64-linux-gnu-gfortran", "-c", "a.f90"}).kind, ActionKind::kCompile);
  EXPECT_EQ(read_command_line({"c99", "-c", "a.c"}).kind, ActionKind::kCompile);
  EXPECT_EQ(read_command_line({"gcc-ar", "rcs", "l.a", "a.o"}).kind, ActionKind::kArchive);
  EXPECT_EQ(read_command_line({"notgcc", "-c", "a.c"}).kind, ActionKind::kOther);
  EXPECT_EQ(read_command_line({"swig", "-python", "a.i"}).kind, ActionKind::kOther);
}

TEST(CommandLine, WhereHeadersAreLookedForInOtherWaysItStaysHere) {
  for (const Words& words :
       {Words{"-iwithprefix", "x"}, Words{"-I-"}, Words{"-isystem-after", "x"}, Words{"-Wp,-Ix"}, Words{"-Wp,-D,X,-isystem,x"},
        Words{"-Xpreprocessor", "-Ix"}, Words{"-Xclang", "-internal-isystem", "-Xclang", "x"}, Words{"-I=x"},
        Words{"-isystem", "=x"}, Words{"--include-directory=x"}}) {
    Words argv = {"gcc", "-c", "a.c"};
    argv.insert(argv.end(), words.begin(), words.end());
    EXPECT_TRUE(read_command_line(argv).must_run_locally) << words.front();
  }
  for (const Words& words :
       {Words{"-Ix"}, Words{"-isystem", "x"}, Words{"-Wp,-D_FORTIFY_SOURCE=2"}, Words{"-Wp,-MD,internal.d"},
        Words{"-Xpreprocessor", "-include", "-Xpreprocessor", "x.h"}, Words{"-Xclang", "-load"}, Words{"-include", "x.h"},
        Words{"-Xclang", "-include-pch", "-Xclang", "x.pch"}}) {
    Words argv = {"gcc", "-c", "a.c"};
    argv.insert(argv.end(), words.begin(), words.end());
    EXPECT_FALSE(read_command_line(argv).must_run_locally) << words.front();
  }
}

TEST(CommandLine, WithAProfileThatOnlyTheCompilerFindsItStaysHere) {
  const auto stays = [](const char* driver, const char* option) {
    return read_command_line({driver, option, "-c", "a.c"}).must_run_locally;
  };
  for (const char* driver : {"gcc", "clang"}) {
    for (const char* option : {"-fprofile-use", "-fauto-profile", "-fprofile-instr-use"}) EXPECT_TRUE(stays(driver, option)) << option;
    EXPECT_FALSE(stays(driver, "-fauto-profile=a.afdo"));
  }
  EXPECT_TRUE(stays("gcc", "-fprofile-use=a"));
  EXPECT_FALSE(stays("clang-14", "-fprofile-use=a.profdata"));
  EXPECT_TRUE(stays("clang", "-fthinlto-index=a.idx"));
}

TEST(CommandLine, FortranIsPreprocessedByItsNameOrWhenAsked) {
  const auto read = [](Words words) {
    words.insert(words.begin(), {"gfortran", "-c"});
    return read_command_line(words).fortran;
  };
  for (const char* plain : {"a.f", "a.f90", "a.for", "a.f08"}) EXPECT_EQ(read({plain}), Fortran::kPlain) << plain;
  for (const char* cpp : {"a.F", "a.F90", "a.fpp", "a.FOR"}) EXPECT_EQ(read({cpp}), Fortran::kPreprocessed) << cpp;
  EXPECT_EQ(read({"-cpp", "a.f90"}), Fortran::kPreprocessed);
  EXPECT_EQ(read({"-nocpp", "a.F90"}), Fortran::kPlain);
  EXPECT_EQ(read({"-x", "f95-cpp-input", "a.txt"}), Fortran::kPreprocessed);
  EXPECT_EQ(read({"-xf77", "a.c"}), Fortran::kPlain);
  EXPECT_EQ(read({"a.c", "b.cc"}), Fortran::kNone);
  EXPECT_EQ(read({"a.c", "b.F90", "c.f90"}), Fortran::kPlain);
  EXPECT_EQ(read_command_line({"gfortran", "a.f90", "b.o", "-o", "app"}).fortran, Fortran::kPlain);
  EXPECT_TRUE(read_command_line({"flang", "-c", "a.f90"}).must_run_locally);
  EXPECT_FALSE(read_command_line({"flang", "a.o", "-o", "app"}).must_run_locally);
}

TEST(CommandLine, AnArchiveIsNamedAfterTheLettersAndTheirArguments) {
  auto reading = read_command_line({"ar", "-rcs", "l.a", "a.o", "b.o"});
  EXPECT_EQ(reading.outputs, Words{"l.a"});
  EXPECT_EQ(reading.sources, (Words{"a.o", "b.o"}));
  reading = read_command_line({"ar", "--plugin", "p.so", "rb", "first.o", "l.a", "a.o"});
  EXPECT_EQ(reading.outputs, Words{"l.a"});
  EXPECT_EQ(reading.sources, Words{"a.o"});
}

TEST(CommandLine, NativeIsToldForThePinning) {
  EXPECT_TRUE(read_command_line({"gcc", "-mtune=native", "-c", "a.c"}).is_tuned_to_processor);
  EXPECT_FALSE(read_command_line({"gcc", "-march=x86-64", "-c", "a.c"}).is_tuned_to_processor);
}

struct LocalCase {
  const char* name;
  Words argv;
};
class StaysLocal : public testing::TestWithParam<LocalCase> {};

TEST_P(StaysLocal, WithAReason) {
  const auto reading = read_command_line(GetParam().argv);
  EXPECT_TRUE(reading.must_run_locally);
  EXPECT_NE(reading.local_reason, "");
}

TEST(CommandLine, AProjectsOwnTestfileIsNoProbe) {
  EXPECT_FALSE(read_command_line({"gcc", "-c", "testfile.c", "-o", "testfile.o"}).must_run_locally);
  EXPECT_FALSE(read_command_line({"gcc", "-c", "src/testfile.c", "-o", "b/output.obj"}).must_run_locally);
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, StaysLocal,
    testing::Values(
        LocalCase{"Preprocess", {"gcc", "-E", "a.c"}}, LocalCase{"Dependencies", {"gcc", "-MM", "a.c"}},
        LocalCase{"Stdin", {"gcc", "-c", "-x", "c", "-"}}, LocalCase{"Probe", {"gcc", "-c", "conftest.c"}},
        LocalCase{"LinkedProbe", {"gcc", "-o", "conftest", "-g", "conftest.c", "-lm"}},
        LocalCase{"ProbeOfMeson", {"gcc", "/tmp/tmpx/testfile.c", "-o", "/tmp/tmpx/output.obj", "-c"}},
        LocalCase{"LinkedProbeOfMeson", {"g++", "/tmp/tmpx/testfile.cpp", "-o", "/tmp/tmpx/output.exe"}},
        LocalCase{"Version", {"gcc", "--version"}}, LocalCase{"PrintProgram", {"gcc", "-print-prog-name=as"}},
        LocalCase{"JobServer", {"gcc", "-flto=jobserver", "a.o"}}, LocalCase{"List", {"ar", "t", "l.a"}},
        LocalCase{"Script", {"ar", "-M"}}, LocalCase{"LongSpelling", {"gcc", "--compile", "--output", "a.o", "a.c"}},
        LocalCase{"Modules", {"gcc", "-fmodules-ts", "-c", "a.cc"}},
        LocalCase{"Header", {"g++", "-x", "c++-header", "a.hpp"}},
        LocalCase{"CompilationDatabase", {"clang", "-MJ", "a.json", "-c", "a.c"}},
        LocalCase{"NoInput", {"gcc", "-c"}}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace extfarm
