#include "worker/execution/mount_table.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

bool has(const std::vector<std::string>& points, const std::string& point) {
  return std::find(points.begin(), points.end(), point) != points.end();
}

class MountTableTest : public testing::Test {
 protected:
  MountTableTest() {
    if (::geteuid() != 0) return;
    fs::create_directories(point_);
  }
  ~MountTableTest() override { fs::remove_all(top_); }

  // In a mount namespace of its own; its name is what did not hold.
  void run(const std::function<const char*()>& test) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
    const pid_t pid = ::fork();
    if (pid == 0) {
      const bool is_apart = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
      const char* wrong = is_apart ? test() : "no mount namespace";
      if (wrong != nullptr) std::fprintf(stderr, "%s\n", wrong);
      ::_exit(wrong == nullptr ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  bool mount_it() const { return ::mount("none", point_.c_str(), "tmpfs", 0, nullptr) == 0; }

  const std::string top_ = fs::temp_directory_path().string() + "/extfarm-mount-table-" + std::to_string(::getpid());
  const std::string point_ = top_ + "/a blank\\and more";  // both are written as octal numbers there
};

TEST_F(MountTableTest, HasWhatIsMountedWithItsName) {
  run([&]() -> const char* {
    if (!mount_it()) return "not mounted";
    MountTable table;
    if (!has(table.points(), "/")) return "no root";
    return has(table.points(), point_) ? nullptr : "a mount is not in the table";
  });
}

TEST_F(MountTableTest, FollowsWhatIsMountedAndUnmounted) {
  run([&]() -> const char* {
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
