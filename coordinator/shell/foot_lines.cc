#include "coordinator/shell/foot_lines.h"

#include <algorithm>

namespace extfarm {
namespace {

constexpr std::size_t kLeastRows = 4;  // for everything else
constexpr const char* kSave = "\0337";
constexpr const char* kRestore = "\0338";
constexpr const char* kDown = "\033D";  // keeps the column, for somebody may be in the middle of a line
constexpr const char* kWholeScreen = "\033[r";
constexpr const char* kEraseBelow = "\033[J";
constexpr const char* kEraseRight = "\033[K";
constexpr const char* kNoWrap = "\033[?7l";  // a character may take more columns than it was counted for
constexpr const char* kWrap = "\033[?7h";

std::string number(std::size_t n) { return std::to_string(n); }
std::string to_row(std::size_t row) { return "\033[" + number(row) + ";1H"; }  // from 1

}  // namespace

std::string FootLines::show(std::vector<std::string> lines, TerminalSize size) {
  if (size.rows <= kLeastRows) return erase();
  const std::size_t most = size.rows - kLeastRows;
  if (lines.size() > most) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
  std::string out;
  if (lines.size() != count_ || size != size_) {
    out += erase();
    count_ = lines.size();
    size_ = size;
    // Setting the region moves the cursor: it is taken out of the rows first, and put back where it was.
    for (std::size_t i = 0; i < count_; ++i) out += kDown;
    if (count_ > 0) out += "\033[" + number(count_) + "A";
    out += kSave + ("\033[1;" + number(size.rows - count_) + "r") + kRestore;
  }
  out += std::string(kSave) + kNoWrap;
  for (std::size_t i = 0; i < count_; ++i) out += to_row(size.rows - count_ + i + 1) + lines[i] + kEraseRight;
  return out + kWrap + kRestore;
}

// After a change of size the rows may lie elsewhere: what was shown in them then stays behind as text.
std::string FootLines::erase() {
  if (count_ == 0) return {};
  std::string out = std::string(kSave) + kWholeScreen + to_row(size_.rows - count_ + 1) + kEraseBelow + kRestore;
  count_ = 0;
  return out;
}

}  // namespace extfarm
