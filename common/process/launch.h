// The child's half of starting a process: what lies between fork and exec.
// Prepared before it, so that nothing is allocated there.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

struct ProcessRequest;

// Descriptors that are the child's; -1: none.
struct ChildEnds {
  int in = -1, out = -1, err = -1;
  int status = -1;  // closes at exec; before that, an errno: what failed
};

struct Spawned {
  int pid = -1;
  // Where the process is only the keeper of the command: tells the command's
  // wait status (waitpid's, an int) when that has ended.  The caller closes it.
  int verdict = -1;
};

// Another way to make the child than fork: it must become a child of this process.
using Spawn = std::function<Result<Spawned>(const ProcessRequest&, const ChildEnds&)>;

// For the child, system calls only.
// Closes every descriptor from `first` on but `kept`, and `others`, which
// outlive an exec from now on.
void close_all_but(int kept, int first, const std::vector<int>& others = {});
// Tells `status` why there will be no program, and ends.
[[noreturn]] void give_up(int status, int error);

class Launch {
 public:
  explicit Launch(const ProcessRequest&);
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  // Never returns: the program, or 127 after `ends.status` was told why.
  [[noreturn]] void become(const ChildEnds& ends) const;

 private:
  const ProcessRequest& request_;
  std::vector<char*> argv_, envp_;
  std::vector<std::string> environment_;
  const int parent_;
};

}  // namespace extfarm
