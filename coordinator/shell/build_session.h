// One build's connection to workers: keys, sockets, the embedded worker, the
// farm, signals.  Who asks for actions is not known here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/system/clock.h"
#include "common/transport/channel.h"
#include "coordinator/clusters/demand_board.h"
#include "coordinator/farm/farm.h"
#include "coordinator/shell/build_tree.h"
#include "coordinator/shell/embedded_worker.h"
#include "coordinator/shell/end_signals.h"
#include "coordinator/shell/options.h"
#include "coordinator/shell/terminal.h"

namespace extfarm {

constexpr int kExitUsage = 2, kExitRetry = 75, kExitConfiguration = 78;

// Says why on stderr; returns `code`.
int refuse(int code, const std::string& message);

struct SessionFailure {
  int exit_code;
  std::string message;
};

class BuildSession {
 public:
  static tl::expected<std::unique_ptr<BuildSession>, SessionFailure> open(const RunOptions&, BuildTree&, Terminal&,
                                                                          reporting::BuildLog&, const Clock&);
  ~BuildSession();
  BuildSession(const BuildSession&) = delete;
  BuildSession& operator=(const BuildSession&) = delete;

  const std::string& socket() const { return socket_; }
  Farm& farm() { return *farm_; }
  ProcessRunner& runner() { return runner_; }
  // Waits for something to happen, a quarter of a second at most, and deals
  // with it.  Ends of processes other than the worker's go to `on_exit`, the
  // number of a signal that asks for the end to `on_signal`.
  void turn(const std::function<void(const ProcessExit&)>& on_exit, const std::function<void(int)>& on_signal);
  // Has turn() end as well when `fd` is readable; -1: for no other.
  void await(int fd);
  // Waits for results that are made again, lets the workers go, and waits until this build's results are in the store.
  // A build that has results of hosts found wrong has failed, and may be tried again.
  // That this host's own worker has ended is waited for at the very end.
  void end();

 private:
  BuildSession(BuildTree& tree, Terminal& terminal, reporting::BuildLog& log, const Clock& clock);
  void open_store(const RunOptions&);
  void say_demand();
  BuildTree& tree_;
  Terminal& terminal_;
  reporting::BuildLog& log_;
  const Clock& clock_;
  std::string socket_;
  std::unique_ptr<ConnectingChannel> channel_;
  std::unique_ptr<front_door::FrontDoor> door_;
  std::unique_ptr<WorkerDirectory> directory_;
  ProcessRunner runner_;
  EmbeddedWorker worker_{runner_};
  std::unique_ptr<EarlierResults> earlier_;
  std::unique_ptr<clusters::DemandPost> demand_;  // null: workers that come are not for this build
  std::unique_ptr<Farm> farm_;
  bool is_interrupted_ = false;
  EndSignals signals_{SIGTSTP};
  int epoll_ = -1, awaited_ = -1;
};

// last-build.json always; trace.json and report.html when something ran, so that
// a build in which nothing did leaves those of the last one that did something.
void write_reports(reporting::BuildLog&, BuildTree&, Terminal&);

}  // namespace extfarm
