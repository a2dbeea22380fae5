#include "worker/presence/logind.h"

#include <pwd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "worker/presence/utmp.h"

namespace extfarm {
namespace {

// What one of sd-login's questions about a session is answered; empty: nothing.
std::string ask(int (*question)(const char*, char**), const char* session) {
  char* answer = nullptr;
  if (question(session, &answer) < 0 || answer == nullptr) return "";
  std::string text = answer;
  std::free(answer);
  return text;
}

std::string name_of_user(const char* session, UserNames& names) {
  uid_t uid = 0;
  if (::sd_session_get_uid(session, &uid) < 0) return "somebody";
  const auto [name, is_new] = names.try_emplace(uid, "user " + std::to_string(uid));
  if (!is_new) return name->second;
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) name->second = found->pw_name;
  return name->second;
}

void add_session(const char* id, const std::string& devices, const std::set<std::string>& idle_desktops, UserNames& names,
                 LoginSessions& out) {
  const std::string terminal = ask(::sd_session_get_tty, id), display = ask(::sd_session_get_display, id);
  unsigned virtual_terminal = 0;
  if (::sd_session_get_vt(id, &virtual_terminal) >= 0) out.lines.insert("tty" + std::to_string(virtual_terminal));
  for (const auto& line : {terminal, display}) {
    if (!line.empty()) out.lines.insert(line);
  }
  if (!ask(::sd_session_get_class, id).starts_with("user") || ask(::sd_session_get_state, id) == "closing") return;
  const std::string type = ask(::sd_session_get_type, id);
  const bool is_desktop = type == "x11" || type == "wayland" || type == "mir";
  Duration idle{0};
  if (is_desktop) {
    if (::sd_session_is_active(id) <= 0) return;  // another one is on the screen
    out.desktops.insert(id);
    if (idle_desktops.contains(id)) return;
  } else {
    const auto input = idle_time_of(devices, terminal);
    if (!input) return;
    idle = *input;
  }
  const bool is_here = !ask(::sd_session_get_seat, id).empty();
  const std::string from = ask(::sd_session_get_remote_host, id);
  out.people.push_back({name_of_user(id, names),
                        is_here       ? "is at the console"
                        : from.empty() ? "is logged in on " + (terminal.empty() ? display : terminal)
                                       : "is logged in from " + from,
                        idle});
}

}  // namespace

std::optional<LoginSessions> read_logind(const std::string& devices, const std::set<std::string>& idle_desktops,
                                         UserNames& names) {
  // Without logind its library would say that nobody is there.
  if (::sd_booted() <= 0 || ::access("/run/systemd/sessions", R_OK | X_OK) != 0) return std::nullopt;
  char** sessions = nullptr;
  if (::sd_get_sessions(&sessions) < 0) return std::nullopt;
  std::set<std::string> ids;  // always in one order, so that the same person is named each time
  for (char** id = sessions; id != nullptr && *id != nullptr; ++id) {
    ids.insert(*id);
    std::free(*id);
  }
  std::free(sessions);
  LoginSessions out;
  for (const auto& id : ids) add_session(id.c_str(), devices, idle_desktops, names, out);
  return out;
}

}  // namespace extfarm
