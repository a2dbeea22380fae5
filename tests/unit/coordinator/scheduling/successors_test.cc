#include "coordinator/scheduling/successors.h"

#include <gtest/gtest.h>

namespace extfarm::scheduling {
namespace {

constexpr Timestamp at(int seconds) { return {std::chrono::seconds(seconds)}; }

TEST(Successors, ThoseAreCountedThatMatterMore) {
  Successors successors;
  for (std::uint64_t i = 1; i <= 3; ++i) successors.expect({i}, 10.0 * static_cast<double>(i), at(5));
  EXPECT_TRUE(successors.has_above(5, 3));
  EXPECT_FALSE(successors.has_above(5, 4));
  EXPECT_TRUE(successors.has_above(20, 1));
  EXPECT_FALSE(successors.has_above(20, 2)) << "what matters as much does not matter more";
  EXPECT_FALSE(successors.has_above(30, 1));
}

TEST(Successors, WhoIsExpectedAgainIsExpectedOnce) {
  Successors successors;
  successors.expect({1}, 10, at(5));
  successors.expect({1}, 20, at(7));
  EXPECT_TRUE(successors.has_above(15, 1));
  EXPECT_FALSE(successors.has_above(5, 2));
  EXPECT_EQ(successors.first_end(), at(7));
  EXPECT_TRUE(successors.forget({1}));
  EXPECT_FALSE(successors.forget({1}));
  EXPECT_FALSE(successors.first_end());
}

TEST(Successors, WhoIsLateIsForgotten) {
  Successors successors;
  successors.expect({1}, 10, at(5));
  successors.expect({2}, 20, at(6));
  successors.forget_late(at(5));
  EXPECT_TRUE(successors.has_above(0, 1));
  EXPECT_FALSE(successors.has_above(0, 2));
  EXPECT_EQ(successors.first_end(), at(6));
}

}  // namespace
}  // namespace extfarm::scheduling
