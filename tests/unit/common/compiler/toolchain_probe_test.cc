#include "common/compiler/toolchain_probe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class ToolchainTest : public testing::Test {
 protected:
  ToolchainTest() : folder_(fs::temp_directory_path().string() + "/extfarm-tools-" + std::to_string(::getpid())) {
    fs::create_directories(folder_ + "/package/__pycache__");
    write("package/a.py", "one");
  }
  ~ToolchainTest() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  // A driver that names its own cc1.
  void write_driver(const std::string& name, const std::string& cc1) const {
    fs::remove(folder_ + "/" + name);
    write(name, "#!/bin/sh\ncase $1 in -print-prog-name=cc1) echo " + folder_ + "/" + cc1 + ";; *) echo nothing;; esac\n");
    fs::permissions(folder_ + "/" + name, fs::perms(0755));
  }
  static bool has(const Toolchain& tools, const std::string& name) {
    return std::any_of(tools.components.begin(), tools.components.end(),
                       [&](const auto& component) { return component.name.starts_with(name); });
  }
  PosixFilesystem filesystem_;
  DigestCache digests_{filesystem_};
  ProcessRunner runner_;
  ToolchainProbe probe_{runner_, digests_};
  std::string folder_;
};

TEST_F(ToolchainTest, GccIsItsDriverAndThePrograms) {
  const auto tools = probe_.probe({"/usr/bin/gcc", {}});
  ASSERT_TRUE(tools) << tools.error().message;
  for (const char* name : {"driver", "cc1", "as", "ld", "collect2"}) EXPECT_TRUE(has(*tools, name)) << name;
  EXPECT_FALSE(tools->digest.is_zero());
  for (const auto& component : tools->components) {
    EXPECT_TRUE(fs::is_regular_file(component.path)) << component.path;
    EXPECT_FALSE(fs::is_symlink(component.path)) << component.path;
  }
}

TEST_F(ToolchainTest, WhereTheCodeLiesInALibraryTheLibraryCounts) {
  if (!fs::exists("/usr/bin/clang")) GTEST_SKIP() << "no clang here";
  const auto tools = probe_.probe({"/usr/bin/clang", {}});
  ASSERT_TRUE(tools) << tools.error().message;
  EXPECT_TRUE(has(*tools, "libLLVM"));
}

TEST_F(ToolchainTest, AReplacedProgramChangesTheDigest) {
  write("cc1", "first");
  write_driver("gcc", "cc1");
  const auto before = probe_.probe({folder_ + "/gcc", {}});
  ASSERT_TRUE(before) << before.error().message;
  write("cc1", "second version");
  const auto after = probe_.probe({folder_ + "/gcc", {}});
  ASSERT_TRUE(after);
  EXPECT_NE(before->digest, after->digest);
}

TEST_F(ToolchainTest, AnUpgradedDriverIsAskedAgain) {
  write("cc1", "old");
  write("cc1-new", "new");
  write_driver("gcc-12", "cc1");
  write_driver("gcc-13", "cc1-new");
  fs::create_symlink(folder_ + "/gcc-12", folder_ + "/gcc");
  ASSERT_TRUE(probe_.probe({folder_ + "/gcc", {}}));
  fs::remove(folder_ + "/gcc");
  fs::create_symlink(folder_ + "/gcc-13", folder_ + "/gcc");
  fs::remove(folder_ + "/cc1");
  const auto after = probe_.probe({folder_ + "/gcc", {}});
  ASSERT_TRUE(after) << after.error().message;
  const auto fresh = ToolchainProbe(runner_, digests_).probe({folder_ + "/gcc", {}});
  ASSERT_TRUE(fresh);
  EXPECT_EQ(after->digest, fresh->digest);
  EXPECT_EQ(after->components, fresh->components);
}

TEST_F(ToolchainTest, ADriverWithoutLibrariesDoesNotHideThoseOfItsPrograms) {
  write("gcc", "#!/bin/sh\ncase $1 in -print-prog-name=as) echo /usr/bin/as;; *) echo nothing;; esac\n");
  fs::permissions(folder_ + "/gcc", fs::perms(0755));
  const auto tools = probe_.probe({folder_ + "/gcc", {}});
  ASSERT_TRUE(tools) << tools.error().message;
  EXPECT_TRUE(has(*tools, "libbfd"));
}

