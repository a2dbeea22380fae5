// How many processors are kept busy by what is neither this process nor started
// by it.  Programs that were niced do not count: those give way themselves.
#pragma once

#include <optional>

#include "common/base/timestamp.h"

namespace extfarm {

class OthersLoad {
 public:
  // `attempts_are_niced`: the kernel counts their time apart.
  explicit OthersLoad(bool attempts_are_niced) : attempts_are_niced_(attempts_are_niced) {}
  // The mean since the last call; 0 at the first, and where /proc does not tell.
  // A little too high or below 0 when a process of ours ended during a look: the next one makes up for it.
  double look(Timestamp now);

 private:
  struct Spent {  // seconds of processors
    double all = 0, ours = 0;
  };
  std::optional<Spent> spent() const;

  const bool attempts_are_niced_;
  std::optional<Spent> before_;
  Timestamp looked_at_;
};

}  // namespace extfarm
