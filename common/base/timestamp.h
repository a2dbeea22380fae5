// Points in time and lengths of time.  Knows no clock: see common/system/clock.h.
#pragma once

#include <chrono>
#include <compare>

namespace extfarm {

using Duration = std::chrono::nanoseconds;

// A point on one process's monotonic time line (or a simulation's).
struct Timestamp {
  Duration since_start{0};
  auto operator<=>(const Timestamp&) const = default;
};

inline Timestamp operator+(Timestamp t, Duration d) { return {t.since_start + d}; }
inline Duration operator-(Timestamp a, Timestamp b) { return a.since_start - b.since_start; }

inline double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline Duration from_seconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}

}  // namespace extfarm
