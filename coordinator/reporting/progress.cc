#include "coordinator/reporting/progress.h"

#include <fmt/format.h>

namespace extfarm::reporting {

std::string progress_line(const ProgressState& state, std::size_t width) {
  const auto percent = state.total == 0 ? 0 : 100 * state.done / state.total;
  std::string line = fmt::format("[{}/{}] {} %, running {}", state.done, state.total, percent, state.running);
  if (!state.longest_title.empty())
    line += fmt::format(", {:.0f} s in {}", state.longest_seconds, state.longest_title);
  if (line.size() > width) line.resize(width);
  // Not in the middle of a UTF-8 character.
  while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80) line.pop_back();
  if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0) line.pop_back();
  return line;
}

std::string plain_line(const LoggedAttempt& attempt, std::uint64_t done, std::uint64_t total) {
  return fmt::format("[{}/{}] {} {} {:.1f} s {}", done, total, attempt.kind, attempt.title,
                     seconds(attempt.run_time), attempt.host);
}

}  // namespace extfarm::reporting
