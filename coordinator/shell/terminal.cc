#include "coordinator/shell/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "coordinator/reporting/progress.h"

namespace extfarm {
namespace {

constexpr Duration kDrawEvery = std::chrono::milliseconds(100);

TerminalSize terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_row, size.ws_col};
}

// One that understands more than lines.
bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) != 0 && kind != nullptr && std::string_view(kind) != "dumb" && *kind != '\0';
}

bool wants_color() {
  const char* no = std::getenv("NO_COLOR");
  return no == nullptr || *no == '\0';
}

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0) return;  // nobody reads it
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

Terminal::Terminal(TerminalWishes wishes)
    : wishes_(wishes), is_terminal_(is_terminal()), color_(is_terminal_ && wants_color()) {}

void Terminal::clear() { write_out(foot_.erase()); }

void Terminal::say(const std::string& text) {
  if (!wishes_.quiet) write_out(text);
}

void Terminal::warn(const std::string& message) { say("extfarm: " + message + "\n"); }

void Terminal::published(const reporting::LoggedAttempt& attempt,
                         const scheduling::Scheduler::Counts& counts) {
  if (is_terminal_ && !wishes_.verbose) return;
  say(reporting::plain_line(attempt, counts.finished + 1, counts.total) + "\n");
}

void Terminal::progress(Timestamp now, const std::function<reporting::LiveBuild()>& look) {
  if (wishes_.quiet || !is_terminal_ || now - last_drawn_ < kDrawEvery) return;
  last_drawn_ = now;
  const auto build = look();
  if (build.total == 0) return;
  const auto size = terminal_size();
  const reporting::ProgressLine text(color_);
  std::vector<std::string> lines;
  if (wishes_.top) lines = text.worker_lines(build, size.columns - 1, size.rows / 2);
  lines.push_back(text.line(build, size.columns - 1));
  write_out(foot_.show(std::move(lines), size));
}

}  // namespace extfarm
