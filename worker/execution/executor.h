// Runs attempts: waits for pinned inputs, makes the private view, runs the
// original command line, collects what it wrote and what it read.  Knows no
// leases policy, no sockets.  One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong_id.h"
#include "common/model/action.h"
#include "common/model/outcome.h"
#include "common/system/clock.h"
#include "worker/execution/input_arrival.h"
#include "worker/execution/limits.h"

namespace extfarm {

struct AttemptKey {
  CoordinatorId coordinator;
  LeaseId lease;
  auto operator<=>(const AttemptKey&) const = default;
};

enum class ViewMode { kPrivate, kDirect };

struct ExecutorSettings {
  std::string scratch;  // made (0700) when absent, emptied of this process's things at the end
  std::vector<std::string> permitted_roots;  // action view_roots must lie below one of these
  std::vector<std::string>
      trusted_prefixes;       // programs must lie below one of these, after resolving symlinks
  bool only_compilers = false;  // no interpreter, generator or shell, whatever lies below trusted_prefixes
  bool force_direct = false;  // for tests and --view direct
  Limits limits;
  bool idle_priority = false;          // see make_idle()
  std::optional<Duration> time_limit;  // for each program of an attempt
  std::vector<std::string> hidden_files;  // secrets: empty in every private view
  Duration pinned_wait = std::chrono::seconds(2);  // until NeedInput is asked, and until it is asked again
};

struct AttemptEvent {
  enum class Kind { kFinished, kNeedsInput };
  Kind kind;
  AttemptKey key;
  std::string path;  // kNeedsInput
  std::uint64_t offset_bytes = 0;  // likewise
  Outcome outcome;   // kFinished
};

class Executor {
 public:
  Executor(ExecutorSettings, const Clock&);
  ~Executor();  // stops everything, removes its scratch
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // What can be done before there is a slot: its inputs are waited for, its view is
  // made, and the command waits for start().  What fails already comes back as of start().
  void prepare(const AttemptKey&, const Action&);
  // Every failure comes back as a kFinished event with its outcome class.
  void start(const AttemptKey&, const Action&);
  // What a kNeedsInput event asked for.  After each part the next one is asked for by such an event.
  void supply_input(const AttemptKey&, const InputPart&);
  // Kills the process group of an attempt and forgets it, outputs too.
  // The same for a finished one.  Unknown keys are ignored.
  void forget(const AttemptKey&);
  // Bytes of a finished attempt's output (index into attestation.outputs), valid until the next call.
  Result<std::string_view> read_output(const AttemptKey&, std::uint32_t index, std::uint64_t offset_bytes,
                                       std::uint64_t length_bytes);
  Result<Toolchain> probe(const ToolchainSpec&);
  // ToolchainProbe::restore()
  void recall_tools(std::string_view answers);

  int fd() const;  // readable when take_events may return something
  std::optional<Timestamp> next_deadline() const;
  std::vector<AttemptEvent> take_events();

  const std::string& scratch_folder() const;
  ViewMode mode() const;
  const std::string& mode_reason() const;  // why direct; empty for private
  // What of the confinement this machine's kernel cannot give; empty: nothing.
  std::string missing_confinement() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace extfarm
