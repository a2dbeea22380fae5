// The progress of a build as text.  Pure: state in, string out; knows no
// terminal, clock or environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/live_build.h"

namespace extfarm::reporting {

// One steady line:
//   [20/48] running 4 · 41 % · 0:12 left · longest: Cython/Compiler/ExprNodes.c 14 s, Nodes.c 9 s
// "~0:12" where most of what is left is guessed.  Numbers are padded, so that
// nothing to their right moves at each draw.
class ProgressLine {
 public:
  // `color` is false when NO_COLOR is set or stderr is no terminal.
  explicit ProgressLine(bool color) : color_(color) {}
  // At most `width` columns and no newline.  Where it does not fit, the further
  // titles go first, then the first one loses its beginning, then whole parts go from the right.
  std::string line(const LiveBuild&, std::size_t width) const;
  // A line for each worker, at most `most` and `width` columns each; the last says how many more there are:
  //   lab01  4/4  Cython/Compiler/ExprNodes.c 14 s, Cython/Compiler/Nodes.c 9 s
  std::vector<std::string> worker_lines(const LiveBuild&, std::size_t width, std::size_t most) const;

 private:
  bool color_;
};

// For a log: "[12/48] compile Cython/Plex/Scanners.c 1.2 s lab01".
std::string plain_line(const LoggedAttempt&, std::uint64_t done, std::uint64_t total);

// `text` with every control character replaced, so that no file name or reason
// moves the cursor or starts a line of its own.
std::string printable(std::string_view text);

}  // namespace extfarm::reporting
