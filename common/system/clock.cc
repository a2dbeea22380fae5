#include "common/system/clock.h"

namespace extfarm {

Timestamp MonotonicClock::now() const {
  return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

}  // namespace extfarm
