// What a build knows of earlier ones: judges actions by the records, and
// records what is published.  Joins coordinator/freshness with coordinator/records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/compiler/search_folders.h"
#include "common/compiler/toolchain_probe.h"
#include "coordinator/freshness/freshness.h"
#include "coordinator/records/records.h"

namespace extfarm {

struct Judgement {
  freshness::Verdict verdict;
  Digest fingerprint;
  std::optional<freshness::Recorded> recorded;  // the last result, fresh or not
};

class BuildMemory {
 public:
  BuildMemory(const std::string& project_root, const Filesystem&, DigestCache&, records::Records&, ProcessRunner&,
              ToolchainProbe&);
  BuildMemory(const BuildMemory&) = delete;
  BuildMemory& operator=(const BuildMemory&) = delete;

  // Reads what earlier builds left; before it nothing is known of them.
  void restore();
  // Restores, and begins to record.
  void begin_build();
  // Whether it must run, and why.
  Judgement judge(const Action&, const records::Identity&);
  Judgement judge(const Action&, const records::Identity&, const Digest& fingerprint);
  // Remembers the verdict for `extfarm explain`.  `is_restored`: it called for
  // a run, but an earlier result was put in place.
  void note(const Action&, const records::Identity&, const freshness::Verdict&, bool is_restored = false);
  void note_fresh(const records::Identity& identity) { fresh_.push_back(identity); }
  // Whether running the action now would read just what `result` has read.
  bool would_repeat(const Action&, const Digest& fingerprint, const Attestation& result,
                    const std::vector<std::uint64_t>& bystanders);
  // Records the result of an action that was just published.  `started_ns`
  // (realtime): before its command ran.
  freshness::Recorded record(const Action&, const records::Identity&, const Attestation&, const std::string& stdout_bytes,
              const std::string& stderr_bytes, std::int64_t started_ns);
  // An input that was written while the command ran, which runs again in the next
  // build; empty: there is none.
  std::string written_meanwhile(const freshness::Recorded& recorded) const { return judge_.written_meanwhile(recorded); }
  void forget(const Attestation&);
  // Others may have written.
  void look_again() { judge_.look_again(); }
  // What a recorded result has read and written.
  Attestation attestation_of(const freshness::Recorded&) const;
  // Judge::watch(), ascending; empty when files do not show all that the verdict rests upon.
  std::vector<freshness::WatchList::Number> watch(const Action&, const freshness::Recorded&, freshness::WatchList&);
  void watch_folders(freshness::WatchList& list) { judge_.searches().watch(list); }
  // Whether the result has each of these files.
  bool has_made(const freshness::Recorded&, const std::vector<std::string>& paths);
  // SearchFolderProbe's
  void restore_search_folders(std::string_view answers) { search_folders_.restore(answers); }
  std::string take_search_folders() { return search_folders_.take_answers(); }
  void save();
  void end_build();
  std::string shown(const std::string& path) const { return judge_.shown(path); }
  const records::Records& records() const { return records_; }

 private:
  std::string difference(const Action&, const records::Identity&);

  records::Records& records_;
  ToolchainProbe& probe_;
  SearchFolderProbe search_folders_;
  const Filesystem& filesystem_;
  std::string project_root_;
  freshness::Judge judge_;
  std::int64_t build_ = 0;
  std::vector<records::Identity> fresh_;
};

}  // namespace extfarm
