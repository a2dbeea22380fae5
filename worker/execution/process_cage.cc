#include "worker/execution/process_cage.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

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

void run_in_cage(const Launch& launch, const ChildEnds& ends, int verdict) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd reader{verdict, 0, 0};
  if (::poll(&reader, 1, 0) != 0) ::_exit(1);  // the parent died before the line above
  const pid_t command = ::vfork();  // a copy of this process would be made to be thrown away
  if (command == 0) launch.become(ends);
  if (command < 0) give_up(ends.status, errno);
  reap_until_end_of(command, verdict);
}

}  // namespace extfarm
