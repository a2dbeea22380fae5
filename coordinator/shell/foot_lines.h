// Lines that stand still at the foot of a terminal while everybody else's output
// scrolls above them: the rows are kept out of the scrolling region, as apt does
// it, so what the build's own processes write is never mixed with them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace extfarm {

struct TerminalSize {
  std::size_t rows = 24, columns = 80;
  bool operator==(const TerminalSize&) const = default;
};

class FootLines {
 public:
  // What to write so that the terminal shows these lines, from the top; all of it
  // in one write.  Lines beyond what leaves the rest four rows are left out.  The
  // caller keeps each line shorter than `size.columns`.
  std::string show(std::vector<std::string> lines, TerminalSize size);
  // What to write so that the terminal is as if nothing had been shown; empty when nothing is.
  std::string erase();

 private:
  TerminalSize size_;
  std::size_t count_ = 0;  // rows that are kept
};

}  // namespace extfarm
