// The progress of a build as text.  Pure: state in, string out; knows no
// terminal, clock or environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

struct ProgressState {
  std::uint64_t done = 0, total = 0, running = 0;
  std::string longest_title;  // of the attempt that has run longest; empty: none runs
  double longest_seconds = 0;
  double elapsed_seconds = 0;                    // of the farm phase; 0: not known
  std::optional<double> predicted_left_seconds;  // where history knows better than the pace so far
};

// One steady line:
//   [20/48] running 4 · 41 % · 0:12 left · longest: Cython/Compiler/ExprNodes.c 14 s
// Numbers are padded, so that nothing to their right moves at each draw.
class ProgressLine {
 public:
  // `color` is false when NO_COLOR is set or stderr is no terminal.
  explicit ProgressLine(bool color) : color_(color) {}
  // At most `width` columns and no newline.  Where it does not fit, the title
  // loses its beginning first, then whole parts go from the right.
  std::string line(const ProgressState&, std::size_t width) const;

 private:
  bool color_;
};

// The same without colour.
std::string progress_line(const ProgressState&, std::size_t width);

// For a log: "[12/48] compile Cython/Plex/Scanners.c 1.2 s lab01".
std::string plain_line(const LoggedAttempt&, std::uint64_t done, std::uint64_t total);

// `text` with every control character replaced, so that no file name or reason
// moves the cursor or starts a line of its own.
std::string printable(std::string_view text);

}  // namespace extfarm::reporting
