// What is kept of a file that somebody else may have written.
#include "coordinator/shell/compile_commands.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

TEST(CompileCommands, AnEntryWhoseSourceCannotBeLookedAtIsNotKept) {
  const std::string root =
      std::filesystem::temp_directory_path().string() + "/extfarm-compdb-" + std::to_string(::getpid());
  std::filesystem::create_directories(root);
  Terminal terminal({.quiet = true});
  {
    const auto tree = BuildTree::open(root, root, terminal);
    ASSERT_TRUE(tree);
    const std::string path = compile_commands_path(**tree);
    std::ofstream(path) << R"([{"directory": "/", "file": ")" << std::string(300, 'n')
                        << R"(", "arguments": ["gcc"], "output": "/o"}])";
    write_compile_commands(entries_of({{.cwd = root, .argv = {"gcc", "-c"}, .source = root + "/a.c", .output = root + "/a.o"}}),
                           **tree, terminal);
    const auto text = PosixFilesystem().read(path).value();
    EXPECT_NE(text.find("/a.c"), std::string::npos);
    EXPECT_EQ(text.find("nnn"), std::string::npos);
  }
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace extfarm
