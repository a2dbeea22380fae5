// Starts processes and tells when they end.  One thread; waits by pidfd.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong_id.h"
#include "common/base/timestamp.h"
#include "common/process/launch.h"

namespace extfarm {

using ProcessId = StrongId<struct ProcessTag>;

struct ProcessRequest {
  std::string program;            // absolute path
  std::vector<std::string> argv;  // argv[0] as the program shall see it
  std::vector<std::pair<std::string, std::string>> environment;  // all of it
  std::string cwd;
  std::string stdin_bytes;  // empty: /dev/null
  bool waits_for_launch = true;  // false: start() returns before the command runs, and launch_error tells what failed
  bool capture_output = true;  // false: stdout, stderr and stdin are inherited
  std::vector<int> kept_descriptors;  // the command has them too, under the same numbers
  bool own_group = true;       // false: stays in the caller's group, so that the terminal's Ctrl-C reaches it
  bool dies_with_parent = false;  // killed when the caller's thread ends, however it ends
  // Runs in the child between fork and exec (async-signal-safe code only);
  // an errno other than 0 stops the launch with that error.
  std::function<int()> before_exec;
  std::uint64_t memory_limit_bytes = 0;  // RLIMIT_AS; 0: none
  std::uint64_t output_limit_bytes = 256ull << 20;  // captured bytes beyond it kill the group
};

struct ProcessExit {
  ProcessId id;
  int exit_code = 0;  // when it exited
  int signal = 0;     // when a signal killed it
  bool output_limit_exceeded = false;
  std::string launch_error;  // why the command never ran; the rest means nothing then
  std::string stdout_bytes;
  std::string stderr_bytes;
  Duration run_time{0};
  Duration cpu_time{0};
  std::uint64_t peak_memory_bytes = 0;
};

class ProcessRunner {
 public:
  ProcessRunner();
  ~ProcessRunner();  // kills what still runs, and reaps it
  ProcessRunner(const ProcessRunner&) = delete;
  ProcessRunner& operator=(const ProcessRunner&) = delete;

  // Own process group, default signal handlers and mask, no inherited
  // descriptors but 0, 1, 2 and those to be kept.  `spawn`: how the child is made, if not by fork.
  // Errors: kNotFound, kIo with what failed, of a launch that is waited for; those of `spawn`.
  Result<ProcessId> start(const ProcessRequest&, const Spawn& spawn = {});
  // TERM to the group now, KILL after `grace`.  Unknown ids are ignored.
  void stop(ProcessId, Duration grace);
  // Readable whenever take_exits may return something or output waits.
  int fd() const;
  // Reads what waits; returns the processes that ended with all their output.
  std::vector<ProcessExit> take_exits();
  // When `take_exits` must be called even if fd() stays silent (a grace period).
  std::optional<Duration> next_deadline_in() const;
  std::size_t running_count() const;
  // Which it holds for those that have not been taken by take_exits().
  std::size_t descriptor_count() const;
  // OS pid of a running process.
  std::optional<int> pid(ProcessId) const;
  // Whether its command runs, or has failed to: false only of one whose launch is not waited for.
  bool has_launched(ProcessId) const;
  // Starts, waits, returns: for short probes only.  `timeout` kills it.
  Result<ProcessExit> run(const ProcessRequest&, Duration timeout, const Spawn& spawn = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace extfarm
