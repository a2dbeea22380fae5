// Who is logged in, by the file that login programs write (utmp).  Knows nothing
// of what follows from it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/session/courtesy.h"

namespace extfarm {

inline constexpr const char* kUtmpFile = "/run/utmp";

// The sessions in `file` but those on `known_lines`.  Since when a terminal has
// had no input its access time tells (in `devices`, usually /dev; the kernel
// sets it every eight seconds at most); of a desktop nothing does, so it counts
// as in use.  nullopt: the file cannot be read, or is no utmp file.
std::optional<std::vector<session::Person>> read_utmp(const std::string& file, const std::string& devices,
                                                      const std::set<std::string>& known_lines = {});

// How long ago the terminal `line` had its last input; nullopt when there is no such terminal.
std::optional<Duration> idle_time_of(const std::string& devices, const std::string& line);

}  // namespace extfarm
