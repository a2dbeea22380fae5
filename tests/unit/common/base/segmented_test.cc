#include "common/base/segmented.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

TEST(Segmented, WhatIsInItStaysWhereItIs) {
  Segmented<int, 64> numbers;
  numbers.push_back(0);
  const int* first = &numbers[0];
  for (int i = 1; i < 1000; ++i) EXPECT_EQ(numbers.push_back(i), i);
  EXPECT_EQ(first, &numbers[0]);
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(numbers[i], static_cast<int>(i));
}

TEST(Segmented, NewElementsAreEmptyAndNoneIsTakenAway) {
  Segmented<int, 64> numbers;
  numbers.push_back(7);
  numbers.grow_to(100);
  EXPECT_EQ(numbers.size(), 100u);
  EXPECT_EQ(numbers[99], 0);
  numbers.grow_to(1);
  EXPECT_EQ(numbers.size(), 100u);
  EXPECT_EQ(numbers[0], 7);
}

}  // namespace
}  // namespace extfarm
