// The bytes that keep lines at a terminal's foot; tests/lab/test_progress.py has a terminal show them.
#include "coordinator/shell/foot_lines.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(FootLinesTest, TheFirstShowKeepsItsRowsOutOfWhatScrolls) {
  FootLines foot;
  const auto first = foot.show({"one", "two"}, {24, 80});
  EXPECT_TRUE(first.starts_with("\033D\033D\033[2A\0337\033[1;22r\0338")) << first;
  EXPECT_TRUE(has(first, "\033[23;1Hone\033[K\033[24;1Htwo\033[K"));
  const auto second = foot.show({"one", "2"}, {24, 80});
  EXPECT_FALSE(has(second, "\033D"));
  EXPECT_FALSE(has(second, "22r"));
}

TEST(FootLinesTest, AnotherSizeAndAnotherCountSetTheRegionAnew) {
  FootLines foot;
  foot.show({"one"}, {24, 80});
  EXPECT_TRUE(has(foot.show({"one"}, {30, 60}), "\033[1;29r"));
  EXPECT_TRUE(has(foot.show({"a", "b"}, {30, 60}), "\033[1;28r"));
}

TEST(FootLinesTest, ErasingGivesTheWholeScreenBackOnce) {
  FootLines foot;
  EXPECT_EQ(foot.erase(), "");
  foot.show({"one"}, {24, 80});
  EXPECT_EQ(foot.erase(), "\0337\033[r\033[24;1H\033[J\0338");
  EXPECT_EQ(foot.erase(), "");
}

TEST(FootLinesTest, LeavesRowsForEverybodyElse) {
  FootLines foot;
  EXPECT_EQ(foot.show({"one"}, {4, 80}), "");
  const auto shown = foot.show({"one", "two", "three"}, {6, 80});
  EXPECT_FALSE(has(shown, "one"));
  EXPECT_TRUE(has(shown, "\033[1;4r"));
  EXPECT_TRUE(has(shown, "three"));
}

}  // namespace
}  // namespace extfarm
