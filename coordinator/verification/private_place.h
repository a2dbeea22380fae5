// Lets one process, and all it starts, see other folders in the place of some:
// a mount namespace of its own.  What it writes there stays in the other
// folders, and nobody else sees a change.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace extfarm::verification {

class PrivatePlace {
 public:
  // Each pair: the path as the process shall see it, the folder that it shall see there.
  explicit PrivatePlace(std::vector<std::pair<std::string, std::string>> places);
  // For the child between fork and exec: system calls only.  0, or the errno of the step that failed.
  int enter() const;
  // Whether this process may make such places.  Errors: kUnavailable, with what to do.
  static Result<void> probe();

 private:
  std::vector<std::pair<std::string, std::string>> places_;
  std::string uid_map_, gid_map_;
};

}  // namespace extfarm::verification
