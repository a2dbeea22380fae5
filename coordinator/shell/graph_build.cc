#include "coordinator/shell/graph_build.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "common/model/environment.h"
#include "coordinator/shell/build_session.h"
#include "coordinator/shell/compile_commands.h"
#include "coordinator/shell/step_graph.h"

extern char** environ;

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr int kExitUsage = 2;
// Steps handed to the farm at once: enough for every slot of a lab, and a bound for memory.
constexpr std::size_t kMostAsked = 4096;

manifest::Environment own_environment() {
  manifest::Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos)
      out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

// Walks through the graph: asks the farm for what is dirty, runs what stays here.
class GraphWalk {
 public:
  GraphWalk(const RunOptions& options, StepGraph& graph, BuildTree& tree, BuildSession& session, Terminal& terminal,
            reporting::BuildLog& log)
      : options_(options),
        graph_(graph),
        steps_(graph.steps()),
        tree_(tree),
        session_(session),
        terminal_(terminal),
        log_(log) {
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].state == StepState::kDirty) enqueue(i);
    }
  }

  // The exit code.
  int run() {
    for (;;) {
      ask();
      start_local();
      if (asked_count_ == 0 && local_.empty() && (ready_.empty() || is_stopping())) break;
      session_.turn([this](const ProcessExit& exit) { end_local(exit); },
                    [this](int signal) {
                      interrupted_by_ = signal;
                      for (const auto& [id, at] : local_) session_.runner().stop(id, std::chrono::milliseconds(800));
                    });
    }
    if (interrupted_by_ != 0) return 128 + interrupted_by_;
    return first_failure_;
  }
  bool was_interrupted() const { return interrupted_by_ != 0; }

 private:
  bool is_stopping() const { return interrupted_by_ != 0 || (first_failure_ != 0 && !options_.keep_going); }
  void enqueue(std::uint32_t at) { ready_.emplace(-steps_[at].tail_seconds, at); }

  void ask() {
    while (!ready_.empty() && asked_count_ < kMostAsked && !is_stopping()) {
      const auto at = ready_.begin()->second;
      ready_.erase(ready_.begin());
      GraphStep& step = steps_[at];
      step.state = StepState::kRunning;
      for (const auto& output : step.outputs) {
        std::error_code ignored;
        fs::create_directories(fs::path(output).parent_path(), ignored);
      }
      if (step.stays_local) {
        waiting_local_.push_back(at);
        continue;
      }
      ++asked_count_;
      session_.farm().submit(graph_.request_of(step), [this, at](const auto& message) { take_answer(at, message); });
    }
  }

  void take_answer(std::uint32_t at, const front_door::AnswerMessage& message) {
    --asked_count_;
    show(message.stdout_bytes, message.stderr_bytes);
    if (message.result == "built" || message.result == "fresh") return finish(at);
    if (message.result == "failed") return fail(at, message.exit_code);
    if (message.result == "cancelled") {
      steps_[at].state = StepState::kSkipped;
      return;
    }
    steps_[at].local_reason = message.reason;
    waiting_local_.push_back(at);
  }

  void start_local() {
    const std::size_t slots = std::max<std::size_t>(1, options_.local_slots);
    while (!waiting_local_.empty() && local_.size() < slots && !is_stopping()) {
      const auto at = waiting_local_.front();
      waiting_local_.erase(waiting_local_.begin());
      run_here(at);
    }
    if (is_stopping()) waiting_local_.clear();
  }

  void run_here(std::uint32_t at) {
    GraphStep& step = steps_[at];
    std::string reason;
    const Action action = graph_.action_of(step, reason);
    auto judgement = tree_.memory->judge(action, step.identity, step.fingerprint);
    if (options_.force) judgement.verdict = {false, "--force was given"};
    // What a command that says nothing of its outputs does cannot be known.
    if (step.outputs.empty()) judgement.verdict = {false, "it declares no output"};
    tree_.memory->note(action, step.identity, judgement.verdict);
    if (judgement.verdict.fresh) {
      ++log_.fresh_here;
      return finish(at);
    }
    reporting::log_local(log_, {action.cwd, action.argv, step.local_reason});
    ProcessRequest request;
    request.program = action.program;
    request.argv = action.argv;
    const auto environment = graph_.environment_of(step);
    request.environment.assign(environment.begin(), environment.end());
    request.cwd = action.cwd;
    request.stdin_bytes = action.stdin_bytes;
    started_ns_[at] = realtime_ns();
    const auto id = session_.runner().start(request);
    if (!id) {
      show("", "extfarm: " + id.error().message + "\n");
      return fail(at, 127);
    }
    local_.emplace(*id, at);
  }

  void end_local(const ProcessExit& exit) {
    const auto it = local_.find(exit.id);
    if (it == local_.end()) return;
    const auto at = it->second;
    local_.erase(it);
    show(exit.stdout_bytes, exit.stderr_bytes);
    if (exit.signal != 0 || exit.exit_code != 0) return fail(at, exit.signal != 0 ? 128 + exit.signal : exit.exit_code);
    record_local(at, exit);
    finish(at);
  }

  // Of what is no compiler the declared files are all there is to know; a
  // compiler that stays here reads more than that, and runs each time.
  void record_local(std::uint32_t at, const ProcessExit& exit) {
    GraphStep& step = steps_[at];
    if (step.kind != ActionKind::kOther || step.outputs.empty()) return;
    std::string reason;
    const Action action = graph_.action_of(step, reason);
    Attestation attestation;
    for (const auto& path : action.inputs)
      attestation.inputs.push_back({path, tree_.digests.digest(path).value_or(Digest{})});
    for (const auto& path : action.outputs) {
      const auto stamp = tree_.filesystem.stat(path);
      const auto digest = tree_.digests.digest(path);
      if (!stamp || !digest) {
        terminal_.warn(tree_.memory->shown(path) + " was not made by the command that declares it");
        return;
      }
      attestation.outputs.push_back({path, OutputKind::kFile, stamp->mode, stamp->size_bytes, *digest, ""});
    }
    tree_.memory->record(action, step.identity, attestation, exit.stdout_bytes, exit.stderr_bytes, started_ns_[at]);
  }

  void finish(std::uint32_t at) {
    steps_[at].state = StepState::kDone;
    for (const auto behind : steps_[at].behind) {
      GraphStep& later = steps_[behind];
      if (later.state != StepState::kWaiting) continue;
      const bool is_settled = std::all_of(later.before.begin(), later.before.end(), [&](std::uint32_t earlier) {
        return steps_[earlier].state == StepState::kDone;
      });
      if (!is_settled) continue;
      later.state = StepState::kDirty;
      enqueue(behind);
    }
  }

  void fail(std::uint32_t at, int exit_code) {
    steps_[at].state = StepState::kFailed;
    if (first_failure_ == 0) first_failure_ = exit_code == 0 ? 1 : exit_code;
    const auto& step = steps_[at];
    terminal_.warn((step.outputs.empty() ? "step " + std::to_string(step.step.number)
                                         : tree_.memory->shown(step.outputs.front())) +
                   " failed (exit code " + std::to_string(exit_code) + ")");
  }

  void show(const std::string& out, const std::string& err) {
    if (out.empty() && err.empty()) return;
    terminal_.clear();
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
    std::fwrite(err.data(), 1, err.size(), stderr);
  }

  const RunOptions& options_;
  StepGraph& graph_;
  std::vector<GraphStep>& steps_;
  BuildTree& tree_;
  BuildSession& session_;
  Terminal& terminal_;
  reporting::BuildLog& log_;
  std::set<std::pair<double, std::uint32_t>> ready_;  // by what hangs on it
  std::vector<std::uint32_t> waiting_local_;
  std::map<ProcessId, std::uint32_t> local_;
  std::map<std::uint32_t, std::int64_t> started_ns_;
  std::size_t asked_count_ = 0;
  int first_failure_ = 0;
  int interrupted_by_ = 0;
};

}  // namespace

