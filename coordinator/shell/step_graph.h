// A whole build graph, read from a file: its steps in an order in which they
// can run, and which of them must.  Runs nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "coordinator/farm/action_intake.h"
#include "coordinator/farm/build_memory.h"
#include "coordinator/freshness/watch_list.h"
#include "coordinator/manifest/step.h"
#include "coordinator/reporting/build_log.h"

namespace extfarm {

enum class StepState : std::uint8_t {
  kUnwanted,  // not asked for
  kWaiting,   // for those before it
  kDirty,     // must run
  kRunning,
  kDone,      // up to date or built
  kFailed,
  kSkipped,   // something before it failed
};

struct GraphStep {
  manifest::Step step;  // its words are dropped in graphs of very many steps until they are needed
  bool has_words = false;
  StepState state = StepState::kUnwanted;
  bool stays_local = false;
  bool includes_by_option = false;  // -include: any header may be meant
  ActionKind kind = ActionKind::kOther;
  Digest identity, fingerprint;
  std::vector<std::string> inputs, outputs;
  std::vector<std::uint32_t> before, behind;  // positions of steps that come before it, and after
  // Numbers of the files that its being up to date rests upon, ascending; empty: files do not show it.
  std::vector<std::uint32_t> watched;
  std::string local_reason, reason;
  double tail_seconds = 0;  // of the longest chain behind it
};

class StepGraph {
 public:
  enum class Format { kManifest, kCompilationDatabase };
  StepGraph(std::string path, Format format, ActionIntake& intake, BuildMemory& memory)
      : path_(std::move(path)), format_(format), intake_(intake), memory_(memory) {}
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  // Errors: the file's own (manifest.h, order.h); kInvalid for a target that is
  // no output, id or group.  No target: all that are not "default": false.
  Result<void> read(const manifest::Environment& own_environment, const std::vector<std::string>& targets);
  // In place of read(): a graph as an earlier build left it, all of it up to
  // date but for the steps that are touched.  Its words are not there yet.
  void restore(std::vector<GraphStep>, std::vector<std::uint32_t> order, std::vector<bool> is_touched);
  // Judges all whose inputs are settled; afterwards nothing is kWaiting but
  // what comes behind a dirty one.  `force`: everything is dirty.
  void judge(bool force);
  // Reads the words of steps that were dropped, for those that may run; before
  // or after judge().
  Result<void> recall_words(const manifest::Environment& own_environment);
  // All that are wanted and whose words are there, run or not.
  std::vector<reporting::LoggedCompile> compiles() const;
  // Bottom levels of all that may run.
  void predict(const records::Records&);

  std::vector<GraphStep>& steps() { return steps_; }
  const std::vector<GraphStep>& steps() const { return steps_; }
  const std::vector<std::uint32_t>& order() const { return order_; }
  bool is_restored() const { return !is_touched_.empty(); }
  // After judge() of a graph that was read: what all that is up to date rests upon.
  const freshness::WatchList& watch_list() const { return watch_list_; }
  // After read(): the tools that its steps name.
  const ActionIntake::FoundTools& tools() const { return tools_; }
  front_door::SubmitRequest request_of(const GraphStep&) const;
  manifest::Environment environment_of(const GraphStep&) const;
  // As the farm would make it.  Why it cannot go to a worker comes in `local_reason`.
  Action action_of(const GraphStep&, std::string& local_reason);

 private:
  front_door::SubmitRequest words_of(const GraphStep&) const;
  Result<void> add(const manifest::Header&, manifest::Step&&);
  Result<void> link();
  Result<void> select(const std::vector<std::string>& targets);
  Result<void> read_file(const manifest::TakeStep&);
  void begin(const manifest::Environment& own_environment);
  void take_environment(const manifest::Header&);
  void link_behind();

  std::string path_;
  Format format_;
  ActionIntake& intake_;
  BuildMemory& memory_;
  manifest::Environment environment_;
  std::vector<std::pair<std::string, std::string>> environment_that_counts_;
  std::vector<GraphStep> steps_;
  std::vector<std::uint32_t> order_;
  std::vector<bool> is_touched_;  // of a restored graph
  freshness::WatchList watch_list_;
  ActionIntake::FoundTools tools_;
};

}  // namespace extfarm
