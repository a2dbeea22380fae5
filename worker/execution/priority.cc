#include "worker/execution/priority.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "common/process/process_tree.h"

namespace extfarm {
namespace {

// As in <linux/ioprio.h>, which is no C++ in Linux 6.1's headers.
constexpr int kOfProcess = 1, kIdleClass = 3 << 13;

}  // namespace

// Who is idle hands that on, so only children from before have to be looked for:
// until a look finds none that is new.
void make_idle(int pid) {
  std::set<int> done;
  std::vector<int> found = {pid};
  for (bool has_new = true; has_new;) {
    has_new = false;
    for (const int one : found) {
      if (!done.insert(one).second) continue;
      has_new = true;
      const sched_param none{};
      ::sched_setscheduler(one, SCHED_IDLE, &none);
      ::syscall(SYS_ioprio_set, kOfProcess, one, kIdleClass);
    }
    found = descendants_of(pid);
  }
}

}  // namespace extfarm
