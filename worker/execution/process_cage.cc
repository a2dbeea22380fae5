#include "worker/execution/process_cage.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/process/launch.h"

namespace extfarm {
namespace {

[[noreturn]] void reap_until_end_of(pid_t command, int verdict) {
  close_all_but(verdict, 0);
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR) ::_exit(1);
    if (ended != command) continue;
    [[maybe_unused]] const auto written = ::write(verdict, &status, sizeof status);
    ::_exit(0);
  }
}

}  // namespace

int enter_process_cage(int verdict) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd reader{verdict, 0, 0};
  if (::poll(&reader, 1, 0) != 0) ::_exit(1);  // the parent died before the line above
  const pid_t command = ::fork();
  if (command < 0) return errno;
  if (command > 0) reap_until_end_of(command, verdict);
  return 0;
}

}  // namespace extfarm
