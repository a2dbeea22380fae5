// A message bus of the test's own, with a logind on it that says what the test wants said.
#include "worker/presence/desktop_idle.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

namespace extfarm {
namespace {

constexpr const char* kConfiguration = R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>
)";

bool comes_true(const std::function<bool()>& condition) {
  for (int turn = 0; turn < 1000; ++turn) {
    if (condition()) return true;
    ::usleep(10'000);
  }
  return false;
}

int tell_idle(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* is_idle, sd_bus_error*) {
  return ::sd_bus_message_append(reply, "b", static_cast<std::atomic<bool>*>(is_idle)->load() ? 1 : 0);
}

const sd_bus_vtable kSession[] = {SD_BUS_VTABLE_START(0), SD_BUS_PROPERTY("IdleHint", "b", tell_idle, 0, 0), SD_BUS_VTABLE_END};

class Desktop : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/extfarm-bus-XXXXXX";
    folder_ = ::mkdtemp(name);
    std::string configuration = kConfiguration;
    configuration.replace(configuration.find("SOCKET"), 6, folder_ + "/socket");
    std::ofstream(folder_ + "/bus.conf") << configuration;
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + folder_ + "/socket").c_str(), 1);
    start_bus();
  }
  void start_bus() {
    daemon_ = ::fork();
    if (daemon_ == 0) {
      const std::string configuration = "--config-file=" + folder_ + "/bus.conf";
      ::execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", configuration.c_str(), nullptr);
      ::_exit(127);
    }
    ASSERT_TRUE(comes_true([&] { return std::filesystem::exists(folder_ + "/socket"); })) << "no dbus-daemon";
    logind_ = std::thread([this] { serve(); });
    ASSERT_TRUE(comes_true([&] { return is_serving_.load(); }));
  }
  void TearDown() override {
    end_bus();
    std::filesystem::remove_all(folder_);
  }
  void end_bus() {
    is_over_ = true;
    if (logind_.joinable()) logind_.join();
    is_over_ = is_serving_ = false;
    std::filesystem::remove(folder_ + "/socket");
    if (daemon_ <= 0) return;
    ::kill(daemon_, SIGKILL);
    ::waitpid(daemon_, nullptr, 0);
    daemon_ = -1;
  }
  void serve() {
    sd_bus* bus = nullptr;
    // A daemon's socket is there before it listens at it.
    if (!comes_true([&] { return ::sd_bus_open_system(&bus) >= 0; })) return;
    ::sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/login1/session/_32", "org.freedesktop.login1.Session", kSession,
                               &is_idle_);
    is_serving_ = ::sd_bus_request_name(bus, "org.freedesktop.login1", 0) >= 0;
    while (!is_over_) {
      if (const int done = ::sd_bus_process(bus, nullptr); done < 0) break;
      else if (done == 0) ::sd_bus_wait(bus, 20'000);
    }
    ::sd_bus_close_unref(bus);
  }
  std::string folder_;
  pid_t daemon_ = -1;
  std::thread logind_;
  std::atomic<bool> is_idle_{false}, is_over_{false}, is_serving_{false};
};

TEST_F(Desktop, IsInUseUntilItSaysThatItIsIdleAndAgainOnceItIsNot) {
  DesktopIdle desktops;
  EXPECT_TRUE(desktops.idle().empty());
  is_idle_ = true;
  desktops.watch({"2", "3"});
  EXPECT_TRUE(comes_true([&] { return desktops.idle() == std::set<std::string>{"2"}; })) << "of 3 logind knows nothing";
  is_idle_ = false;
  EXPECT_TRUE(comes_true([&] { return desktops.idle().empty(); }));
}

TEST_F(Desktop, IsInUseWhenNobodyAnswersAnyMoreUntilTheBusIsBack) {
  is_idle_ = true;
  DesktopIdle desktops;
  desktops.watch({"2"});
  ASSERT_TRUE(comes_true([&] { return !desktops.idle().empty(); }));
  end_bus();
  EXPECT_TRUE(comes_true([&] { return desktops.idle().empty(); }));
  start_bus();
  EXPECT_TRUE(comes_true([&] { return !desktops.idle().empty(); }));
}

}  // namespace
}  // namespace extfarm
