// One question to the coordinator's front door (doc/front-door.md), and its answer.
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
std::optional<DoorAnswer> ask_coordinator(const std::string& socket_path,
                                          const std::vector<std::string>& argv);

}  // namespace extfarm
