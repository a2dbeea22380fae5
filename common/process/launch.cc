#include "common/process/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "common/process/descriptor_limit.h"
#include "common/process/process_runner.h"

namespace extfarm {

void close_all_but(int kept, int first, const std::vector<int>& others) {
  for (const int other : others) ::fcntl(other, F_SETFD, 0);
  for (;;) {
    int next = kept >= first ? kept : INT_MAX;
    for (const int other : others) next = other >= first ? std::min(next, other) : next;
    if (next == INT_MAX) break;
    if (next > first) ::syscall(SYS_close_range, static_cast<unsigned>(first), static_cast<unsigned>(next) - 1, 0u);
    first = next + 1;
  }
  ::syscall(SYS_close_range, static_cast<unsigned>(first), ~0u, 0u);
}

void give_up(int status, int error) {
  [[maybe_unused]] const auto written = ::write(status, &error, sizeof error);
  ::_exit(127);
}

Launch::Launch(const ProcessRequest& request) : request_(request), parent_(::getpid()) {
  for (const auto& word : request.argv) argv_.push_back(const_cast<char*>(word.c_str()));
  argv_.push_back(nullptr);
  for (const auto& [name, value] : request.environment) environment_.push_back(name + "=" + value);
  for (auto& entry : environment_) envp_.push_back(entry.data());
  envp_.push_back(nullptr);
}

void Launch::become(const ChildEnds& ends) const {
  if (request_.own_group) ::setpgid(0, 0);
  if (request_.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent_) ::_exit(127);  // it ended before the line above
  }
  for (int signal = 1; signal < 65; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (request_.capture_output) {
    const int input = ends.in >= 0 ? ends.in : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (::dup2(input, 0) < 0 || ::dup2(ends.out, 1) < 0 || ::dup2(ends.err, 2) < 0) give_up(ends.status, errno);
  }
  // The status pipe closes by itself at exec and tells the parent that it succeeded.
  close_all_but(ends.status, 3, request_.kept_descriptors);
  restore_descriptor_limit();
  if (request_.memory_limit_bytes != 0) {
    const rlimit limit{request_.memory_limit_bytes, request_.memory_limit_bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) give_up(ends.status, errno);
  }
  if (request_.before_exec) {
    if (const int error = request_.before_exec(); error != 0) give_up(ends.status, error);
  }
  if (!request_.cwd.empty() && ::chdir(request_.cwd.c_str()) != 0) give_up(ends.status, errno);
  ::execve(request_.program.c_str(), argv_.data(), envp_.data());
  give_up(ends.status, errno);
}

}  // namespace extfarm
