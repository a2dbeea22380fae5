#include "worker/presence/desktop_idle.h"

#include <systemd/sd-bus.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

namespace extfarm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAskEvery = std::chrono::milliseconds(250);
constexpr auto kValidFor = std::chrono::seconds(1);  // of the two that a person may wait
constexpr std::uint64_t kPatienceUs = 1'000'000;

// 1 or 0; below 0: the bus is of no use.
int says_idle(sd_bus* bus, const std::string& session) {
  char* path = nullptr;
  if (const int failed = ::sd_bus_path_encode("/org/freedesktop/login1/session", session.c_str(), &path); failed < 0) return failed;
  sd_bus_error error = SD_BUS_ERROR_NULL;
  int is_idle = 0;
  const int done = ::sd_bus_get_property_trivial(bus, "org.freedesktop.login1", path, "org.freedesktop.login1.Session",
                                                 "IdleHint", &error, 'b', &is_idle);
  const bool is_answered = done >= 0 || ::sd_bus_error_is_set(&error) != 0;  // "no such session" is an answer, too
  ::sd_bus_error_free(&error);
  std::free(path);
  if (!is_answered) return -1;
  return done >= 0 && is_idle != 0 ? 1 : 0;
}

}  // namespace

struct DesktopIdle::Asked {
  std::mutex mutex;
  std::set<std::string> sessions, idle;
  Clock::time_point answered_at;
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
  if (Clock::now() - asked_->answered_at > kValidFor) return {};
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
    const auto began = Clock::now();
    if (bus == nullptr && ::sd_bus_open_system(&bus) < 0) continue;
    ::sd_bus_set_method_call_timeout(bus, kPatienceUs);
    bool has_failed = false;
    for (const auto& session : sessions) {
      const int answer = says_idle(bus, session);
      has_failed = has_failed || answer < 0;
      if (answer > 0) idle.insert(session);
    }
    if (has_failed) {
      bus = ::sd_bus_close_unref(bus);
      continue;
    }
    const std::lock_guard lock(asked->mutex);
    asked->idle = std::move(idle);
    asked->answered_at = began;
  }
  ::sd_bus_close_unref(bus);
}

}  // namespace extfarm
