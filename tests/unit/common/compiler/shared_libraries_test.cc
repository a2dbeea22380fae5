#include "common/compiler/shared_libraries.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "common/compiler/tool_question.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using Libraries = std::vector<std::pair<std::string, std::string>>;

class SharedLibraries : public testing::Test {
 protected:
  ~SharedLibraries() override { fs::remove(file_); }
  const std::string& written(const std::string& text) {
    std::ofstream(file_) << text;
    return file_;
  }
  ProcessRunner runner_;
  std::string file_ = fs::temp_directory_path().string() + "/extfarm-program-" + std::to_string(::getpid());
};

Libraries sorted(Libraries libraries) {
  std::sort(libraries.begin(), libraries.end());
  libraries.erase(std::unique(libraries.begin(), libraries.end()), libraries.end());
  return libraries;
}

TEST_F(SharedLibraries, TheyAreTheOnesThatLddNames) {
  std::vector<std::string> programs = {fs::canonical("/usr/bin/as"), fs::canonical("/usr/bin/gcc")};
  if (fs::exists("/usr/bin/clang")) programs.push_back(fs::canonical("/usr/bin/clang"));
  const auto answer = ask_tool(runner_, "/usr/bin/ldd", programs);
  ASSERT_TRUE(answer);
  Libraries expected;
  std::istringstream lines(answer->stdout_bytes);
  for (std::string line; std::getline(lines, line);) {
    const auto arrow = line.find(" => ");
    if (arrow != std::string::npos) expected.emplace_back(line.substr(1, arrow - 1), line.substr(arrow + 4, line.rfind(" (") - arrow - 4));
  }
  ASSERT_GE(expected.size(), 4u);
  ASSERT_NE(own_loader(), "");
  const auto itself = ask_tool(runner_, own_loader(), {"--list", programs[0]});  // and not for want of it ldd
  ASSERT_TRUE(itself && itself->exit_code == 0) << own_loader();
  for (const auto& loader : {own_loader(), std::string("/bin/false"), std::string()})
    EXPECT_EQ(sorted(shared_libraries_of(runner_, loader, programs)), sorted(expected)) << loader;
}

TEST_F(SharedLibraries, AScriptAndAStaticProgramHaveNone) {
  EXPECT_EQ(shared_libraries_of(runner_, own_loader(), {written("#!/bin/sh\n"), "/sbin/ldconfig"}), Libraries{});
}

TEST_F(SharedLibraries, WhatNoLoaderTakesDoesNotHideThoseOfOthers) {
  const std::string good = fs::canonical("/usr/bin/as"), bad = written("\177ELF and nothing else");
  const auto expected = shared_libraries_of(runner_, own_loader(), {good});
  EXPECT_FALSE(expected.empty());
  for (const auto& loader : {own_loader(), std::string()})
    EXPECT_EQ(sorted(shared_libraries_of(runner_, loader, {bad, good})), sorted(expected)) << loader;
}

}  // namespace
}  // namespace extfarm
