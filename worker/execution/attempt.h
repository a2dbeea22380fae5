// One attempt on its way: what was asked for, where it runs, what it left, and
// what is told of it in the end.  Starts nothing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/strong_id.h"
#include "common/base/timestamp.h"
#include "common/model/action.h"
#include "common/model/outcome.h"
#include "common/process/process_runner.h"
#include "common/system/filesystem.h"
#include "worker/execution/command_preparation.h"
#include "worker/execution/direct_mode.h"
#include "worker/execution/hidden_reads.h"
#include "worker/execution/output_collection.h"
#include "worker/execution/private_view.h"

namespace extfarm {

struct Attempt {
  enum class State { kWaitingForInputs, kWaitingForRoom, kPrepared, kRunning, kListing, kFinished };

  Action action;
  State state = State::kWaitingForInputs;
  bool has_slot = true;  // false: it is only being prepared
  std::string folder, temporary;
  std::string program;  // resolved
  std::optional<PrivateView> view, listing_view;
  PreparedCommand command;
  std::optional<ProcessId> process;
  std::optional<Descriptor> gate;  // kPrepared in a view: a byte lets the command begin
  std::optional<Timestamp> let_begin;  // after that, when it was given
  bool gives_way = false;  // its process does, see make_idle()
  ProcessExit exit;
  std::vector<CollectedOutput> outputs;
  std::set<std::string> supplied;  // pinned inputs whose bytes came in messages
  struct Arriving {
    std::uint64_t size_bytes = 0;  // of what has come so far
    Timestamp asked;               // for what comes next
  };
  std::map<std::string, Arriving> arriving;  // pinned inputs that were asked for
  Timestamp started;
  std::optional<Timestamp> stopped_at;  // its process, at the latest
  DigestCache::Moment launched = 0;
  std::int64_t launched_realtime_ns = 0;
  std::uint64_t kernel_kills = 0;  // before it was launched
  std::vector<RedirectedOutput> redirected;  // direct mode only
  std::optional<std::string> listing;        // what the listing run printed
};

// Before the command's start: looks at what it is likely to read, so that it is
// known afterwards whether that stayed as it was.
void look_at_inputs(Attempt&, DigestCache&);
// After the command's end: finds what it wrote.  Errors: kIo.
Result<void> collect(Attempt&);
// After the list is there: modules that the command found to be on disk as it
// would have written them are outputs like all others.  Errors: kIo.
Result<void> collect_modules(Attempt&, const Filesystem&);
// Another view of the same, with what came in messages: the run that lists
// what was read may write the side files again.  Errors: kIo, kRefused.
Result<PrivateView> view_for_listing(const Attempt&, MountTable&);
// After collect(): how it ended, what it read and what it wrote.
Outcome outcome_of(const Attempt&, const Filesystem&, DigestCache&, HiddenReads&);

}  // namespace extfarm
