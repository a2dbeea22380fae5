// Whether an action must run, and why.  The same function makes the verdict
// and its reason.  An answer needs no action to run: only stats, and hashes of
// files whose stamp changed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/compiler/include_lines.h"
#include "common/model/action.h"
#include "coordinator/freshness/fingerprint.h"
#include "coordinator/freshness/recorded.h"
#include "coordinator/freshness/watch_list.h"

namespace extfarm::freshness {

struct Verdict {
  bool fresh = false;
  std::string reason;  // "up to date", "it was never built", "include/x.h changed", …
  std::vector<std::string> changed = {};  // recorded inputs that are other ones now, or there at last, when it must run
};

class Judge {
 public:
  // Paths below `root` are named relative to it.
  Judge(std::string root, const Filesystem& filesystem, DigestCache& digests)
      : root_(std::move(root)), versions_(filesystem, digests), searches_(filesystem), filesystem_(filesystem) {}
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  // `recorded` may be null.  `difference` says what is different about the
  // command; asked only when something is.
  Verdict judge(const Action&, const Digest& fingerprint, const Recorded* recorded,
                const std::function<std::string()>& difference);
  // Whether running the action now would read just what `result` has read.
  // `bystanders`: as recorded with it.
  bool would_repeat(const Action&, const Digest& fingerprint, const Attestation& result,
                    const std::vector<std::string>& search_folders, const std::vector<std::uint64_t>& bystanders);
  // Adds the files that the verdict "up to date" of this result rests upon to the list, their numbers to
  // `numbers`.  False: it rests on more than files can show, and has to be judged each time.
  bool watch(const Action&, const Recorded&, WatchList&, std::vector<WatchList::Number>& numbers);
  // What to record of a result just published.  Files that changed, or changed
  // their place in the search, since `started_ns` (realtime) are left for the
  // next judgement.
  Recorded witness(const Action&, const Digest& fingerprint, const Attestation&,
                   const std::vector<std::string>& search_folders, std::int64_t started_ns);
  // An input left in witness() for the next judgement; empty: there is none.
  std::string written_meanwhile(const Recorded&) const;
  // Files of `device` are stamped by a clock that is ahead of this host's.
  void set_clock_skew(std::uint64_t device, std::int64_t skew_ns) { skew_device_ = device, skew_ns_ = skew_ns; }
  // Others may have written, anywhere.
  void look_again();
  // This file was written.
  void forget(const std::string& path);
  std::string shown(std::string_view path) const;

  FileVersions& versions() { return versions_; }
  const FileVersions& versions() const { return versions_; }
  SearchOrder& searches() { return searches_; }

 private:
  std::string reason_in_inputs(const Action&, const Recorded&);
  std::vector<std::string> changed_inputs(const Recorded&);
  std::string reason_in_search(const Action&, const Recorded&);
  std::string reason_in_outputs(const Recorded&);
  // Whether one of the files that were read looks up this name and would meet this file.
  bool is_reached(const Action&, const Recorded&, const Earlier&);
  const IncludeLines& includes_of(const Action&, VersionId);
  Recorded as_attested(const Action&, const Digest& fingerprint, const Attestation&,
                       const std::vector<std::string>& search_folders, std::int64_t started_ns);
  bool was_written_since(const FileStamp& stamp, std::int64_t started_ns) const;
  void add_questions(const Action&, Recorded&, std::int64_t started_ns);
  bool is_accounted_for(const std::string& path, const Recorded&) const;

  std::string root_;
  FileVersions versions_;
  SearchOrder searches_;
  const Filesystem& filesystem_;
  std::uint64_t skew_device_ = 0;
  std::int64_t skew_ns_ = 0;
  std::unordered_map<VersionId, IncludeLines> includes_;         // of headers
  std::pair<VersionId, IncludeLines> includes_of_source_{0, {}};  // of the last one: its own action alone asks
};

}  // namespace extfarm::freshness
