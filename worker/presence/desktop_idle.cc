#include "worker/presence/desktop_idle.h"

#include <systemd/sd-bus.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

namespace extfarm {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kAskEvery = std::chrono::milliseconds(250);
constexpr auto kValidFor = std::chrono::seconds(1);  // of the two that a person may wait
constexpr std::uint64_t kPatienceUs = 1'000'000;

// False also when there is no answer.
bool says_idle(sd_bus* bus, const std::string& session) {
  char* path = nullptr;
  if (::sd_bus_path_encode("/org/freedesktop/login1/session", session.c_str(), &path) < 0) return false;
  int is_idle = 0;
  const int done = ::sd_bus_get_property_trivial(bus, "org.freedesktop.login1", path, "org.freedesktop.login1.Session",
                                                 "IdleHint", nullptr, 'b', &is_idle);
  std::free(path);
  return done >= 0 && is_idle != 0;
}

}  // namespace

struct DesktopIdle::Asked {
  std::mutex mutex;
  std::set<std::string> sessions, idle;
  SteadyClock::time_point answered_at;
  bool is_over = false;
};

DesktopIdle::DesktopIdle() : asked_(std::make_shared<Asked>()) {}

DesktopIdle::~DesktopIdle() {
  const std::lock_guard lock(asked_->mutex);
  asked_->is_over = true;
}

void DesktopIdle::watch(std::set<std::string> sessions) {
  if (sessions.empty() && !has_thread_) return;
  {
    const std::lock_guard lock(asked_->mutex);
    asked_->sessions = std::move(sessions);
  }
  if (!std::exchange(has_thread_, true)) std::thread([asked = asked_] { keep_asking(asked); }).detach();
}

std::set<std::string> DesktopIdle::idle() const {
  const std::lock_guard lock(asked_->mutex);
  if (SteadyClock::now() - asked_->answered_at > kValidFor) return {};
  return asked_->idle;
}

void DesktopIdle::keep_asking(const std::shared_ptr<Asked>& asked) {
  sd_bus* bus = nullptr;
  for (;; std::this_thread::sleep_for(kAskEvery)) {
    std::set<std::string> sessions, idle;
    {
      const std::lock_guard lock(asked->mutex);
      if (asked->is_over) break;
      sessions = asked->sessions;
    }
    const auto began = SteadyClock::now();
    if (bus == nullptr && ::sd_bus_open_system(&bus) < 0) continue;
    ::sd_bus_set_method_call_timeout(bus, kPatienceUs);
    for (const auto& session : sessions) {
      if (says_idle(bus, session)) idle.insert(session);
    }
    if (::sd_bus_is_open(bus) <= 0) bus = ::sd_bus_close_unref(bus);  // it has ended, and may be started again
    const std::lock_guard lock(asked->mutex);
    asked->idle = std::move(idle);
    asked->answered_at = began;
  }
  ::sd_bus_close_unref(bus);
}

}  // namespace extfarm
