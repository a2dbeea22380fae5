#include "coordinator/shell/outer_jobserver.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <sstream>

namespace extfarm {
namespace {

// What the last of the words that name a jobserver says.
std::optional<std::string> named_in(const std::string& makeflags) {
  std::istringstream words(makeflags);
  std::optional<std::string> found;
  for (std::string word; words >> word && word != "--";) {
    for (const std::string option : {"--jobserver-auth=", "--jobserver-fds="}) {
      if (word.starts_with(option)) found = word.substr(option.size());
    }
  }
  return found;
}

// -1: it is not there, or is no pipe: numbers that make names may be another file's by now.
int open_pipe(const std::string& path, int mode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISFIFO(status.st_mode)) return -1;
  return ::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC);
}

}  // namespace

Result<std::unique_ptr<OuterJobserver>> OuterJobserver::find(const std::string& makeflags) {
  const auto named = named_in(makeflags);
  if (!named) return std::unique_ptr<OuterJobserver>();
  int read_number = -1, write_number = -1, read_end = -1, write_end = -1;
  if (named->starts_with("fifo:")) {
    read_end = open_pipe(named->substr(5), O_RDWR);  // not refused while nobody writes
    write_end = open_pipe(named->substr(5), O_RDWR);
  } else if (std::sscanf(named->c_str(), "%d,%d", &read_number, &write_number) == 2) {
    read_end = open_pipe("/proc/self/fd/" + std::to_string(read_number), O_RDONLY);
    write_end = open_pipe("/proc/self/fd/" + std::to_string(write_number), O_WRONLY);
  }
  std::unique_ptr<OuterJobserver> out(new OuterJobserver(read_end, write_end));
  if (read_end >= 0 && write_end >= 0) return out;
  return failure(ErrorCode::kNotFound,
                 "MAKEFLAGS names a jobserver (" + *named + ") that is not open here, so this build does not share its "
                 "jobs; begin that line of the makefile with +");
}

OuterJobserver::~OuterJobserver() { give_back(tokens_.size()); }

std::size_t OuterJobserver::hold(std::size_t count) {
  if (tokens_.size() > count) give_back(tokens_.size() - count);
  for (char token; tokens_.size() < count && ::read(read_end_.get(), &token, 1) == 1;) tokens_ += token;
  return tokens_.size();
}

void OuterJobserver::give_back(std::size_t count) {
  for (; count > 0; --count, tokens_.pop_back()) {
    while (::write(write_end_.get(), &tokens_.back(), 1) != 1) {
      if (errno != EAGAIN && errno != EINTR) return;  // that make has ended
      pollfd room{write_end_.get(), POLLOUT, 0};
      ::poll(&room, 1, -1);
    }
  }
}

}  // namespace extfarm
