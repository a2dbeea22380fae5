// Which bytes a file had, as small numbers: a version is a path with a digest.
// Whether a version still lies at its path is answered once a look for each
// file, by its stamp, and by reading it only when the stamp is another.
// Knows nothing of actions.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/string_table.h"
#include "common/system/filesystem.h"

namespace extfarm::freshness {

using VersionId = std::uint32_t;  // from 1; stays the same from build to build

// A digest of zeros: there was no file.
struct FileVersion {
  VersionId id = 0;
  std::string path;
  Digest digest;
  FileStamp stamp;  // when the file had this digest; all zero: not to be trusted
};

class FileVersions {
 public:
  enum class State : std::uint8_t { kUnknown, kSame, kChanged, kGone, kAppeared };

  FileVersions(const Filesystem& filesystem, DigestCache& digests) : filesystem_(filesystem), digests_(digests) {}

  // What an earlier build has kept.
  void restore(FileVersion);
  // The version of `path` with `digest`, new or known.
  VersionId intern(const std::string& path, const Digest& digest);
  bool knows(VersionId id) const { return id < versions_.size() && versions_[id].path != kNoPath; }
  std::string_view path(VersionId id) const { return names_[versions_[id].path]; }
  const Digest& digest(VersionId id) const { return versions_[id].digest; }
  std::optional<std::uint32_t> known_index(std::string_view path) const { return names_.find(path); }
  // When the file had this digest: zeros are not to be trusted; nullopt: there was no file.
  std::optional<FileStamp> stamp(VersionId id) const {
    return versions_[id].digest.is_zero() ? std::nullopt : std::optional(versions_[id].stamp);
  }
  std::uint32_t path_index(VersionId id) const { return versions_[id].path; }
  State state(VersionId);
  // DigestCache::stamp()
  std::optional<FileStamp> stamp_now(const std::string& path) { return digests_.stamp(path); }
  // What lies at `path` now; zeros: nothing, or no file.
  Digest digest_now(const std::string& path);
  // From now on every file is looked at again: others may have written.
  void look_again() { ++look_; }
  // This file was written.
  void forget(const std::string& path);
  // Versions that are new, or whose stamp is, since the last call.
  std::vector<FileVersion> take_unsaved();

 private:
  static constexpr std::uint32_t kNoPath = 0xffffffff;
  // Kept small: there may be hundreds of thousands.
  struct Version {
    std::uint32_t path = kNoPath;
    VersionId older = 0;             // of the same path
    Digest digest;
    FileStamp stamp;
    State state = State::kUnknown;   // as of `look`
    std::uint32_t look = 0;
    bool is_unsaved = false;
  };
  std::uint32_t index_of(std::string_view path);
  void add_version(VersionId, std::uint32_t path, const Digest&, const FileStamp&, bool is_unsaved);
  State judge(VersionId);
  std::optional<Digest> digest_at(std::uint32_t path, const FileStamp&);
  void note_stamp(VersionId, const FileStamp&);

  const Filesystem& filesystem_;
  DigestCache& digests_;
  StringTable names_;              // of paths
  std::deque<VersionId> newest_;   // by path
  std::deque<Version> versions_;
  std::vector<VersionId> unsaved_;
  std::uint32_t look_ = 1;
};

}  // namespace extfarm::freshness
