#include "worker/session/hours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace extfarm::session {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kMon = 0, kFri = 4, kSat = 5, kSun = 6;

std::uint32_t at(std::uint32_t day, std::uint32_t hour, std::uint32_t minute = 0) {
  return day * kMinutesPerDay + 60 * hour + minute;
}

TEST(Hours, TimesHoldEachDayFromTheFirstMinuteToBeforeTheLast) {
  const auto hours = Hours::parse("9:00-17:30").value();
  for (const auto day : {kMon, kFri, kSun}) {
    EXPECT_FALSE(hours.contain(at(day, 8, 59)));
    EXPECT_TRUE(hours.contain(at(day, 9)));
    EXPECT_TRUE(hours.contain(at(day, 17, 29)));
    EXPECT_FALSE(hours.contain(at(day, 17, 30)));
  }
}

TEST(Hours, ANightGoesOnPastMidnightAlsoFromSundayToMonday) {
  const auto hours = Hours::parse("19:00-07:00").value();
  EXPECT_TRUE(hours.contain(at(kSun, 23, 59)));
  EXPECT_TRUE(hours.contain(at(kMon, 0)));
  EXPECT_TRUE(hours.contain(at(kMon, 6, 59)));
  EXPECT_FALSE(hours.contain(at(kMon, 7)));
}

TEST(Hours, DaysAreWholeAndAddedToTheTimes) {
  const auto hours = Hours::parse("19:00-07:00,sat,sun").value();
  EXPECT_TRUE(hours.contain(at(kSat, 12)));
  EXPECT_TRUE(hours.contain(at(kSun, 12)));
  EXPECT_FALSE(hours.contain(at(kFri, 12)));
  EXPECT_FALSE(hours.contain(at(kMon, 12)));
  EXPECT_EQ(hours.text(), "19:00-07:00,sat,sun");
}

TEST(Hours, DaysMayWrapOverTheWeekend) {
  const auto hours = Hours::parse("sat-mon").value();
  EXPECT_TRUE(hours.contain(at(kMon, 23, 59)));
  EXPECT_FALSE(hours.contain(at(kMon + 1, 0)));
  EXPECT_TRUE(hours.contain(at(kSun, 1)));
  EXPECT_FALSE(hours.contain(at(kFri, 23, 59)));
}

TEST(Hours, MidnightHasTwoNames) {
  const auto whole = Hours::parse("00:00-24:00").value();
  const auto evening = Hours::parse("20:00-24:00").value(), same = Hours::parse("20:00-0:00").value();
  for (std::uint32_t minute = 0; minute < kMinutesPerWeek; ++minute) {
    EXPECT_TRUE(whole.contain(minute));
    EXPECT_EQ(evening.contain(minute), same.contain(minute)) << minute;
  }
  EXPECT_TRUE(evening.contain(at(kMon, 23, 59)));
  EXPECT_FALSE(evening.contain(at(kMon, 0)));
}

TEST(Hours, WhatIsNoneIsNamed) {
  for (const char* wrong : {"", "sat,", ",sat", "19-07", "19:00", "19:00-", "-07:00", "25:00-07:00", "24:01-07:00", "19:60-20:00",
                            "19:0-20:00", "119:00-20:00", "1:00-2:00-3:00", "fry", "Sat", "mon-19:00", "sat sun", "19:00–07:00",
                            "+9:00-10:00", " 9:00-10:00"}) {
    const auto hours = Hours::parse(wrong);
    ASSERT_FALSE(hours) << wrong;
    EXPECT_EQ(hours.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(hours.error().message, HasSubstr("give times and days, such as 19:00-07:00,sat,sun")) << wrong;
  }
  EXPECT_THAT(Hours::parse("19:00-07:00,fry").error().message, HasSubstr("\"fry\" is neither a time nor a day"));
  EXPECT_THAT(Hours::parse("10:00-10:00").error().message, HasSubstr("\"10:00-10:00\" is no time at all"));
  EXPECT_THAT(Hours::parse("24:00-0:00").error().message, HasSubstr("no time at all"));
}

}  // namespace
}  // namespace extfarm::session
