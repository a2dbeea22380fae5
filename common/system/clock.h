// The only way to ask for the time.
#pragma once

#include "common/base/timestamp.h"

namespace extfarm {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

// CLOCK_MONOTONIC.
class MonotonicClock : public Clock {
 public:
  Timestamp now() const override;
};

}  // namespace extfarm
