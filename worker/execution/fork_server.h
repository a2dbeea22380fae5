// A small process that starts commands in private views for a large one: a copy
// of it costs little, and what all views have in common (no network; for other
// users than root, a user namespace) it has made once.  The commands become
// children of the caller.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/process/process_runner.h"
#include "worker/execution/limits.h"
#include "worker/execution/private_view.h"

namespace extfarm {

class ForkServer {
 public:
  // Best called early: the server is a copy of this process as it is now.  Ends
  // with this object, or with this process.  Errors: kUnavailable.
  static Result<std::unique_ptr<ForkServer>> start(const Limits&, std::vector<std::string> hidden_files);
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  // For ProcessRunner: the command in the view, as the only tenant of a process
  // tree of its own.  `gate`: a pipe's end; the view is made, but the command does not
  // begin before a byte comes, and never when the pipe ends; -1: at once.
  // Errors: kIo; one that is dead is replaced first.
  Result<Spawned> spawn(const ProcessRequest&, const ViewPlan&, const ChildEnds&, int gate = -1);
  // Whether views can be made in `scratch`; the reason, and what to do, when not.
  Result<void> probe(ProcessRunner&, const std::string& scratch);

 private:
  ForkServer(const Limits& limits, std::vector<std::string> hidden_files)
      : limits_(limits), hidden_files_(std::move(hidden_files)) {}
  Result<void> begin();
  void end();
  bool send(const std::string& message, const ChildEnds&, int verdict, int gate);

  const Limits limits_;
  const std::vector<std::string> hidden_files_;
  int pid_ = -1, socket_ = -1;
};

}  // namespace extfarm
