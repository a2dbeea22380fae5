#include "worker/shell/calibration.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

// A wide margin: a machine that others use changes its mind by a third.
TEST(Calibration, TwoMeasurementsOfOneMachineAreAlike) {
  const double first = static_cast<double>(measure_speed()), second = static_cast<double>(measure_speed());
  EXPECT_GT(first, 1);
  EXPECT_LT(first / second, 4);
  EXPECT_GT(first / second, 0.25);
}

}  // namespace
}  // namespace extfarm
