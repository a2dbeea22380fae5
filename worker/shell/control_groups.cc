#include "worker/shell/control_groups.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace extfarm {
namespace {

// The folders of a group and of those above it, up to where they are mounted.
std::vector<std::string> upwards(const std::string& mount, std::string group) {
  std::vector<std::string> out;
  while (!group.empty() && group != "/") {
    out.push_back(mount + group);
    group.erase(group.rfind('/'));
  }
  out.push_back(mount);
  return out;
}

struct Folders {
  std::vector<std::string> first, second;  // of version 1, which has a tree for each controller; of version 2
};

// Lines of the membership: "4:memory:/a/b" in version 1, "0::/a/b" in version 2.
Folders folders_of(const std::string& controller, const std::string& membership, const std::string& mounts) {
  Folders out{{mounts + "/" + controller}, {mounts}};
  std::ifstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    const auto names_at = line.find(':'), group_at = line.find(':', names_at + 1);
    if (names_at == std::string::npos || group_at == std::string::npos || line.compare(group_at + 1, 1, "/") != 0) continue;
    const std::string names = line.substr(names_at + 1, group_at - names_at - 1), group = line.substr(group_at + 1);
    if (names.empty()) out.second = upwards(mounts, group);
    std::istringstream each(names);
    for (std::string name; std::getline(each, name, ',');) {
      if (name == controller) out.first = upwards(mounts + "/" + controller, group);
    }
  }
  return out;
}

// Nullopt when there is no such file, or it says "max" or -1.
std::optional<double> positive_number(std::istream&& file) {
  double out = 0;
  if (!(file >> out) || out <= 0) return std::nullopt;
  return out;
}

template <typename T>
void lower(std::optional<T>& least, std::optional<double> found) {
  if (found) least = least ? std::min(*least, static_cast<T>(*found)) : static_cast<T>(*found);
}

std::optional<double> quotient(std::optional<double> quota, std::optional<double> period) {
  if (!quota || !period) return std::nullopt;
  return *quota / *period;
}

}  // namespace

ControlGroups::ControlGroups(std::string membership, std::string mounts)
    : membership_(std::move(membership)), mounts_(std::move(mounts)) {}

std::optional<double> ControlGroups::processors() const {
  const auto folders = folders_of("cpu", membership_, mounts_);
  std::optional<double> out;
  for (const auto& folder : folders.first) {
    lower(out, quotient(positive_number(std::ifstream(folder + "/cpu.cfs_quota_us")),
                        positive_number(std::ifstream(folder + "/cpu.cfs_period_us"))));
  }
  for (const auto& folder : folders.second) {
    std::ifstream file(folder + "/cpu.max");
    const auto quota = positive_number(std::move(file));
    lower(out, quotient(quota, positive_number(std::move(file))));
  }
  return out;
}

std::optional<std::uint64_t> ControlGroups::memory_bytes() const {
  const auto folders = folders_of("memory", membership_, mounts_);
  std::optional<std::uint64_t> out;
  for (const auto& folder : folders.first) lower(out, positive_number(std::ifstream(folder + "/memory.limit_in_bytes")));
  for (const auto& folder : folders.second) {
    for (const char* name : {"/memory.max", "/memory.high"}) lower(out, positive_number(std::ifstream(folder + name)));
  }
  return out;
}

}  // namespace extfarm
