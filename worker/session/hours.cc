#include "worker/session/hours.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace extfarm::session {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<std::uint32_t> day_of(std::string_view word) {
  const auto it = std::find(kDays.begin(), kDays.end(), word);
  if (it == kDays.end()) return std::nullopt;
  return static_cast<std::uint32_t>(it - kDays.begin());
}

// One or two digits, at most `most`.
std::optional<std::uint32_t> number_of(std::string_view digits, std::uint32_t most) {
  if (digits.empty() || digits.size() > 2) return std::nullopt;
  std::uint32_t value = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = 10 * value + static_cast<std::uint32_t>(digit - '0');
  }
  return value <= most ? std::optional(value) : std::nullopt;
}

// "7:30", "07:30", "24:00": minutes from midnight.
std::optional<std::uint32_t> time_of(std::string_view word) {
  const auto colon = word.find(':');
  if (colon == std::string_view::npos || word.size() - colon != 3) return std::nullopt;
  const auto hour = number_of(word.substr(0, colon), 24), minute = number_of(word.substr(colon + 1), 59);
  if (!hour || !minute || 60 * *hour + *minute > kMinutesPerDay) return std::nullopt;
  return 60 * *hour + *minute;
}

tl::unexpected<Error> no_hours(std::string_view word, const char* why) {
  return failure(ErrorCode::kInvalid, "\"" + std::string(word) + "\" is " + why +
                                          "; give times and days, such as 19:00-07:00,sat,sun or mon-fri");
}

// The minutes from `from` on, `count` of them, over the end of the week.
void set_span(std::bitset<kMinutesPerWeek>& minutes, std::uint32_t from, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) minutes.set((from + i) % kMinutesPerWeek);
}

Result<void> add(std::string_view word, std::bitset<kMinutesPerWeek>& minutes) {
  const auto dash = word.find('-');
  const auto first = word.substr(0, dash);
  const auto last = dash == std::string_view::npos ? first : word.substr(dash + 1);
  if (const auto from_day = day_of(first), to_day = day_of(last); from_day && to_day) {
    const std::uint32_t days = (*to_day + 7 - *from_day) % 7 + 1;
    set_span(minutes, *from_day * kMinutesPerDay, days * kMinutesPerDay);
    return {};
  }
  const auto from = time_of(first), to = time_of(last);
  if (dash == std::string_view::npos || !from || !to) return no_hours(word, "neither a time nor a day");
  if (*from % kMinutesPerDay == *to % kMinutesPerDay && *from >= *to) return no_hours(word, "no time at all");
  const std::uint32_t length = (*to + kMinutesPerDay - *from) % kMinutesPerDay;
  for (std::uint32_t day = 0; day < 7; ++day)
    set_span(minutes, day * kMinutesPerDay + *from, length == 0 ? kMinutesPerDay : length);
  return {};
}

}  // namespace

Result<Hours> Hours::parse(std::string_view text) {
  Hours out;
  out.text_ = std::string(text);
  for (std::string_view rest = text;;) {
    const auto comma = rest.find(',');
    if (const auto added = add(rest.substr(0, comma), out.minutes_); !added) return tl::unexpected(added.error());
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace extfarm::session
