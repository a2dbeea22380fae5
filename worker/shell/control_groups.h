// What the kernel's control groups leave this process of the machine: its own
// group and all above it count, in either version.  Knows nothing of slots.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace extfarm {

class ControlGroups {
 public:
  // The groups that `membership` names (/proc/PID/cgroup), as they lie below
  // `mounts`.  What is not there limits nothing: in a container the names are
  // those of the machine outside, and its own group is the topmost.
  explicit ControlGroups(std::string membership = "/proc/self/cgroup", std::string mounts = "/sys/fs/cgroup");

  std::optional<double> processors() const;  // by quota; nullopt: no group has one
  std::optional<std::uint64_t> memory_bytes() const;  // above it the kernel kills, or slows everything down

 private:
  std::string membership_, mounts_;
};

}  // namespace extfarm
