#include "coordinator/shell/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "coordinator/reporting/progress.h"

namespace extfarm {
namespace {

constexpr Duration kDrawEvery = std::chrono::milliseconds(100);

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Terminal::Terminal(bool quiet, bool verbose)
    : quiet_(quiet), verbose_(verbose), is_terminal_(::isatty(STDERR_FILENO)) {}

void Terminal::clear() {
  if (line_shown_) std::fputs("\r\033[K", stderr);
  line_shown_ = false;
}

void Terminal::say(const std::string& text) {
  if (quiet_) return;
  clear();
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void Terminal::warn(const std::string& message) {
  if (quiet_) return;
  clear();
  std::fprintf(stderr, "extfarm: %s\n", message.c_str());
}

void Terminal::published(const reporting::LoggedAttempt& attempt,
                         const scheduling::Scheduler::Counts& counts) {
  if (quiet_ || (is_terminal_ && !verbose_)) return;
  clear();
  std::fprintf(stderr, "%s\n", reporting::plain_line(attempt, counts.finished + 1, counts.total).c_str());
}

void Terminal::progress(Timestamp now, const scheduling::Scheduler::Counts& counts,
                        const std::vector<std::pair<std::string, double>>& running) {
  if (quiet_ || !is_terminal_ || counts.total == 0 || now - last_drawn_ < kDrawEvery) return;
  last_drawn_ = now;
  reporting::ProgressState state;
  state.done = counts.finished;
  state.total = counts.total;
  state.running = counts.running;
  if (!running.empty()) {
    state.longest_title = running.front().first;
    state.longest_seconds = running.front().second;
  }
  std::fprintf(stderr, "\r\033[K%s", reporting::progress_line(state, terminal_width() - 1).c_str());
  std::fflush(stderr);
  line_shown_ = true;
}

}  // namespace extfarm
