// Lays the progress line out into a width.  Counts a code point as one column.
#include "coordinator/reporting/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
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
  if (columns == 0) return {};
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

constexpr double kLongSeconds = 1;  // what has run for less is not worth a name

// Those that have run for long, of all workers, longest first.
std::vector<const LiveAttempt*> longest_of(const LiveBuild& build) {
  std::vector<const LiveAttempt*> out;
  for (const auto& worker : build.workers) {
    for (const auto& attempt : worker.running) {
      if (attempt.seconds >= kLongSeconds) out.push_back(&attempt);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->seconds > b->seconds; });
  return out;
}

std::string duration_text(const LiveAttempt& attempt) { return fmt::format(" {:.0f} s", std::floor(attempt.seconds)); }

// As many as fit, the first of them cut where it must be; empty where not even that says anything.
std::string attempts_text(const std::vector<const LiveAttempt*>& attempts, std::size_t columns, std::size_t most) {
  std::string out;
  std::size_t used = 0;
  for (std::size_t i = 0; i < std::min(attempts.size(), most); ++i) {
    const std::string title = printable(attempts[i]->title), tail = duration_text(*attempts[i]);
    const std::size_t before = i == 0 ? 0 : 2, needed = before + columns_of(title) + tail.size();
    if (used + needed <= columns) {
      out += (i == 0 ? "" : ", ") + title + tail;
      used += needed;
      continue;
    }
    if (i == 0 && tail.size() + kShortestTitle <= columns) out = cut_front(title, columns - tail.size()) + tail;
    break;
  }
  return out;
}

constexpr std::size_t kMostLong = 3;  // more of them are no longer the longest
constexpr std::string_view kLead = "longest: ";

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out;
}

std::string ProgressLine::line(const LiveBuild& build, std::size_t width) const {
  const auto digits = std::to_string(build.total).size();
  const std::string head = fmt::format("[{:>{}}/{}]", build.done, digits, build.total);
  std::vector<std::string> parts{fmt::format(" running {:>{}}", build.running, std::to_string(build.usable_slots).size())};
  parts.push_back(
      fmt::format("{:>2} %", build.total == 0 ? 0 : 100 * std::min(build.done, build.total) / build.total));
  if (build.left_seconds && build.done < build.total)
    parts.push_back((build.left_is_guess ? "~" : "") + clock_text(*build.left_seconds) + " left");

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
  if (everything_fits && used + kSeparatorColumns + kLead.size() < width) {
    const auto longest = attempts_text(longest_of(build), width - used - kSeparatorColumns - kLead.size(), kMostLong);
    if (!longest.empty()) rest += kSeparator + std::string(kLead) + longest;
  }
  return color_ ? kBold + head + kPlain + kDim + rest + kPlain : head + rest;
}

std::vector<std::string> ProgressLine::worker_lines(const LiveBuild& build, std::size_t width, std::size_t most) const {
  std::vector<std::string> out;
  std::size_t name_columns = 0;
  std::map<std::string_view, std::size_t> workers_on;
  for (const auto& worker : build.workers) ++workers_on[worker.host];
  const auto name_of = [&](const LiveWorker& worker) { return printable(workers_on[worker.host] == 1 ? worker.host : worker.id); };
  for (const auto& worker : build.workers) name_columns = std::max(name_columns, columns_of(name_of(worker)));
  name_columns = std::min(name_columns, width / 4);
  const std::size_t shown = build.workers.size() <= most ? build.workers.size() : most - std::min<std::size_t>(most, 1);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& worker = build.workers[i];
    std::string name = cut_front(name_of(worker), name_columns);
    name.append(name_columns - columns_of(name), ' ');
    const std::string load = fmt::format("  {:>7}  ", fmt::format("{}/{}", worker.running.size(), worker.slots));
    const std::size_t used = name_columns + load.size();
    if (used > width) {
      out.push_back(cut_back(name, width));
      continue;
    }
    std::vector<const LiveAttempt*> running;
    for (const auto& attempt : worker.running) running.push_back(&attempt);
    const auto what = worker.takes_actions || !running.empty() ? attempts_text(running, width - used, running.size())
                                                                : cut_back("takes nothing now", width - used);
    out.push_back(color_ ? name + kDim + load + what + kPlain : name + load + what);
  }
  if (shown < build.workers.size() && most > 0)
    out.push_back(cut_back(fmt::format("and {} more workers", build.workers.size() - shown), width));
  return out;
}

std::string plain_line(const LoggedAttempt& attempt, std::uint64_t done, std::uint64_t total) {
  return fmt::format("[{}/{}] {} {} {:.1f} s {}", done, total, attempt.kind, printable(attempt.title),
                     seconds(attempt.run_time), attempt.host);
}

}  // namespace extfarm::reporting
