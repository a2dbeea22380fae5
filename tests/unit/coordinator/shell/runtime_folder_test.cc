#include "coordinator/shell/runtime_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <memory>

#include "coordinator/front_door/front_door.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class ARuntimeFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* tmp = std::getenv("TMPDIR");
    if (tmp != nullptr) before_ = tmp;
    ASSERT_NE(::mkdtemp(top_.data()), nullptr);
    ::setenv("TMPDIR", top_.c_str(), 1);
  }
  void TearDown() override {
    if (before_.empty())
      ::unsetenv("TMPDIR");
    else
      ::setenv("TMPDIR", before_.c_str(), 1);
    fs::remove_all(top_);
  }
  // One in which a coordinator listens.
  std::unique_ptr<front_door::FrontDoor> listener_in(const std::string& name) {
    fs::create_directory(top_ + "/" + name);
    return front_door::FrontDoor::open(top_ + "/" + name + "/door", "/project").value();
  }
  // The coordinator there is killed: its socket stays.
  void kill_in(const std::string& name) {
    const auto folder = top_ + "/" + name;
    auto door = listener_in(name);
    fs::rename(folder + "/door", folder + "/kept");
    door.reset();
    fs::rename(folder + "/kept", folder + "/door");
  }
  void make_old(const std::string& name) {
    const timespec times[] = {{std::time(nullptr) - 100, 0}, {std::time(nullptr) - 100, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (top_ + "/" + name).c_str(), times, 0), 0);
  }
  bool is_there(const std::string& name) const { return fs::exists(top_ + "/" + name); }

  std::string top_ = "/tmp/runtime-XXXXXX", before_;
};

TEST_F(ARuntimeFolder, IsGoneAtTheEnd) {
  std::string path;
  {
    const RuntimeFolder folder;
    path = folder.path();
    EXPECT_EQ(fs::path(path).parent_path(), top_);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ARuntimeFolder, OfAKilledCoordinatorIsClearedByTheNextOne) {
  kill_in("extfarm-killed");
  make_old("extfarm-killed");
  const RuntimeFolder folder;
  EXPECT_FALSE(is_there("extfarm-killed"));
}

TEST_F(ARuntimeFolder, OfALivingCoordinatorStays) {
  const auto door = listener_in("extfarm-living");
  make_old("extfarm-living");
  const RuntimeFolder folder;
  EXPECT_TRUE(is_there("extfarm-living/door"));
}

// Between its bind and its listen a coordinator looks like a killed one.
TEST_F(ARuntimeFolder, MadeJustNowStays) {
  kill_in("extfarm-young1");
  const RuntimeFolder folder;
  EXPECT_TRUE(is_there("extfarm-young1"));
}

TEST_F(ARuntimeFolder, OfAnotherNameOrWithoutADoorStays) {
  kill_in("extfarm-another");
  fs::create_directory(top_ + "/extfarm-nodoor");
  for (const auto* name : {"extfarm-another", "extfarm-nodoor"}) make_old(name);
  const RuntimeFolder folder;
  EXPECT_TRUE(is_there("extfarm-another"));
  EXPECT_TRUE(is_there("extfarm-nodoor"));
}

}  // namespace
}  // namespace extfarm
