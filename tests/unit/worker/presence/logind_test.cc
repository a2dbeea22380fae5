// logind's own files, written by the test over /run/systemd in a mount namespace of its own.
#include "worker/presence/logind.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/system/clock.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class Logind : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount over /run/systemd";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);  // of this test's process, for good
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    fs::create_directories("/run/systemd");
    ASSERT_EQ(::mount("test", "/run/systemd", "tmpfs", 0, nullptr), 0);
    fs::create_directories("/run/systemd/system");
    fs::create_directories("/run/systemd/sessions");
    fs::create_directories(devices_ + "/pts");
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    ::umount2("/run/systemd", MNT_DETACH);
    fs::remove_all(devices_);
  }
  static void write_session(const std::string& id, const std::string& text) {
    std::ofstream("/run/systemd/sessions/" + id) << "UID=0\nUSER=root\n" << text;
  }
  void make_terminal(const std::string& line, std::int64_t idle_seconds) const {
    const std::string path = devices_ + "/" + line;
    std::ofstream(path).close();
    const timespec times[2] = {{realtime_ns() / 1'000'000'000 - idle_seconds, 0}, {0, UTIME_OMIT}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  std::optional<LoginSessions> read(const std::set<std::string>& idle_desktops = {}) {
    return read_logind(devices_, idle_desktops, names_);
  }
  UserNames names_;
  const std::string devices_ = "/tmp/extfarm-logind-" + std::to_string(::getpid());
};

TEST_F(Logind, TellsTerminalsWithTheirIdleTimeAndTheDesktopInTheForeground) {
  make_terminal("pts/3", 7200);
  make_terminal("tty1", 10);
  write_session("1", "ACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nTTY=pts/3\nREMOTE_HOST=lab07\n");
  write_session("2", "ACTIVE=0\nSTATE=online\nREMOTE=0\nTYPE=tty\nCLASS=user\nSEAT=seat0\nTTY=tty1\nVTNR=1\n");
  write_session("3", "ACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=user\nSEAT=seat0\nTTY=tty2\nVTNR=2\n");
  write_session("4", "ACTIVE=0\nSTATE=online\nREMOTE=0\nTYPE=x11\nCLASS=user\nSEAT=seat0\nDISPLAY=:1\nVTNR=7\n");
  const auto sessions = read();
  ASSERT_TRUE(sessions);
  ASSERT_EQ(sessions->people.size(), 3u);
  EXPECT_EQ(sessions->people[0].name + " " + sessions->people[0].place, "root is logged in from lab07");
  EXPECT_NEAR(seconds(sessions->people[0].idle), 7200, 15);
  EXPECT_EQ(sessions->people[1].place, "is at the console");
  EXPECT_NEAR(seconds(sessions->people[1].idle), 10, 15);
  EXPECT_EQ(sessions->people[2].place, "is at the console");
  EXPECT_EQ(sessions->people[2].idle, Duration{0});
  EXPECT_EQ(sessions->desktops, std::set<std::string>{"3"});
  EXPECT_EQ(read({"3", "4"})->people.size(), 2u);  // that one says that it is idle
  EXPECT_EQ(sessions->lines, (std::set<std::string>{"pts/3", "tty1", "tty2", "tty7", ":1"}));
}

TEST_F(Logind, LeavesOutGreetersCommandsBySshAndWhoIsLeaving) {
  make_terminal("pts/4", 0);
  write_session("c1", "ACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=greeter\nSEAT=seat0\nTTY=tty1\nVTNR=1\n");
  write_session("5", "ACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nREMOTE_HOST=lab07\n");
  write_session("6", "ACTIVE=1\nSTATE=closing\nREMOTE=1\nTYPE=tty\nCLASS=user\nTTY=pts/4\nREMOTE_HOST=lab07\n");
  const auto sessions = read();
  ASSERT_TRUE(sessions);
  EXPECT_TRUE(sessions->people.empty());
}

TEST_F(Logind, AMachineWithoutItIsNotTakenForAnEmptyOne) {
  EXPECT_TRUE(read().value().people.empty());
  fs::remove_all("/run/systemd/sessions");
  EXPECT_FALSE(read());
  fs::create_directories("/run/systemd/sessions");
  fs::remove_all("/run/systemd/system");  // systemd's mark that it runs
  EXPECT_FALSE(read());
}

}  // namespace
}  // namespace extfarm
