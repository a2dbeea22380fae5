#include "coordinator/shell/options.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

class LocalSlots : public testing::Test {
 protected:
  std::uint32_t slots(const std::string& flag, const std::string& jobs, const std::string& make,
                      const std::string& makeflags) {
    return local_slots_from(flag, jobs, make, makeflags, 4, warnings_);
  }
  std::vector<std::string> warnings_;
};

TEST_F(LocalSlots, AreTheCoresUnlessSaidOtherwise) { EXPECT_EQ(slots("", "", "", ""), 4u); }
TEST_F(LocalSlots, FollowTheFlagBeforeTheEnvironment) { EXPECT_EQ(slots("2", "3", "make -j5", "-j6"), 2u); }
TEST_F(LocalSlots, FollowMake) { EXPECT_EQ(slots("", "", "make -j3", ""), 3u); }
TEST_F(LocalSlots, FollowMakeflags) { EXPECT_EQ(slots("", "", "", " --jobs=2 --no-print-directory"), 2u); }
TEST_F(LocalSlots, FollowMakeflagsWithAJobserver) {
  EXPECT_EQ(slots("", "", "", " -j3 --jobserver-auth=3,4"), 3u);
  EXPECT_EQ(slots("", "", "", "w -j3 --jobserver-auth=fifo:/tmp/GMfifo7"), 3u);
}
TEST_F(LocalSlots, AreTheCoresWhenMakeNamesNoNumber) {
  EXPECT_EQ(slots("", "", "", " -j --jobserver-fds=3,4"), 4u);
  EXPECT_EQ(slots("", "", "make -j", ""), 4u);
  EXPECT_TRUE(warnings_.empty());
}
TEST_F(LocalSlots, FollowANumberThatStandsApart) { EXPECT_EQ(slots("", "", "make -s -j 3 -k", ""), 3u); }

TEST_F(LocalSlots, ATypoIsCappedAtTwiceTheCoresWithAWarning) {
  EXPECT_EQ(slots("", "", "make -j10000", ""), 8u);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("10000"), std::string::npos);
}

TEST_F(LocalSlots, ABadNumberMeansOneWithAWarning) {
  for (const char* bad : {"many", "0", "-3", "4x", "1e9"}) {
    warnings_.clear();
    EXPECT_EQ(slots("", bad, "", ""), 1u) << bad;
    EXPECT_EQ(warnings_.size(), 1u) << bad;
  }
  EXPECT_EQ(slots("", "", "make -jmany", ""), 1u);
}

}  // namespace
}  // namespace extfarm
