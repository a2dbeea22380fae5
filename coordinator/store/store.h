// A bounded store of earlier results, so that switching between branches finds
// them again.  Several coordinators, also of several users and hosts, may use
// one folder at the same time; there are no locks.  Knows nothing of actions,
// nor of whether a result's inputs are what lies here now: the caller checks
// that, and builds whenever the store disappoints it.
//
// Damage is detected, malice is not: whoever may write in the folder decides
// what the builds of all its users find.  The caller holds what it finds to
// the same rules as what a worker attests (artifacts::check_outputs).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "coordinator/store/shared_folder.h"
#include "coordinator/store/stored_result.h"

namespace extfarm::store {

struct StorePolicy {
  // The branches somebody goes back and forth between, and some edits of each.
  std::size_t most_results_per_command = 16;
  // Contents are handled in memory, whole.
  std::uint64_t largest_output_bytes = 1ull << 30;
  // A lookup reads all results of its command, so they have to stay small; the oldest go first.
  std::uint64_t largest_results_bytes = 16ull << 20;
  // Our own debug objects, 21 MB: level 1 leaves 19 % at 390 MB/s, level 6 leaves 16 % at 76 MB/s.
  int compression_level = 1;
  // The order of use need not be finer than this, and each record of a use is a write.
  std::chrono::seconds use_is_recorded_after = std::chrono::minutes(10);
  // Far longer than one write takes and than two hosts' clocks should differ.
  std::chrono::seconds temporary_is_dead_after = std::chrono::hours(1);
  // Room for the next builds, so that not every one of them has to remove something.
  std::uint64_t trimmed_to_percent = 90;
  // Additions of several hosts at once may be lost where a network appends, so the sums are not believed for long.
  std::chrono::seconds sums_hold_for = std::chrono::hours(24);
};

// Not thread-safe; any number of Stores may share a folder.
class Store {
 public:
  // Makes the folder.  `limit_bytes` bounds what trim() leaves of compressed
  // files.  Errors: kIo, with the path, also when this user may not write there.
  static Result<std::unique_ptr<Store>> open(const std::string& folder, std::uint64_t limit_bytes,
                                             const StorePolicy& policy = {});
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Earlier results of the command, newest first, as many as the policy keeps,
  // no two with the same inputs.
  // What is damaged is removed and counted, what cannot be read is counted;
  // both are never an error.
  std::vector<StoredResult> results(const Digest& command_key);

  // The content of one output.  Errors: kNotFound, also for content that was
  // trimmed away; kMalformed, naming the object, when it is damaged (it is then
  // removed and counted); kIo.
  Result<std::string> content(const Digest& digest, std::uint64_t size_bytes);

  // `contents[i]` belongs to result.outputs[i] (files only).  A result with the
  // same inputs is replaced.  A result that exceeds the policy is counted, not
  // stored, and no error.
  // Errors: kInvalid, when contents and outputs do not agree; kIo (disk full).
  // Nothing half-written is left then, nor a result without its contents.
  Result<void> add(const Digest& command_key, const StoredResult& result,
                   const std::vector<std::string>& contents);

  // If there is more than the limit, removes what was not used for longest.
  // Also removes the temporary files of processes that died.  Reads every
  // folder of the store: for the end of a build.
  // Errors: kIo, when the store cannot be listed, or stays above its limit.
  Result<void> trim();

  // As trim(), if the store may be above its limit or was not listed for a day.  How much there is at most
  // is known from the file "sums": what the last listing found, and what each build has added since.
  Result<void> trim_when_due();

  // Since this Store was opened.
  struct Counts {
    std::uint64_t objects_poisoned = 0;    // removed by content()
    std::uint64_t results_unreadable = 0;  // files with the results of one command
    std::uint64_t results_too_large = 0;   // not stored
    std::uint64_t objects_removed = 0, results_removed = 0, temporaries_removed = 0;  // by trim()
    std::uint64_t bytes_removed = 0;  // of the objects and results that trim() removed
  };
  const Counts& counts() const { return counts_; }

 private:
  Store(SharedFolder folder, std::uint64_t limit_bytes, const StorePolicy& policy)
      : folder_(std::move(folder)), limit_bytes_(limit_bytes), policy_(policy) {}
  tl::unexpected<Error> poisoned(const std::string& name, const std::string& why);
  // "" when even the newest result alone is too large; else as many as fit.
  std::string text_that_fits(const Digest& command_key, std::vector<StoredResult> results) const;
  void remove_dead_temporaries();
  // A file there; kept small, for there may be hundreds of thousands.  Compares by age.
  struct Stored {
    std::int64_t mtime_ns;
    bool is_result;
    Digest digest;
    std::uint64_t size_bytes;
    auto operator<=>(const Stored&) const = default;
  };
  Result<void> remove_oldest(std::deque<Stored>&, std::uint64_t& total_bytes);
  // nullopt: it has to be listed.
  std::optional<std::uint64_t> most_bytes_there() const;

  SharedFolder folder_;
  std::uint64_t limit_bytes_;
  StorePolicy policy_;
  Counts counts_;
  std::uint64_t added_bytes_ = 0;  // not yet in the sums
};

}  // namespace extfarm::store
