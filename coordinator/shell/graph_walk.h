// Takes a judged graph to its end: asks the farm for what is dirty, runs here
// what no worker takes, and goes on behind what is done.  Reads no file of the graph.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/shell/build_session.h"
#include "coordinator/shell/step_graph.h"

namespace extfarm {

class GraphWalk {
 public:
  GraphWalk(const RunOptions&, StepGraph&, BuildTree&, BuildSession&, Terminal&, reporting::BuildLog&);
  GraphWalk(const GraphWalk&) = delete;
  GraphWalk& operator=(const GraphWalk&) = delete;

  // Returns when nothing more can run.  The exit code: 0, the first failure's,
  // 1 for a step that did not make what it declares, 128 + the signal's number.
  int run();
  bool was_interrupted() const { return interrupted_by_ != 0; }

 private:
  bool is_stopping() const { return interrupted_by_ != 0 || (first_failure_ != 0 && !options_.keep_going); }
  void enqueue(std::uint32_t at) { ready_.emplace(-steps_[at].tail_seconds, at); }
  void ask();
  void turn();
  void take_answer(std::uint32_t at, const front_door::AnswerMessage&);
  void start_local();
  void run_here(std::uint32_t at);
  void end_local(const ProcessExit&);
  void record_local(std::uint32_t at, const ProcessExit&);
  bool has_made_all(std::uint32_t at);
  void finish(std::uint32_t at);
  void fail(std::uint32_t at, int exit_code);
  void show(const std::string& out, const std::string& err);

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

}  // namespace extfarm
