// A utmp file and terminals of the test's own.
#include "worker/presence/utmp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/system/clock.h"

namespace extfarm {
namespace {

struct Row {
  std::string line, user, host;
  int type = USER_PROCESS;
  int pid = 1;
};

class Utmp : public testing::Test {
 protected:
  Utmp() {
    char name[] = "/tmp/extfarm-utmp-XXXXXX";
    folder_ = ::mkdtemp(name);
    std::filesystem::create_directories(folder_ + "/dev/pts");
  }
  ~Utmp() override { std::filesystem::remove_all(folder_); }

  void write(const std::vector<Row>& rows) const {
    std::ofstream out(folder_ + "/utmp", std::ios::binary);
    for (const auto& row : rows) {
      utmp entry{};
      entry.ut_type = static_cast<short>(row.type);
      entry.ut_pid = row.pid;
      std::strncpy(entry.ut_line, row.line.c_str(), sizeof entry.ut_line);
      std::strncpy(entry.ut_user, row.user.c_str(), sizeof entry.ut_user);
      std::strncpy(entry.ut_host, row.host.c_str(), sizeof entry.ut_host);
      out.write(reinterpret_cast<const char*>(&entry), sizeof entry);
    }
  }
  // A terminal whose last input was so long ago.
  void make_terminal(const std::string& line, std::int64_t idle_seconds) const {
    const std::string path = folder_ + "/dev/" + line;
    std::ofstream(path).close();
    const timespec times[2] = {{realtime_ns() / 1'000'000'000 - idle_seconds, 0}, {0, UTIME_OMIT}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  std::optional<std::vector<session::Person>> read(const std::set<std::string>& known_lines = {}) const {
    return read_utmp(folder_ + "/utmp", folder_ + "/dev", known_lines);
  }
  std::string folder_;
};

TEST_F(Utmp, TellsWhoIsLoggedInWhereAndSinceWhenIdle) {
  make_terminal("tty1", 20);
  make_terminal("pts/0", 7200);
  make_terminal("pts/1", 0);
  write({{"~", "reboot", "6.1.0", BOOT_TIME},
         {"tty1", "alice", ""},
         {"pts/0", "bob", "lab07"},
         {"pts/1", "eve", ":0"},
         {"tty2", "LOGIN", "", LOGIN_PROCESS},
         {"pts/2", "mallory", "lab08", DEAD_PROCESS}});
  const auto people = read().value();
  ASSERT_EQ(people.size(), 3u);
  EXPECT_EQ(people[0].name + " " + people[0].place, "alice is at the console");
  EXPECT_EQ(people[1].name + " " + people[1].place, "bob is logged in from lab07");
  EXPECT_EQ(people[2].name + " " + people[2].place, "eve is logged in on pts/1");
  EXPECT_NEAR(seconds(people[0].idle), 20, 15);
  EXPECT_NEAR(seconds(people[1].idle), 7200, 15);
  EXPECT_NEAR(seconds(people[2].idle), 0, 15);
}

TEST_F(Utmp, ADesktopCountsAsInUseAsLongAsItsProcessLives) {
  make_terminal("tty2", 7200);  // a desktop's input does not pass through its terminal
  write({{":0", "alice", ":0"}, {"tty2", "bob", "tty2"}, {"tty7", "eve", ":1", USER_PROCESS, 0x3fffffff}});
  const auto people = read().value();
  ASSERT_EQ(people.size(), 2u);
  for (const auto& person : people) {
    EXPECT_EQ(person.place, "is at the console");
    EXPECT_EQ(person.idle, Duration{0});
  }
}

TEST_F(Utmp, LeavesOutTerminalsThatAreGoneAndThoseThatAnotherSourceTold) {
  make_terminal("pts/1", 0);
  write({{"pts/9", "alice", "lab07"}, {"pts/1", "bob", "lab07"}});
  EXPECT_EQ(read().value().size(), 1u);
  EXPECT_TRUE(read({"pts/1"}).value().empty());
}

TEST_F(Utmp, TakesNamesThatFillTheirFields) {
  const std::string line = "pts/0", user(UT_NAMESIZE, 'u'), host(UT_HOSTSIZE, 'h');
  make_terminal(line, 0);
  write({{line, user, host}});
  EXPECT_EQ(read().value().at(0).name, user);
  EXPECT_EQ(read().value().at(0).place, "is logged in from " + host);
}

TEST_F(Utmp, AFileThatIsNoneIsNotTakenForAnEmptyMachine) {
  EXPECT_FALSE(read());
  std::ofstream(folder_ + "/utmp") << "root:x:0:0:root:/root:/bin/bash\n";
  EXPECT_FALSE(read());
  write({});
  EXPECT_TRUE(read().value().empty());
}

TEST_F(Utmp, ARealTerminalIsNoLongerIdleOnceItsReaderGotALine) {
  int master = -1, slave = -1;
  char path[64];
  ASSERT_EQ(::openpty(&master, &slave, path, nullptr, nullptr), 0);
  const timespec long_ago[2] = {{realtime_ns() / 1'000'000'000 - 3600, 0}, {0, UTIME_OMIT}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path, long_ago, 0), 0);
  const std::string line = std::string(path).substr(std::strlen("/dev/"));
  EXPECT_GT(seconds(idle_time_of("/dev", line).value()), 3500);
  char bytes[8];
  ASSERT_EQ(::write(master, "ls\n", 3), 3);
  ASSERT_GT(::read(slave, bytes, sizeof bytes), 0);
  EXPECT_LT(seconds(idle_time_of("/dev", line).value()), 60);
  ::close(master);
  ::close(slave);
}

}  // namespace
}  // namespace extfarm
