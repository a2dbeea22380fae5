// The only way to ask for the time.
#pragma once

#include <cstdint>

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

// CLOCK_REALTIME in nanoseconds, for comparing with the stamps of files.
std::int64_t realtime_ns();

}  // namespace extfarm
