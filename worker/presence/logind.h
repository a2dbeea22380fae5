// Who is logged in, by systemd-logind.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/session/courtesy.h"

namespace extfarm {

struct LoginSessions {
  std::vector<session::Person> people;
  std::set<std::string> desktops;  // ids of those in the foreground
  std::set<std::string> lines;     // terminals and displays of all sessions, in utmp's words
};

// What users are called, by their numbers.  Kept by the caller: to ask may take long.
using UserNames = std::map<unsigned, std::string>;

// Sessions of users with a terminal, or with a desktop in the foreground; not
// greeters, nor commands run by ssh without a terminal.  A desktop is in use
// unless it is among `idle_desktops`.  nullopt: no logind here.
std::optional<LoginSessions> read_logind(const std::string& devices, const std::set<std::string>& idle_desktops,
                                         UserNames& names);

}  // namespace extfarm
