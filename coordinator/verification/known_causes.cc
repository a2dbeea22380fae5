#include "coordinator/verification/known_causes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <set>

namespace extfarm::verification {
namespace {

constexpr const char* kDate = "__DATE__";
constexpr const char* kTime = "__TIME__";
constexpr const char* kCoverage = "--coverage's stamp";
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kSlackSeconds = 1;  // a compiler reads the clock in whole seconds
constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool digits_at(std::string_view text, std::size_t at, std::size_t count) {
  for (std::size_t i = at; i < at + count; ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

int number_at(std::string_view text, std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); }

// hh:mm:ss as seconds of the day; -1 when it is none.
std::int64_t time_of_day(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':' || !digits_at(text, 0, 2) || !digits_at(text, 3, 2) ||
      !digits_at(text, 6, 2))
    return -1;
  return number_at(text, 0) * 3600 + number_at(text, 3) * 60 + number_at(text, 6);
}

bool within(std::int64_t of_day, std::int64_t began_of_day, std::int64_t length) {
  return ((of_day - began_of_day) % kDaySeconds + kDaySeconds) % kDaySeconds <= length;
}

// The texts that __DATE__ may have become in the period, here and in UTC.
std::set<std::string> dates_of(const Period& period) {
  std::set<std::string> out;
  for (auto t = period.began; t < period.ended + kDaySeconds; t += kDaySeconds) {
    const std::time_t moment = std::min(t, period.ended);
    for (auto* convert : {&::localtime_r, &::gmtime_r}) {
      std::tm parts{};
      convert(&moment, &parts);
      char text[32];
      std::snprintf(text, sizeof text, "%s %2d %4d", kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_mday,
                    parts.tm_year + 1900);
      out.insert(text);
    }
  }
  return out;
}

void add_coverage(std::string_view plain, std::string_view farmed, const Evidence& evidence, std::vector<Span>& out) {
  for (const auto& [left, right] : evidence.coverage_stamps) {
    for (auto at = plain.find(left); at != std::string_view::npos; at = plain.find(left, at + 1)) {
      if (farmed.substr(std::min(at, farmed.size()), right.size()) == right) out.push_back({at, right.size(), kCoverage});
    }
  }
}

std::vector<Span> spans_of(const std::string& path, std::string_view bytes, const Period& period) {
  auto out = format_spans(path, bytes);
  for (const auto& span : clock_spans(bytes, period)) out.push_back(span);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string coverage_stamp(std::string_view gcno) {
  return gcno.starts_with("oncg") && gcno.size() > 12 ? std::string(gcno.substr(8, 4)) : std::string();
}

std::vector<Span> clock_spans(std::string_view bytes, const Period& period) {
  std::vector<Span> out;
  for (const auto& date : dates_of(period)) {
    for (auto at = bytes.find(date); at != std::string_view::npos; at = bytes.find(date, at + 1))
      out.push_back({at, date.size(), kDate});
  }
  const std::time_t began = period.began;
  std::tm here{};
  ::localtime_r(&began, &here);
  const std::int64_t utc = began % kDaySeconds, local = utc + here.tm_gmtoff;
  const std::int64_t length = period.ended - period.began + 2 * kSlackSeconds;
  for (auto colon = bytes.find(':'); colon != std::string_view::npos; colon = bytes.find(':', colon + 1)) {
    if (colon < 2) continue;
    const auto of_day = time_of_day(bytes.substr(colon - 2, 8));
    if (of_day >= 0 && (within(of_day, local - kSlackSeconds, length) || within(of_day, utc - kSlackSeconds, length)))
      out.push_back({colon - 2, 8, kTime});
  }
  return out;
}

Explanation explain_bytes(const std::string& path, std::string_view plain, std::string_view farmed,
                          const Evidence& evidence) {
  Explanation out;
  const auto left = spans_of(path, plain, evidence.plain), right = spans_of(path, farmed, evidence.farmed);
  std::vector<Span> both;
  std::set_intersection(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
  if (plain.size() == farmed.size()) {
    add_coverage(plain, farmed, evidence, both);
    // A .gcno says its own stamp.
    if (!coverage_stamp(plain).empty() && !coverage_stamp(farmed).empty()) both.push_back({8, 4, kCoverage});
  }
  std::sort(both.begin(), both.end());
  std::set<std::string> causes;
  const auto end = std::min(plain.size(), farmed.size());
  std::size_t first = 0;  // spans before it end before `at`
  for (std::size_t at = 0; at < end; ++at) {
    if (plain[at] == farmed[at]) continue;
    while (first < both.size() && both[first].offset + both[first].size <= at) ++first;
    auto span = both.begin() + static_cast<std::ptrdiff_t>(first);
    while (span != both.end() && span->offset <= at && span->offset + span->size <= at) ++span;
    if (span == both.end() || span->offset > at) return {{}, at, false};
    causes.insert(span->cause);
  }
  if (plain.size() != farmed.size()) return {{}, end, false};
  out.causes.assign(causes.begin(), causes.end());
  out.follows_only = causes.size() == 1 && *causes.begin() == kBuildId;
  return out;
}

}  // namespace extfarm::verification
