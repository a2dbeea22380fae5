#include "worker/execution/mount_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "own_mounts.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

bool has(const std::vector<std::string>& points, const std::string& point) {
  return std::find(points.begin(), points.end(), point) != points.end();
}

class MountTableTest : public testing::Test {
 protected:
  MountTableTest() { fs::create_directories(point_); }
  ~MountTableTest() override { fs::remove_all(top_); }

  bool mount_it() const { return ::mount("none", point_.c_str(), "tmpfs", 0, nullptr) == 0; }

  const std::string top_ = fs::temp_directory_path().string() + "/extfarm-mount-table-" + std::to_string(::getpid());
  const std::string point_ = top_ + "/a blank\\and more";  // both are written as octal numbers there
};

TEST_F(MountTableTest, HasWhatIsMountedWithItsName) {
  run_in_own_mounts([&]() -> const char* {
    if (!mount_it()) return "not mounted";
    MountTable table;
    if (!has(table.points(), "/")) return "no root";
    return has(table.points(), point_) ? nullptr : "a mount is not in the table";
  });
}

TEST_F(MountTableTest, FollowsWhatIsMountedAndUnmounted) {
  run_in_own_mounts([&]() -> const char* {
    MountTable table;
    if (has(table.points(), point_)) return "there before it was mounted";
    if (!mount_it()) return "not mounted";
    if (!has(table.points(), point_)) return "a new mount is not in the table";
    if (::umount(point_.c_str()) != 0) return "not unmounted";
    return has(table.points(), point_) ? "still there" : nullptr;
  });
}

}  // namespace
}  // namespace extfarm
