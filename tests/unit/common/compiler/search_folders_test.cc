#include "common/compiler/search_folders.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

class SearchFoldersTest : public testing::Test {
 protected:
  SearchFoldersTest() : top_(fs::temp_directory_path().string() + "/extfarm-search-" + std::to_string(::getpid())) {
    fs::create_directories(top_ + "/project");
    // A driver that writes down what it was asked, and knows one folder.
    write("project/gcc", "#!/bin/sh\necho \"$*\" >>" + top_ + "/asked\nprintf '#include <...> search starts here:\\n /the/drivers\\n" +
                             "End of search list.\\n' >&2\n");
    fs::permissions(top_ + "/project/gcc", fs::perms(0755));
  }
  ~SearchFoldersTest() override { fs::remove_all(top_); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(top_ + "/" + name) << text; }
  Action compile(const Words& words, const std::string& program = "") const {
    Action out;
    out.kind = ActionKind::kCompile;
    out.program = program.empty() ? top_ + "/project/gcc" : program;
    out.argv = {out.program};
    out.argv.insert(out.argv.end(), words.begin(), words.end());
    out.environment = {{"PATH", "/usr/bin:/bin"}};
    out.cwd = top_ + "/project";
    return out;
  }
  std::string asked() const {
    std::ifstream in(top_ + "/asked");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The language that the driver is asked about.
  std::string language_for(const Words& words) {
    fs::remove(top_ + "/asked");
    SearchFolderProbe(runner_).folders_of(compile(words));
    const std::string question = asked();
    const auto at = question.find("-x ") + 3;
    return question.substr(at, question.find(' ', at) - at);
  }
  std::string top_;
  ProcessRunner runner_;
  SearchFolderProbe probe_{runner_};
};

TEST_F(SearchFoldersTest, TheCommandsOwnComeInTheCompilersOrderAroundTheDrivers) {
  const auto folders = probe_.folders_of(
      compile({"-idirafter", "after", "-isystem", "system", "-Ifirst", "-iquotequote", "-I", "/second/", "-c", "a.c"}));
  const std::string here = top_ + "/project/";
  EXPECT_EQ(folders, (Words{here + "quote", here + "first", "/second", here + "system", "/the/drivers", here + "after"}));
  EXPECT_EQ(asked(), "-E -v -x c /dev/null\n");
}

TEST_F(SearchFoldersTest, AResponseFileStandsForItsWords) {
  write("project/words", "-Ifirst @more");
  write("project/more", "-I second -m32 -x c++");
  const auto folders = probe_.folders_of(compile({"@words", "-c", "a.c"}));
  EXPECT_EQ(folders, (Words{top_ + "/project/first", top_ + "/project/second", "/the/drivers"}));
  EXPECT_EQ(asked(), "-m32 -E -v -x c++ /dev/null\n");
  Action link = compile({"@words"});
  link.kind = ActionKind::kLink;
  write("project/more", "-L libs");
  EXPECT_EQ(probe_.folders_of(link), Words{top_ + "/project/libs"});
  EXPECT_EQ(own_include_folders(compile({"@words", "-c", "a.c"})), Words{top_ + "/project/first"});
}

TEST_F(SearchFoldersTest, AnOptionsValueIsNoFolder) {
  const auto folders = probe_.folders_of(compile({"-D", "-Inone", "-mllvm", "-inline-threshold=5", "-MT", "-B", "-c", "a.c"}));
  EXPECT_EQ(folders, Words{"/the/drivers"});
  EXPECT_EQ(asked(), "-E -v -x c /dev/null\n");
}

TEST_F(SearchFoldersTest, WhatDecidesUponTheDriversOwnFoldersIsAskedWithItsValue) {
  probe_.folders_of(compile({"-isysroot", "root", "-nostdinc", "-B", "parts", "-O2", "-c", "a.c"}));
  EXPECT_EQ(asked(), "-isysroot root -nostdinc -B parts -E -v -x c /dev/null\n");
}

TEST_F(SearchFoldersTest, OneSourceInCxxAsksForItsFolders) {
  EXPECT_EQ(language_for({"-c", "a.c"}), "c");
  EXPECT_EQ(language_for({"-c", "a.c", "b.cc"}), "c++");
  EXPECT_EQ(language_for({"-c", "a.S", "a.f90", "a.F"}), "c");
  EXPECT_EQ(language_for({"-xc", "-c", "a.cc"}), "c");
  EXPECT_EQ(language_for({"-x", "c++", "a.c", "-x", "none", "b.c"}), "c++");
  EXPECT_EQ(language_for({"-x", "none", "-c", "a.cc"}), "c++");
  EXPECT_EQ(language_for({"-x", "cuda", "-c", "a.c"}), "c++");
  EXPECT_EQ(language_for({"-c", "--", "-a.cc"}), "c++");
  fs::rename(top_ + "/project/gcc", top_ + "/project/g++");
  SearchFolderProbe(runner_).folders_of(compile({"-c", "a.c"}, top_ + "/project/g++"));
  EXPECT_TRUE(asked().ends_with("-E -v -x c++ /dev/null\n"));
}

TEST_F(SearchFoldersTest, FortranLooksForModulesHereAndWhereItWritesThem) {
  const std::string here = top_ + "/project";
  const auto folders = probe_.folders_of(compile({"-Ifirst", "-J", "modules", "-Jothers", "-c", "a.f90"}));
  EXPECT_EQ(folders, (Words{here, here + "/first", here + "/modules", here + "/others", "/the/drivers"}));
}

TEST_F(SearchFoldersTest, ARealDriverIsAskedAndWritesNothing) {
  write("project/words", "c -MD -save-temps");
  for (const Words& words : {Words{"-c", "y.c", "-x", "@words"}, Words{"-mllvm", "-x", "-c", "y.c"}}) {
    const auto folders = probe_.folders_of(compile(words, "/usr/bin/gcc"));
    EXPECT_NE(std::find(folders.begin(), folders.end(), "/usr/include"), folders.end());
  }
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(top_ + "/project")) left.push_back(entry.path().filename());
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (Words{"gcc", "words"}));
}

TEST_F(SearchFoldersTest, AnswersOutliveTheProcess) {
  const auto before = probe_.folders_of(compile({"-c", "a.c"}));
  const std::string kept = probe_.take_answers();
  SearchFolderProbe later(runner_);
  later.restore(kept);
  fs::remove(top_ + "/asked");
  EXPECT_EQ(later.folders_of(compile({"-c", "a.c"})), before);
  EXPECT_EQ(asked(), "");
}

}  // namespace
}  // namespace extfarm
