#include "worker/presence/presence.h"

#include <ctime>

#include "worker/presence/utmp.h"

namespace extfarm {
namespace {

constexpr const char* kDevices = "/dev";

std::uint32_t minute_of_week() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  const int day = (local.tm_wday + 6) % 7;  // from Monday
  return static_cast<std::uint32_t>(day) * session::kMinutesPerDay + static_cast<std::uint32_t>(60 * local.tm_hour + local.tm_min);
}

}  // namespace

Result<void> Presence::check() {
  if (!settings_.looks_for_people) return {};
  session::MachineSeen seen;
  look_for_people(seen);
  if (seen.knows_people) return {};
  return failure(ErrorCode::kUnavailable,
                 "cannot tell who is logged in: " +
                     (settings_.utmp.empty() ? std::string("there is neither ") + kUtmpFile + " nor logind here"
                                             : settings_.utmp + " cannot be read as a utmp file") +
                     "; name such a file with --utmp, or leave --considerate and --mind-people out");
}

session::MachineSeen Presence::look(Timestamp now) {
  session::MachineSeen seen;
  if (settings_.looks_for_people) look_for_people(seen);
  if (settings_.looks_at_load) seen.others_busy = load_.look(now);
  seen.minute_of_week = minute_of_week();
  return seen;
}

// Where both tell, logind does: it knows which desktop is on the screen.
void Presence::look_for_people(session::MachineSeen& seen) {
  std::optional<LoginSessions> sessions;
  if (settings_.utmp.empty()) sessions = read_logind(kDevices, desktops_.idle(), names_);
  if (sessions) {
    seen.people = std::move(sessions->people);
    desktops_.watch(sessions->desktops);
  }
  const auto more = read_utmp(settings_.utmp.empty() ? kUtmpFile : settings_.utmp, kDevices,
                              sessions ? sessions->lines : std::set<std::string>{});
  if (more) seen.people.insert(seen.people.end(), more->begin(), more->end());
  seen.knows_people = sessions || more;
}

}  // namespace extfarm
