#include "worker/execution/process_cage.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace extfarm {
namespace {

void close_all_but(int kept) {
  if (kept > 0) ::syscall(SYS_close_range, 0u, static_cast<unsigned>(kept) - 1, 0u);
  ::syscall(SYS_close_range, static_cast<unsigned>(kept) + 1, ~0u, 0u);
}

// The tree's init: its death kills all of it.
[[noreturn]] void reap_until_end_of(pid_t command, int told_to) {
  close_all_but(told_to);
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR) ::_exit(1);
    if (ended != command) continue;
    [[maybe_unused]] const auto written = ::write(told_to, &status, sizeof status);
    ::_exit(0);
  }
}

[[noreturn]] void end_like(pid_t init, int told_by) {
  close_all_but(told_by);
  int status = SIGKILL;  // what a tree whose init could not speak died of
  while (::read(told_by, &status, sizeof status) < 0 && errno == EINTR) {
  }
  while (::waitpid(init, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::kill(::getpid(), WTERMSIG(status));
  ::_exit(128 + WTERMSIG(status));
}

}  // namespace

int enter_process_cage() {
  int verdict[2];  // init tells the caller how the command ended
  if (::pipe2(verdict, O_CLOEXEC) != 0) return errno;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a new user namespace has cleared what the runner had set
  const pid_t init = ::fork();
  if (init < 0) return errno;
  if (init > 0) {
    ::close(verdict[1]);
    end_like(init, verdict[0]);
  }
  ::close(verdict[0]);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd reader{verdict[1], 0, 0};
  if (::poll(&reader, 1, 0) != 0) ::_exit(1);  // the caller died before the line above
  const pid_t command = ::fork();
  if (command < 0) ::_exit(1);
  if (command > 0) reap_until_end_of(command, verdict[1]);
  return 0;
}

}  // namespace extfarm
