#include "coordinator/shell/graph_build.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/shell/build_session.h"
#include "coordinator/shell/compile_commands.h"
#include "coordinator/shell/graph_snapshot.h"
#include "coordinator/shell/graph_walk.h"
#include "coordinator/shell/step_graph.h"

namespace extfarm {
namespace {

struct Counts {
  std::uint64_t wanted = 0, fresh = 0;
};

Counts count(const StepGraph& graph) {
  Counts out;
  for (const auto& step : graph.steps()) {
    out.wanted += step.state != StepState::kUnwanted;
    out.fresh += step.state == StepState::kDone;
  }
  return out;
}

std::vector<std::uint32_t> asked_for(const StepGraph& graph) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < graph.steps().size(); ++i) {
    const auto state = graph.steps()[i].state;
    if (state == StepState::kDirty || state == StepState::kWaiting) out.push_back(i);
  }
  return out;
}

class GraphBuild {
 public:
  GraphBuild(const RunOptions& options, BuildTree& tree, Terminal& terminal)
      : options_(options),
        tree_(tree),
        terminal_(terminal),
        environment_(own_environment()),
        intake_(options.project_root, tree.probe),
        graph_(options.graph_file,
               options.is_compilation_database ? manifest::StepFile::Format::kCompilationDatabase : manifest::StepFile::Format::kManifest,
               intake_, *tree.memory),
        key_(options.force || !options.targets.empty() ? std::nullopt : GraphSnapshot::key_of(options, environment_)),
        snapshot_(tree, options.graph_file, key_.value_or(Digest{})) {}

  // The exit code.  Waits for the local worker's end in its destructor.
  int run() {
    log_.project_root = options_.project_root;
    log_.command = "extfarm build " + options_.graph_file;
    log_.started = log_.first_submission = log_.last_publication = clock_.now();
    are_compiles_listed_ = tree_.filesystem.stat(compile_commands_path(tree_)).has_value();
    is_known_ = key_ && are_compiles_listed_ && snapshot_.open(intake_);
    Counts counts{snapshot_.step_count(), snapshot_.step_count()};
    if (!is_known_ || !snapshot_.is_still() || snapshot_.fresh() != tree_.records->last_fresh()) {
      if (auto done = bring_up_to_date(counts); !done) return refuse(done.error().exit_code, done.error().message);
    }
    log_.total = counts.wanted;
    log_.fresh += counts.fresh + log_.fresh_here;
    log_.ended = clock_.now();
    write_reports(log_, tree_, terminal_);
    tree_.forget();
    return log_.exit_code;
  }

 private:
  using Outcome = tl::expected<void, SessionFailure>;

  // `counts`: of what was judged, before anything ran.
  Outcome bring_up_to_date(Counts& counts) {
    if (is_known_ && snapshot_.has_changed_files()) {
      if (auto opened = open_session(); !opened) return opened;  // its worker starts while the graph is judged
    }
    auto memory = std::async(std::launch::async, [this] {
      tree_.memory->begin_build();
      tree_.records->flush();
    });
    const bool is_recalled = is_known_ && snapshot_.recall(graph_, environment_);
    memory.get();
    if (!is_recalled) {
      if (const auto told = graph_.read(environment_, options_.targets); !told) return usage(told.error());
    }
    graph_.judge(options_.force);
    counts = count(graph_);
    const auto asked = asked_for(graph_);
    if (!asked.empty()) {
      if (auto ran = run_what_is_dirty(); !ran) return ran;
    }
    if (session_) session_->end();
    if (log_.wrong_results > 0) {  // what is to be made anew is not up to date
      tree_.close();
      return {};
    }
    count_what_failed();
    tree_.close();
    if (!is_recalled && (!asked.empty() || !are_compiles_listed_)) {
      write_compile_commands(graph_.compiles(), tree_, terminal_);
    }
    if (is_recalled && !asked.empty()) snapshot_.save_since(asked);
    const bool is_to_save = !is_recalled && key_ && asked.empty() && !intake_.has_looked_into_files();
    // The file may have been written while it was read.
    if (is_to_save && GraphSnapshot::key_of(options_, environment_) == key_) snapshot_.save(graph_);
    return {};
  }

  Outcome open_session() {
    auto opened = BuildSession::open(options_, tree_, terminal_, log_, clock_);
    if (!opened) return tl::unexpected(opened.error());
    session_ = std::move(*opened);
    return {};
  }

  Outcome run_what_is_dirty() {
    if (!session_) {
      if (auto opened = open_session(); !opened) return opened;
    }
    graph_.predict(*tree_.records);
    GraphWalk walk(options_, graph_, tree_, *session_, terminal_, log_);
    log_.exit_code = walk.run();
    log_.status = walk.was_interrupted() ? "cancelled" : log_.exit_code == 0 ? "ok" : "failed";
    return {};
  }

  void count_what_failed() {
    std::uint64_t skipped = 0;
    log_.failed = 0;
    for (const auto& step : graph_.steps()) {
      log_.failed += step.state == StepState::kFailed;
      skipped += step.state == StepState::kSkipped || step.state == StepState::kWaiting ||
                 step.state == StepState::kDirty || step.state == StepState::kRunning;
    }
    if (skipped > 0) terminal_.warn(std::to_string(skipped) + " steps were not built");
  }

  static Outcome usage(const Error& error) { return tl::unexpected(SessionFailure{kExitUsage, error.message}); }

  const RunOptions& options_;
  BuildTree& tree_;
  Terminal& terminal_;
  const MonotonicClock clock_;
  const manifest::Environment environment_;
  reporting::BuildLog log_;
  ActionIntake intake_;
  StepGraph graph_;
  const std::optional<Digest> key_;
  GraphSnapshot snapshot_;
  std::unique_ptr<BuildSession> session_;
  bool are_compiles_listed_ = false, is_known_ = false;
};

}  // namespace

int build_graph(const RunOptions& options) {
  Terminal terminal({options.quiet, options.verbose, options.top});
  for (const auto& warning : options.warnings) terminal.warn(warning);
  auto tree = BuildTree::open(options.project_root, options.key_folder, terminal);
  if (!tree) return refuse(kExitRetry, tree.error().message);
  return GraphBuild(options, **tree, terminal).run();
}

}  // namespace extfarm
