#include "coordinator/shell/jobserver.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

namespace extfarm {
namespace {

// The words of `flags`, each with a blank behind it, but those that say how many
// jobs there are and where tokens come from.
std::string without_jobs(const std::string& flags) {
  std::istringstream words(flags);
  std::string out;
  bool was_bare = false;  // -j, whose number may be the next word
  for (std::string word; words >> word;) {
    const bool is_number = word.find_first_not_of("0123456789") == std::string::npos;
    if (std::exchange(was_bare, word == "-j" || word == "--jobs") && is_number) continue;
    if (word.starts_with("-j") || word.starts_with("--jobs")) continue;  // also --jobserver-auth, --jobserver-fds
    out += word + " ";
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Jobserver>> Jobserver::open() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return failure(ErrorCode::kIo, std::string("cannot make the pipe of the jobserver: ") + std::strerror(errno));
  const auto path = "/proc/self/fd/" + std::to_string(ends[0]);
  const int own = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int error = errno;
  std::unique_ptr<Jobserver> out(new Jobserver(ends[0], ends[1], own));
  if (own < 0) return failure(ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(error));
  return out;
}

std::string Jobserver::makeflags(const std::string& inherited, std::size_t most_jobs) const {
  // What follows " -- " are variables, and stays as it is.
  const std::string flags = " " + inherited;
  const auto end = std::min(flags.find(" -- "), flags.size());
  return without_jobs(flags.substr(0, end)) + "-j" + std::to_string(most_jobs) + " --jobserver-auth=" +
         std::to_string(read_end_.get()) + "," + std::to_string(write_end_.get()) + flags.substr(end);
}

// Opening a descriptor of /proc opens what it stands for once more, the way it is
// asked for, whichever end it is.
std::string Jobserver::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(read_end_.get());
}

void Jobserver::allow(std::size_t jobs) {
  allowed_tokens_ = std::max<std::size_t>(jobs, 1) - 1;
  // Far fewer than a pipe holds: a write does not wait.
  for (; token_count_ < allowed_tokens_; ++token_count_) {
    if (::write(write_end_.get(), "+", 1) != 1) return;
  }
  for (char token; token_count_ > allowed_tokens_; --token_count_) {
    if (::read(own_read_end_.get(), &token, 1) != 1) return;
  }
}

std::size_t Jobserver::jobs_under_way() const {
  int idle = 0;
  if (::ioctl(own_read_end_.get(), FIONREAD, &idle) != 0) idle = 0;
  return 1 + token_count_ - std::min(token_count_, static_cast<std::size_t>(idle));
}

}  // namespace extfarm