int build_graph(const RunOptions& options) {
  const MonotonicClock clock;
  Terminal terminal(options.quiet, options.verbose);
  for (const auto& warning : options.warnings) terminal.warn(warning);
  auto opened_tree = BuildTree::open(options.project_root, terminal);
  if (!opened_tree) return refuse(kExitRetry, opened_tree.error().message);
  BuildTree& tree = **opened_tree;
  reporting::BuildLog log;
  log.project_root = options.project_root;
  log.command = "extfarm build " + options.graph_file;
  log.started = log.first_submission = log.last_publication = clock.now();
  ActionIntake intake(options.project_root, tree.probe);
  StepGraph graph(options.graph_file,
                  options.is_compilation_database ? StepGraph::Format::kCompilationDatabase
                                                  : StepGraph::Format::kManifest,
                  intake, *tree.memory);
  auto told = graph.read(own_environment(), options.targets);
  if (told) {
    graph.judge(options.force);
    told = graph.recall_words();
  }
  if (!told) return refuse(kExitUsage, told.error().message);

  std::uint64_t wanted = 0, fresh = 0;
  for (const auto& step : graph.steps()) {
    wanted += step.state != StepState::kUnwanted;
    fresh += step.state == StepState::kDone;
  }
  if (fresh < wanted) {
    graph.predict(*tree.records);
    auto session = BuildSession::open(options, tree, terminal, log, clock);
    if (!session) return refuse(session.error().exit_code, session.error().message);
    GraphWalk walk(options, graph, tree, **session, terminal, log);
    log.exit_code = walk.run();
    log.status = walk.was_interrupted() ? "cancelled" : log.exit_code == 0 ? "ok" : "failed";
    (*session)->end();
    std::uint64_t skipped = 0;
    for (const auto& step : graph.steps())
      skipped += step.state != StepState::kUnwanted && step.state != StepState::kDone && step.state != StepState::kFailed;
    if (skipped > 0) terminal.warn(std::to_string(skipped) + " steps were not built");
  }
  log.total = wanted;
  log.fresh += fresh + log.fresh_here;
  log.ended = clock.now();
  tree.close();
  write_compile_commands(log.compiles, tree, terminal);
  write_reports(log, tree, terminal);
  return log.exit_code;
}

}  // namespace extfarm
