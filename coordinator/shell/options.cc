#include "coordinator/shell/options.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

extern char** environ;

namespace extfarm {
namespace {

// "16" → 16; anything else that was meant as a number → 1, with a warning.
std::uint32_t read_count(const std::string& text, const std::string& where,
                         std::vector<std::string>& warnings) {
  char* end = nullptr;
  const long count = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || count < 1) {
    warnings.push_back(where + " asks for \"" + text + "\" jobs, which is no number above 0; using 1");
    return 1;
  }
  return static_cast<std::uint32_t>(std::min(count, 1'000'000L));
}

// The N of -jN, -j N or --jobs=N among the words of `flags`.  A bare -j, as a
// make without a limit or an older make with a jobserver hands on, names none.
std::optional<std::string> jobs_among(const std::string& flags) {
  std::istringstream words(flags);
  std::optional<std::string> found;
  bool is_awaited = false;
  for (std::string word; words >> word;) {
    if (std::exchange(is_awaited, false) && !word.starts_with('-')) {
      found = word;
    } else if (word == "-j" || word == "--jobs") {
      is_awaited = true;
    } else if (word.starts_with("-j")) {
      found = word.substr(2);
    } else if (word.starts_with("--jobs=")) {
      found = word.substr(7);
    }
  }
  return found;
}

}  // namespace

std::uint32_t local_slots_from(const std::string& flag, const std::string& extfarm_jobs,
                               const std::string& make, const std::string& makeflags,
                               std::uint32_t core_count, std::vector<std::string>& warnings) {
  std::uint32_t wanted = core_count;
  std::string where;
  if (!flag.empty()) {
    wanted = read_count(flag, where = "-j", warnings);
  } else if (!extfarm_jobs.empty()) {
    wanted = read_count(extfarm_jobs, where = "EXTFARM_JOBS", warnings);
  } else if (const auto jobs = jobs_among(make)) {
    wanted = read_count(*jobs, where = "MAKE", warnings);
  } else if (const auto inherited = jobs_among(makeflags)) {
    wanted = read_count(*inherited, where = "MAKEFLAGS", warnings);
  }
  if (wanted > 2 * core_count) {
    warnings.push_back(where + " asks for " + std::to_string(wanted) + " local jobs on " +
                       std::to_string(core_count) + " cores; using " + std::to_string(2 * core_count));
    wanted = 2 * core_count;
  }
  return wanted;
}

std::string complaint_about_count(const std::string& text, const std::string& otherwise) {
  const bool is_number = text.find_first_not_of("0123456789") == std::string::npos;
  if (is_number && text.find_first_not_of('0') != std::string::npos) return {};
  return "\"" + text + "\" is no number of jobs; give one from 1 up, " + otherwise;
}

std::uint32_t local_steps(const RunOptions& options) {
  return options.local_slots > 0 ? options.local_slots : options.core_count;
}

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos)
      out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

std::string home_folder() {
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? home : "/";
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
}

}  // namespace extfarm
