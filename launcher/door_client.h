// Questions to the coordinator's front door (doc/front-door.md), and their answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace extfarm {

struct DoorAnswer {
  bool run_locally = false;
  int exit_code = 0;
  std::string stdout_bytes, stderr_bytes;
};

// Waits for the answer.  nullopt when the coordinator cannot be reached or goes away.
// With `run_locally` this process has one of the host's slots until it ends, and
// whatever program it becomes until then: it is to be waited for no more.
std::optional<DoorAnswer> ask_coordinator(const std::string& socket_path,
                                          const std::vector<std::string>& argv);

// How many jobs a build tool should keep under way.  nullopt when the
// coordinator cannot be reached, or leaves that to the tool.
std::optional<int> ask_jobs(const std::string& socket_path);

}  // namespace extfarm
