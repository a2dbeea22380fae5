// The hours of the week at which a machine serves the farm.  Knows no clock:
// which minute it is, the caller says.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace extfarm::session {

inline constexpr std::uint32_t kMinutesPerDay = 24 * 60;
inline constexpr std::uint32_t kMinutesPerWeek = 7 * kMinutesPerDay;

class Hours {
 public:
  // A list with commas: times of every day ("19:00-07:00" goes on past midnight)
  // and whole days ("sat", "mon-fri").  Errors: kInvalid, with the word and what it should be.
  static Result<Hours> parse(std::string_view text);
  // `minute_of_week`: local time, from Monday 0:00; below kMinutesPerWeek.
  bool contain(std::uint32_t minute_of_week) const { return minutes_[minute_of_week % kMinutesPerWeek]; }
  const std::string& text() const { return text_; }  // as it was given

 private:
  std::bitset<kMinutesPerWeek> minutes_;
  std::string text_;
};

}  // namespace extfarm::session
