// What an attempt in a private view costs over fork and exec: /usr/bin/true,
// alone and through the worker's executor, in turn.  Medians of --rounds.
//   bench_view [--json FILE] [--rounds N]
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/bench/results.h"
#include "worker/execution/executor.h"

extern char** environ;

namespace extfarm::bench {
namespace {

constexpr const char* kProgram = "/usr/bin/true";

double milliseconds_of(const auto& function) {
  const auto began = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void spawn_and_wait() {
  char* argv[] = {const_cast<char*>(kProgram), nullptr};
  pid_t pid = 0;
  int status = 0;
  if (::posix_spawn(&pid, kProgram, nullptr, nullptr, argv, environ) != 0 || ::waitpid(pid, &status, 0) != pid ||
      status != 0) {
    std::fprintf(stderr, "%s cannot be run\n", kProgram);
    std::exit(1);
  }
}

class View {
 public:
  View() : top_(std::filesystem::temp_directory_path().string() + "/extfarm-view-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(top_ + "/tree");
    executor_ = std::make_unique<Executor>(ExecutorSettings{top_ + "/scratch", {"/"}, {"/usr"}}, clock_);
    if (executor_->mode() == ViewMode::kPrivate) return;
    std::fprintf(stderr, "no private views here: %s\n", executor_->mode_reason().c_str());
    std::exit(1);
  }
  ~View() {
    executor_.reset();
    std::filesystem::remove_all(top_);
  }
  void run() {
    Action action;
    action.kind = ActionKind::kOther;
    action.program = kProgram;
    action.argv = {"true"};
    action.cwd = top_ + "/tree";
    action.view_roots = {action.cwd};
    executor_->start(key_, action);
    for (;;) {
      for (const auto& event : executor_->take_events()) {
        if (event.outcome.outcome_class != OutcomeClass::kSucceeded) {
          std::fprintf(stderr, "an attempt failed: %s\n", event.outcome.reason.c_str());
          std::exit(1);
        }
        return executor_->forget(key_);
      }
      pollfd ready{executor_->fd(), POLLIN, 0};
      ::poll(&ready, 1, 20);
    }
  }

 private:
  const std::string top_;
  const MonotonicClock clock_;
  std::unique_ptr<Executor> executor_;
  const AttemptKey key_{CoordinatorId{1}, LeaseId{1}};
};

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  int rounds = 200;
  for (std::size_t i = 0; i + 1 < arguments.rest.size(); ++i) {
    if (arguments.rest[i] == "--rounds") rounds = std::atoi(arguments.rest[i + 1].c_str());
  }
  if (rounds < 1) {
    std::fprintf(stderr, "--rounds: give a number of at least 1\n");
    return 2;
  }
  View view;
  std::vector<double> alone, viewed;
  for (int round = 0; round < rounds; ++round) {
    alone.push_back(milliseconds_of(spawn_and_wait));
    viewed.push_back(milliseconds_of([&] { view.run(); }));
  }
  std::printf("fork and exec %.2f ms, in a private view %.2f ms, %.2f ms over it (medians of %d)\n", median(alone),
              median(viewed), median(viewed) - median(alone), rounds);
  write_results(arguments, {{"benchmark", "view"}, {"rounds", rounds}, {"fork_exec_ms", median(alone)},
                            {"private_view_ms", median(viewed)}});
}
