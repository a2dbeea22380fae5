#include "worker/shell/control_groups.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class ControlGroupsTest : public testing::Test {
 protected:
  ControlGroupsTest() {
    std::string name = (fs::temp_directory_path() / "extfarm-groups-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
  }
  ~ControlGroupsTest() override { fs::remove_all(top_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(top_ + "/" + name).parent_path());
    std::ofstream(top_ + "/" + name) << text;
  }
  ControlGroups groups(const std::string& membership) const {
    write("membership", membership);
    return ControlGroups(top_ + "/membership", top_ + "/mounts");
  }
  std::string top_;
};

TEST_F(ControlGroupsTest, TheLeastOfItsGroupAndThoseAboveCounts) {
  write("mounts/lab.slice/memory.max", "300000000\n");
  write("mounts/lab.slice/extfarm.service/memory.max", "max\n");
  write("mounts/lab.slice/extfarm.service/memory.high", "500000000\n");
  write("mounts/lab.slice/cpu.max", "max 100000\n");
  write("mounts/lab.slice/extfarm.service/cpu.max", "150000 100000\n");
  const auto found = groups("1:name=systemd:/x\n0::/lab.slice/extfarm.service\n");
  EXPECT_EQ(found.memory_bytes(), 300000000u);
  EXPECT_EQ(found.processors(), 1.5);
}

TEST_F(ControlGroupsTest, WhereSlowingDownBeginsIsTheLimit) {
  write("mounts/a/memory.max", "500\n");
  write("mounts/a/memory.high", "400\n");
  EXPECT_EQ(groups("0::/a\n").memory_bytes(), 400u);
}

TEST_F(ControlGroupsTest, InTheFirstVersionEachControllerHasItsOwnTree) {
  write("mounts/memory/jobs/7/memory.limit_in_bytes", "9223372036854771712\n");
  write("mounts/memory/jobs/memory.limit_in_bytes", "700000000\n");
  write("mounts/cpu/slow/cpu.cfs_quota_us", "-1\n");
  write("mounts/cpu/slow/cpu.cfs_period_us", "100000\n");
  write("mounts/cpu/cpu.cfs_quota_us", "300000\n");
  write("mounts/cpu/cpu.cfs_period_us", "100000\n");
  const auto found = groups("9:cpuacct,cpu:/slow\n4:memory:/jobs/7\n0::/\n");
  EXPECT_EQ(found.memory_bytes(), 700000000u);
  EXPECT_EQ(found.processors(), 3.0);
}

TEST_F(ControlGroupsTest, InAContainerItsOwnGroupIsTheTopmost) {
  write("mounts/memory.max", "123000000\n");
  write("mounts/memory/memory.limit_in_bytes", "456000000\n");
  EXPECT_EQ(groups("0::/system.slice/docker-1.scope\n4:memory:/docker/1\n").memory_bytes(), 123000000u);
}

TEST_F(ControlGroupsTest, WhatIsNotThereLimitsNothing) {
  write("mounts/memory.max", "no number\n");
  const auto found = groups("nonsense\n0::relative\n:\n");
  EXPECT_EQ(found.memory_bytes(), std::nullopt);
  EXPECT_EQ(found.processors(), std::nullopt);
  EXPECT_EQ(ControlGroups(top_ + "/absent", top_ + "/absent").memory_bytes(), std::nullopt);
}

}  // namespace
}  // namespace extfarm
