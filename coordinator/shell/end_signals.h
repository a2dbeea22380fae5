// The signals by which somebody asks a command to end, read from a descriptor.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <initializer_list>
#include <optional>

namespace extfarm {

class EndSignals {
 public:
  // They no longer end this process; nor do `others` what they would.
  explicit EndSignals(std::initializer_list<int> others = {}) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    for (int signal : others) sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~EndSignals() { ::close(fd_); }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  int fd() const { return fd_; }  // readable when there is one
  std::optional<int> take() {
    signalfd_siginfo info{};
    return ::read(fd_, &info, sizeof info) == sizeof info ? std::optional<int>(static_cast<int>(info.ssi_signo))
                                                          : std::nullopt;
  }

 private:
  int fd_ = -1;
};

}  // namespace extfarm