// A script of that name may run gcc: what a driver has it is asked, not its name.
TEST_F(ToolchainTest, ADriverThatIsCalledClangIsAskedForAllItsPrograms) {
  for (const std::string name : {"clang-14", "gcc-12"}) {
    write("cc1-of-" + name, "anything");
    write(name, "#!/bin/sh\necho ${1#*=} >> " + folder_ + "/questions-of-" + name +
                    "\ncase $1 in -print-prog-name=cc1) echo " + folder_ + "/cc1-of-" + name + ";; *) echo nothing;; esac\n");
    fs::permissions(folder_ + "/" + name, fs::perms(0755));
    const auto tools = probe_.probe({folder_ + "/" + name, {}});
    ASSERT_TRUE(tools) << tools.error().message;
    EXPECT_TRUE(has(*tools, "cc1")) << name;
    EXPECT_EQ(filesystem_.read(folder_ + "/questions-of-" + name), "cc1\ncc1plus\nf951\ncollect2\nlto1\nas\nld\n");
  }
}

TEST_F(ToolchainTest, AFolderCountsByNameAndContentButNotItsByteCode) {
  const ToolchainSpec spec{"/usr/bin/true", {folder_ + "/package"}};
  const auto first = probe_.probe(spec)->digest;
  write("package/__pycache__/a.pyc", "anything");
  EXPECT_EQ(probe_.probe(spec)->digest, first);
  fs::rename(folder_ + "/package/a.py", folder_ + "/package/b.py");
  const auto renamed = probe_.probe(spec)->digest;
  EXPECT_NE(renamed, first);
  write("package/b.py", "another");
  EXPECT_NE(probe_.probe(spec)->digest, renamed);
}

TEST_F(ToolchainTest, AnAbsentDriverIsNamed) {
  const auto missing = probe_.probe({folder_ + "/no-such-cc", {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("no-such-cc"), std::string::npos);
}

TEST_F(ToolchainTest, OfVeryManyDriversItRemembersSome) {
  write("tool", "anything");
  const auto name = [&](std::size_t i) { return folder_ + "/tool" + std::to_string(i); };
  for (std::size_t i = 0; i < 2 * ToolchainProbe::kMostDrivers + 3; ++i) {
    fs::create_symlink("tool", name(i));
    ASSERT_TRUE(probe_.probe({name(i), {}})) << i;
  }
  const auto memory = decode_tool_memory(probe_.take_answers());
  ASSERT_TRUE(memory);
  EXPECT_LE(memory->drivers.size(), ToolchainProbe::kMostDrivers);
  EXPECT_GT(memory->drivers.size(), 0u);
  EXPECT_TRUE(probe_.probe({name(0), {}}));
}

// What an earlier process kept of gcc, without its "as": a probe that has "as" has asked.
ToolMemory kept_without_as(ToolchainProbe& probe) {
  EXPECT_TRUE(probe.probe({"/usr/bin/gcc", {}}));
  auto memory = decode_tool_memory(probe.take_answers());
  EXPECT_TRUE(memory.has_value());
  auto& parts = memory->drivers.at(0).second.parts;
  std::erase_if(parts, [](const auto& part) { return part.first == "as"; });
  return *memory;
}

TEST_F(ToolchainTest, WhatADriverAnsweredIsNotAskedByTheNextProcess) {
  ToolchainProbe later(runner_, digests_);
  later.restore(encode(kept_without_as(probe_)));
  const auto tools = later.probe({"/usr/bin/gcc", {}});
  ASSERT_TRUE(tools);
  EXPECT_TRUE(has(*tools, "cc1"));
  EXPECT_FALSE(has(*tools, "as"));
  EXPECT_EQ(later.take_answers(), "");
}

TEST_F(ToolchainTest, ADriverIsAskedAgainWhenAFolderOfItsProgramsHasChanged) {
  auto memory = kept_without_as(probe_);
  memory.drivers.at(0).second.witnesses.at(0).second.ctime_ns -= 1;
  ToolchainProbe later(runner_, digests_);
  later.restore(encode(memory));
  const auto tools = later.probe({"/usr/bin/gcc", {}});
  ASSERT_TRUE(tools);
  EXPECT_TRUE(has(*tools, "as"));
  EXPECT_NE(later.take_answers(), "");
}

TEST_F(ToolchainTest, DigestsThatWereKeptCountWhileTheStampIsTheSame) {
  auto memory = kept_without_as(probe_);
  for (auto& known : memory.digests) known.digest = digest_of("kept");
  DigestCache digests(filesystem_);
  ToolchainProbe later(runner_, digests);
  later.restore(encode(memory));
  EXPECT_EQ(digests.digest(memory.digests.at(0).path), digest_of("kept"));
}

TEST_F(ToolchainTest, ADamagedMemoryIsLeftAlone) {
  const auto text = encode(kept_without_as(probe_));
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto part = decode_tool_memory(text.substr(0, size));
    if (part) {
      EXPECT_EQ(encode(*part), text.substr(0, size));
    }
  }
  EXPECT_FALSE(decode_tool_memory("something else"));
  ToolchainProbe later(runner_, digests_);
  later.restore(text.substr(0, text.size() / 2));
  EXPECT_TRUE(later.probe({"/usr/bin/gcc", {}}));
}

}  // namespace
}  // namespace extfarm
