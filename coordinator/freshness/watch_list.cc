#include "coordinator/freshness/watch_list.h"

#include <algorithm>
#include <thread>

#include "coordinator/freshness/recorded.h"

namespace extfarm::freshness {
namespace {

void put_optional(ByteWriter& out, const std::optional<FileStamp>& stamp) {
  out.number(stamp.has_value());
  if (stamp) put(out, *stamp);
}

std::optional<FileStamp> optional_stamp_from(ByteReader& in) {
  if (in.number() == 0) return std::nullopt;
  return stamp_from(in);
}

constexpr std::size_t kMostThreads = 8, kFilesWorthAThread = 2000;
constexpr WatchList::Number kNoNumber = 0xffffffff;
constexpr std::size_t kSmallestFile = 2, kSmallestFolder = 18;  // bytes of one in a list

}  // namespace

WatchList::Number WatchList::add_file(std::string_view path, const std::optional<FileStamp>& stamp) {
  const auto [number, is_new] = paths_.add(path);
  if (is_new) stamps_.push_back(stamp);
  return number;
}

WatchList::Number WatchList::add_version(std::uint32_t id, std::string_view path,
                                         const std::optional<FileStamp>& stamp) {
  if (by_id_.size() <= id) by_id_.resize(id + 1, kNoNumber);
  return by_id_[id] = add_file(path, stamp);
}

std::optional<WatchList::Number> WatchList::number_of(std::uint32_t id) const {
  if (id >= by_id_.size() || by_id_[id] == kNoNumber) return std::nullopt;
  return by_id_[id];
}

void WatchList::add_folder(const std::string& path, const std::optional<FileStamp>& stamp, const Digest& names) {
  folders_.push_back({path, stamp, names});
}

Digest WatchList::digest_of_names(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  Hasher hasher;
  for (const auto& name : names) hasher.add_field(name);
  return hasher.finish();
}

WatchList::Changes WatchList::look(const Filesystem& filesystem) const {
  Changes out;
  out.files.resize(paths_.size());
  const auto look_at = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto now = filesystem.stat(std::string(paths_[static_cast<Number>(i)]));
      const auto& then = stamps_[i];
      out.files[i] = now != then || (then && *then == FileStamp{});
    }
  };
  // On a network each stat is a round trip: several at once.
  std::vector<std::thread> threads;
  const std::size_t parts = std::min(kMostThreads, stamps_.size() / kFilesWorthAThread + 1);
  for (std::size_t part = 1; part < parts; ++part)
    threads.emplace_back(look_at, stamps_.size() * part / parts, stamps_.size() * (part + 1) / parts);
  look_at(0, stamps_.size() / parts);
  for (auto& thread : threads) thread.join();
  out.has_changed_files = std::find(out.files.begin(), out.files.end(), true) != out.files.end();
  for (const auto& folder : folders_) {
    const auto now = filesystem.stat(folder.path);
    if (folder.stamp && now == folder.stamp) continue;
    if (digest_of_names(filesystem.list(folder.path).value_or(std::vector<std::string>{})) != folder.names)
      out.has_changed_folders = true;
  }
  return out;
}

void WatchList::put_into(ByteWriter& out, const std::function<void()>& after_each) const {
  out.number(paths_.size());
  for (Number i = 0; i < paths_.size(); ++i) {
    out.text(paths_[i]);
    put_optional(out, stamps_[i]);
    after_each();
  }
  out.number(folders_.size());
  for (const auto& folder : folders_) {
    out.text(folder.path);
    put_optional(out, folder.stamp);
    out.digest(folder.names);
  }
}

WatchList WatchList::from(ByteReader& in) {
  WatchList out;
  for (auto left = in.count(kSmallestFile); left > 0; --left) {
    const auto path = in.text();
    out.add_file(path, optional_stamp_from(in));
  }
  out.folders_.resize(in.count(kSmallestFolder));
  for (auto& folder : out.folders_) {
    folder.path = in.text();
    folder.stamp = optional_stamp_from(in);
    folder.names = in.digest();
  }
  return out;
}

}  // namespace extfarm::freshness
