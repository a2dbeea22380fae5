#include "worker/presence/utmp.h"

#include <signal.h>
#include <sys/stat.h>
#include <utmp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "common/system/clock.h"

namespace extfarm {
namespace {

constexpr std::size_t kMostEntries = 4096;

// Of a field that need not end with a NUL byte.
template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  return std::string(field, ::strnlen(field, N));
}

// ":0", or a virtual terminal of a display manager: those name a display or themselves as host.
bool is_desktop(const std::string& line, const std::string& host) {
  return line.starts_with(':') || (line.starts_with("tty") && !host.empty());
}

std::string place_of(const std::string& line, const std::string& host) {
  if (line.starts_with(':') || line.starts_with("tty")) return "is at the console";
  const bool is_remote = !host.empty() && !host.starts_with(':');
  return is_remote ? "is logged in from " + host : "is logged in on " + line;
}

}  // namespace

std::optional<Duration> idle_time_of(const std::string& devices, const std::string& line) {
  struct stat status {};
  if (line.empty() || ::stat((devices + "/" + line).c_str(), &status) != 0) return std::nullopt;
  const std::int64_t input_ns = status.st_atim.tv_sec * 1'000'000'000LL + status.st_atim.tv_nsec;
  return Duration{std::max<std::int64_t>(0, realtime_ns() - input_ns)};
}

std::optional<std::vector<session::Person>> read_utmp(const std::string& file, const std::string& devices,
                                                      const std::set<std::string>& known_lines) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  if (!in.is_open() || in.bad() || bytes.size() % sizeof(utmp) != 0 || bytes.size() / sizeof(utmp) > kMostEntries)
    return std::nullopt;
  std::vector<session::Person> people;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(utmp)) {
    utmp entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    const std::string name = text_of(entry.ut_user), line = text_of(entry.ut_line), host = text_of(entry.ut_host);
    if (entry.ut_type != USER_PROCESS || name.empty() || known_lines.contains(line)) continue;
    Duration idle{0};
    if (is_desktop(line, host)) {
      if (entry.ut_pid > 0 && ::kill(entry.ut_pid, 0) != 0 && errno == ESRCH) continue;  // left over from a crash
    } else {
      const auto terminal = idle_time_of(devices, line);
      if (!terminal) continue;  // likewise
      idle = *terminal;
    }
    people.push_back({name, place_of(line, host), idle});
  }
  return people;
}

}  // namespace extfarm
