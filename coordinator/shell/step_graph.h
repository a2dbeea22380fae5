// A whole build graph, read from a file: its steps in an order in which they
// can run, and which of them must.  Runs nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/farm/action_intake.h"
#include "coordinator/farm/build_memory.h"
#include "coordinator/freshness/watch_list.h"
#include "coordinator/manifest/compilation_database.h"
#include "coordinator/manifest/step_file.h"

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

// What few steps have.
struct StepLabels {
  std::string id, group;
  std::string local_reason;  // of one that stays local
  bool operator==(const StepLabels&) const = default;
};

// Kept small: there may be a hundred thousand.
struct GraphStep {
  std::unique_ptr<StepLabels> own_labels;  // null: all are empty
  manifest::RecordPlace place;
  std::unique_ptr<manifest::Step> words;  // null until they are needed: two kilobytes each
  bool is_default = true;
  StepState state = StepState::kUnwanted;
  bool stays_local = false;
  bool includes_by_option = false;  // -include: any header may be meant
  ActionKind kind = ActionKind::kOther;
  Digest identity, fingerprint;
  std::vector<std::string> inputs, outputs;
  std::vector<std::uint32_t> before, behind;  // positions of steps that come before it, and after
  // Numbers of the files that its being up to date rests upon, ascending; empty: files do not show it.
  std::vector<std::uint32_t> watched;
  double tail_seconds = 0;  // of the longest chain behind it

  const StepLabels& labels() const {
    static const StepLabels kNone;
    return own_labels ? *own_labels : kNone;
  }
  void set_labels(StepLabels given) {
    if (given != StepLabels{}) own_labels = std::make_unique<StepLabels>(std::move(given));
  }
};

class StepGraph {
 public:
  StepGraph(std::string path, manifest::StepFile::Format format, ActionIntake& intake, BuildMemory& memory)
      : file_(std::move(path), format), intake_(intake), memory_(memory) {}
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  // Errors: the file's own (step_file.h, order.h); kInvalid for a target that is
  // no output, id or group.  No target: all that are not "default": false.
  Result<void> read(const manifest::Environment& own_environment, const std::vector<std::string>& targets);
  // In place of read(): a graph as an earlier build left it, all of it up to
  // date but for the steps that are touched.  Errors: the file's own.
  Result<void> restore(std::vector<GraphStep>, std::vector<std::uint32_t> order, std::vector<bool> is_touched,
                       const manifest::Environment& own_environment);
  // Judges all whose inputs are settled; afterwards nothing is kWaiting but
  // what comes behind a dirty one.  `force`: everything is dirty.
  void judge(bool force);
  // Reads the words of a step; the calls below need them.  Errors: the file's own.
  Result<void> recall_words(GraphStep&);
  void drop_words(GraphStep&) const;
  // Of all compiles that are wanted, run or not.  Looks at this graph.
  manifest::CompilationEntries compiles();
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
  void begin(const manifest::Environment& own_environment);
  void take_environment(const manifest::Header&);
  void link_behind();

  manifest::StepFile file_;
  ActionIntake& intake_;
  BuildMemory& memory_;
  manifest::Environment environment_;
  std::vector<std::pair<std::string, std::string>> environment_that_counts_;
  std::vector<GraphStep> steps_;
  std::vector<std::uint32_t> order_;
  std::vector<bool> is_touched_;                 // of a restored graph
  std::vector<std::vector<std::string>> after_;  // while it is read
  bool keeps_words_ = false;                     // of a file that can be read only once
  freshness::WatchList watch_list_;
  ActionIntake::FoundTools tools_;
};

}  // namespace extfarm
