// Files and folders that verdicts of "up to date" rest upon, as they were when
// those were found: while none of them has changed, neither has a verdict.
// Costs one stat each, and knows nothing of actions.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/byte_codec.h"
#include "common/base/string_table.h"
#include "common/system/filesystem.h"

namespace extfarm::freshness {

class WatchList {
 public:
  using Number = std::uint32_t;  // of a file in the list

  // Each path once; the first stamp stays.  nullopt: nothing is there.  A stamp
  // of zeros is not to be trusted: the file always counts as changed.
  Number add_file(std::string_view path, const std::optional<FileStamp>&);
  // The same, found again by a number of the caller's own, which is quicker than by its path.
  Number add_version(std::uint32_t id, std::string_view path, const std::optional<FileStamp>&);
  std::optional<Number> number_of(std::uint32_t id) const;
  // A folder by the names in it.  No stamp: it is listed each time.
  void add_folder(const std::string& path, const std::optional<FileStamp>&, const Digest& names);
  static Digest digest_of_names(std::vector<std::string> names);

  struct Changes {
    std::vector<char> files;  // by number: whether it has changed
    bool has_changed_files = false;
    bool has_changed_folders = false;  // one has other names in it
  };
  Changes look(const Filesystem&) const;  // asks `filesystem` from several threads

  // `after_each`: called after each file, for who takes the bytes out in pieces.
  void put_into(ByteWriter&, const std::function<void()>& after_each = [] {}) const;
  static WatchList from(ByteReader&);

 private:
  struct Folder {
    std::string path;
    std::optional<FileStamp> stamp;
    Digest names;
  };
  StringTable paths_;
  std::deque<std::optional<FileStamp>> stamps_;  // of each path
  std::vector<Folder> folders_;
  std::vector<Number> by_id_;
};

}  // namespace extfarm::freshness
