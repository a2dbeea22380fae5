#include "coordinator/freshness/file_versions.h"

#include <utility>

namespace extfarm::freshness {
std::uint32_t FileVersions::index_of(std::string_view path) {
  const auto [index, is_new] = names_.add(path);
  if (is_new) newest_.push_back(0);
  return index;
}

void FileVersions::restore(FileVersion kept) {
  if (versions_.size() <= kept.id) versions_.resize(kept.id + 1);
  add_version(kept.id, index_of(kept.path), kept.digest, kept.stamp, false);
}

void FileVersions::add_version(VersionId id, std::uint32_t path, const Digest& digest, const FileStamp& stamp,
                               bool is_unsaved) {
  const VersionId older = std::exchange(newest_[path], id);
  versions_[id] = {path, older, digest, stamp, State::kUnknown, 0, is_unsaved};
}

VersionId FileVersions::intern(const std::string& path, const Digest& digest) {
  const auto index = index_of(path);
  for (VersionId id = newest_[index]; id != 0; id = versions_[id].older) {
    if (versions_[id].digest == digest) return id;
  }
  if (versions_.empty()) versions_.emplace_back();  // 0 is no version
  const auto id = static_cast<VersionId>(versions_.size());
  versions_.emplace_back();
  add_version(id, index, digest, {}, true);
  unsaved_.push_back(id);
  return id;
}

// Of the file at this path, which has this stamp.
std::optional<Digest> FileVersions::digest_at(std::uint32_t path, const FileStamp& stamp) {
  const std::string name(names_[path]);
  for (VersionId id = newest_[path]; id != 0; id = versions_[id].older) {
    if (versions_[id].stamp == stamp) {
      digests_.remember(name, stamp, versions_[id].digest);
      return versions_[id].digest;
    }
  }
  return digests_.digest(name);
}

Digest FileVersions::digest_now(const std::string& path) {
  for (VersionId id = newest_[index_of(path)]; id != 0; id = versions_[id].older) {
    if (state(id) == State::kSame) return versions_[id].digest;
  }
  return digests_.digest(path).value_or(Digest{});
}

void FileVersions::note_stamp(VersionId id, const FileStamp& stamp) {
  Version& version = versions_[id];
  if (version.stamp == stamp || !is_settled(stamp)) return;
  version.stamp = stamp;
  if (!version.is_unsaved) unsaved_.push_back(id);
  version.is_unsaved = true;
}

FileVersions::State FileVersions::state(VersionId id) {
  Version& version = versions_[id];
  if (version.look == look_ && version.state != State::kUnknown) return version.state;
  version.look = look_;
  return version.state = judge(id);
}

FileVersions::State FileVersions::judge(VersionId id) {
  const auto path = versions_[id].path;
  const auto stamp = filesystem_.stat(std::string(names_[path]));
  if (versions_[id].digest.is_zero()) return stamp ? State::kAppeared : State::kSame;
  if (!stamp) return State::kGone;
  const auto now = digest_at(path, *stamp);
  if (!now || *now != versions_[id].digest) return State::kChanged;  // no digest: no regular file any more
  note_stamp(id, *stamp);
  return State::kSame;
}

void FileVersions::forget(const std::string& path) {
  digests_.was_written(path);
  const auto index = names_.find(path);
  if (!index) return;
  for (VersionId id = newest_[*index]; id != 0; id = versions_[id].older) versions_[id].state = State::kUnknown;
}

std::vector<FileVersion> FileVersions::take_unsaved() {
  std::vector<FileVersion> out;
  for (const VersionId id : std::exchange(unsaved_, {})) {
    Version& version = versions_[id];
    version.is_unsaved = false;
    out.push_back({id, std::string(names_[version.path]), version.digest, version.stamp});
  }
  return out;
}

}  // namespace extfarm::freshness
