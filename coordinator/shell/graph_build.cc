#include "coordinator/shell/graph_build.h"

#include <string>

#include "coordinator/shell/build_session.h"
#include "coordinator/shell/compile_commands.h"
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

// Whether nothing is new about the compiles that compile_commands.json lists.
bool are_compiles_listed(const BuildTree& tree, bool nothing_ran) {
  return nothing_ran && tree.filesystem.stat(compile_commands_path(tree)).has_value();
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
    log.failed = 0;
    for (const auto& step : graph.steps()) {
      log.failed += step.state == StepState::kFailed;
      skipped += step.state != StepState::kUnwanted && step.state != StepState::kDone && step.state != StepState::kFailed;
    }
    if (skipped > 0) terminal.warn(std::to_string(skipped) + " steps were not built");
  }
  log.total = wanted;
  log.fresh += fresh + log.fresh_here;
  log.ended = clock.now();
  tree.close();
  if (!are_compiles_listed(tree, fresh == wanted)) {
    log.compiles = graph.compiles();
    write_compile_commands(log.compiles, tree, terminal);
  }
  write_reports(log, tree, terminal);
  return log.exit_code;
}

}  // namespace extfarm
