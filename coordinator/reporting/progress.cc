// Lays the progress line out into a width.  Counts a code point as one column.
#include "coordinator/reporting/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace extfarm::reporting {
namespace {

constexpr const char* kBold = "\033[1m";
constexpr const char* kDim = "\033[2m";
constexpr const char* kPlain = "\033[0m";
constexpr const char* kSeparator = " · ";
constexpr std::size_t kSeparatorColumns = 3;
constexpr std::size_t kShortestTitle = 8;  // less says nothing: the part goes

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

// The last `columns` columns of `text`, the first of them an ellipsis when it was cut.
std::string cut_front(const std::string& text, std::size_t columns) {
  std::size_t excess = columns_of(text);
  if (excess <= columns) return text;
  excess -= columns - 1;
  std::size_t at = 0;
  while (excess > 0 || (at < text.size() && continues_character(text[at]))) {
    if (!continues_character(text[at])) --excess;
    ++at;
  }
  return "…" + text.substr(at);
}

std::string cut_back(const std::string& text, std::size_t columns) {
  std::size_t at = 0, seen = 0;
  for (; at < text.size(); ++at) {
    if (!continues_character(text[at]) && ++seen > columns) break;
  }
  return text.substr(0, at);
}

// "0:12", "1:02:03"
std::string clock_text(double left_seconds) {
  const auto whole = static_cast<std::uint64_t>(std::ceil(std::clamp(left_seconds, 0.0, 1e6)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

// nullopt while nothing is known: at the start, and when all is done.
std::optional<double> seconds_left(const ProgressState& state) {
  if (state.done >= state.total) return std::nullopt;
  if (state.predicted_left_seconds) return state.predicted_left_seconds;
  if (state.done == 0 || state.elapsed_seconds <= 0) return std::nullopt;
  return state.elapsed_seconds * static_cast<double>(state.total - state.done) /
         static_cast<double>(state.done);
}

std::string longest_part(const ProgressState& state, std::size_t columns) {
  if (state.longest_title.empty()) return {};
  const std::string tail = fmt::format(" {:.0f} s", std::floor(state.longest_seconds));
  const std::string lead = "longest: ";
  const std::string title = printable(state.longest_title);
  const std::size_t needed = lead.size() + tail.size() + std::min(columns_of(title), kShortestTitle);
  if (needed > columns) return {};
  return lead + cut_front(title, columns - lead.size() - tail.size()) + tail;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out;
}

std::string ProgressLine::line(const ProgressState& state, std::size_t width) const {
  const auto digits = std::to_string(state.total).size();
  const std::string head = fmt::format("[{:>{}}/{}]", state.done, digits, state.total);
  std::vector<std::string> parts{fmt::format(" running {}", state.running)};
  parts.push_back(
      fmt::format("{:>2} %", state.total == 0 ? 0 : 100 * std::min(state.done, state.total) / state.total));
  if (const auto left = seconds_left(state)) parts.push_back(clock_text(*left) + " left");

  if (columns_of(head) > width) return cut_back(head, width);
  std::string rest;
  std::size_t used = columns_of(head);
  bool everything_fits = true;
  for (std::size_t i = 0; i < parts.size() && everything_fits; ++i) {
    const std::size_t more = columns_of(parts[i]) + (i == 0 ? 0 : kSeparatorColumns);
    everything_fits = used + more <= width;
    if (!everything_fits) break;
    rest += (i == 0 ? "" : kSeparator) + parts[i];
    used += more;
  }
  if (everything_fits && used + kSeparatorColumns < width) {
    const auto longest = longest_part(state, width - used - kSeparatorColumns);
    if (!longest.empty()) rest += kSeparator + longest;
  }
  return color_ ? kBold + head + kPlain + kDim + rest + kPlain : head + rest;
}

std::string progress_line(const ProgressState& state, std::size_t width) {
  return ProgressLine(false).line(state, width);
}

std::string plain_line(const LoggedAttempt& attempt, std::uint64_t done, std::uint64_t total) {
  return fmt::format("[{}/{}] {} {} {:.1f} s {}", done, total, attempt.kind, printable(attempt.title),
                     seconds(attempt.run_time), attempt.host);
}

}  // namespace extfarm::reporting
