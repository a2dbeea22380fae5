// The other ends of a benchmark's sockets: processes of their own, killed when it is over.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/clocks.h"

namespace extfarm::bench {

[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "the benchmark failed: %s\n", what.c_str());
  std::exit(1);
}

class FarEnds {
 public:
  FarEnds() = default;
  FarEnds(const FarEnds&) = delete;
  FarEnds& operator=(const FarEnds&) = delete;
  ~FarEnds() {
    for (const pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  // Runs `run(descriptor)`, which writes a line to it once it is there: of a
  // bound one the endpoint.
  template <class Run>
  void start(Run&& run) {
    int ends[2];
    if (::pipe(ends) != 0) fail("no pipe");
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      run(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    pids_.push_back(pid);
    std::string line;
    for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(ends[0]);
    lines_.push_back(line);
  }
  static void tell(int descriptor, const std::string& line) {
    if (::write(descriptor, (line + "\n").data(), line.size() + 1) < 0) ::_exit(1);
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<pid_t> pids_;
  std::vector<std::string> lines_;
};

}  // namespace extfarm::bench
