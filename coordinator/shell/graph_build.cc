#include "coordinator/shell/graph_build.h"

#include <optional>
#include <string>

#include "coordinator/shell/build_session.h"
#include "coordinator/shell/compile_commands.h"
#include "coordinator/shell/graph_snapshot.h"
#include "coordinator/shell/graph_walk.h"
#include "coordinator/shell/step_graph.h"

extern char** environ;

namespace extfarm {
namespace {

constexpr int kExitUsage = 2;

manifest::Environment own_environment() {
  manifest::Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos)
      out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

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

// Runs what is not up to date.  Errors: usage errors of the graph's file.
Result<void> run_what_is_dirty(const RunOptions& options, StepGraph& graph, BuildTree& tree, BuildSession& session,
                               Terminal& terminal, reporting::BuildLog& log) {
  if (auto told = graph.recall_words(own_environment()); !told) return told;
  graph.predict(*tree.records);
  GraphWalk walk(options, graph, tree, session, terminal, log);
  log.exit_code = walk.run();
  log.status = walk.was_interrupted() ? "cancelled" : log.exit_code == 0 ? "ok" : "failed";
  session.end();
  std::uint64_t skipped = 0;
  log.failed = 0;
  for (const auto& step : graph.steps()) {
    log.failed += step.state == StepState::kFailed;
    skipped += step.state != StepState::kUnwanted && step.state != StepState::kDone && step.state != StepState::kFailed;
  }
  if (skipped > 0) terminal.warn(std::to_string(skipped) + " steps were not built");
  return {};
}

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
  const auto key = options.force || !options.targets.empty() ? std::nullopt
                                                             : GraphSnapshot::key_of(options, own_environment());
  GraphSnapshot snapshot(tree, options.graph_file, key.value_or(Digest{}));
  const bool are_compiles_listed = tree.filesystem.stat(compile_commands_path(tree)).has_value();
  const bool is_known = key && are_compiles_listed && snapshot.open(intake);

  const auto open_session = [&] { return BuildSession::open(options, tree, terminal, log, clock); };
  std::optional<decltype(open_session())> session;
  Counts counts{snapshot.step_count(), snapshot.step_count()};
  if (!is_known || !snapshot.is_still() || snapshot.fresh() != tree.records->last_fresh()) {
    if (is_known && snapshot.has_changed_files()) session = open_session();  // its worker starts meanwhile
    tree.memory->begin_build();
    tree.records->flush();
    const bool is_recalled = is_known && snapshot.recall(graph);
    if (!is_recalled) {
      if (auto told = graph.read(own_environment(), options.targets); !told)
        return refuse(kExitUsage, told.error().message);
    }
    graph.judge(options.force);
    counts = count(graph);
    const auto asked = asked_for(graph);
    if (!asked.empty()) {
      if (!session) session = open_session();
      if (!*session) return refuse(session->error().exit_code, session->error().message);
      if (auto ran = run_what_is_dirty(options, graph, tree, ***session, terminal, log); !ran)
        return refuse(kExitUsage, ran.error().message);
    }
    if (asked.empty() && session && *session) (**session)->end();
    tree.close();
    if (!is_recalled && (!asked.empty() || !are_compiles_listed)) {
      log.compiles = graph.compiles();
      write_compile_commands(log.compiles, tree, terminal);
    }
    if (is_recalled && !asked.empty()) snapshot.save_since(asked);
    const bool is_to_save = !is_recalled && key && asked.empty() && !intake.has_looked_into_files();
    if (is_to_save && GraphSnapshot::key_of(options, own_environment()) == key) snapshot.save(graph);
  }
  log.total = counts.wanted;
  log.fresh += counts.fresh + log.fresh_here;
  log.ended = clock.now();
  write_reports(log, tree, terminal);
  tree.forget();
  return log.exit_code;  // and waits for the worker's end
}

}  // namespace extfarm
