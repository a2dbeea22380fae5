// Files below one folder that other processes, users and hosts read, write and
// remove at the same time, without locks: a file appears whole, by rename, and
// may be gone at any moment.  Knows nothing of what the files hold.
//
// Rights: if the folder is setgid or writable for its group, whatever is made
// below it also gets the group's rights on the folder (files: without x); for
// everybody else, and in any other folder, the umask alone decides.  Files of
// a shared folder are thus writable for the group: without that, another
// user's use could not be recorded, and could replace the file anyway.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace extfarm::store {

// Names are relative to the folder ("objects/ab/abcd").
class SharedFolder {
 public:
  // Makes the folder and `parts` in it.  Errors: kIo, when that fails or this
  // user may not write in one of them.
  static Result<SharedFolder> open(const std::string& path, const std::vector<std::string>& parts);

  const std::string& path() const { return path_; }

  // Errors: kNotFound; kMalformed, for more than `largest_bytes` or no regular
  // file; kIo, when that cannot be told now.
  Result<std::string> read(const std::string& name, std::uint64_t largest_bytes) const;

  // At the end of a file, made if it is not there, in one write.  Errors: kIo.
  Result<void> append(const std::string& name, std::string_view bytes) const;

  // A file that is gone already counts as removed.  Errors: kIo.
  Result<void> remove(const std::string& name) const;

  // Sets the file's mtime to now if it is older than `age`, so that not every
  // use costs a write; failing that is harmless.  False when there is no such file.
  bool note_use(const std::string& name, std::chrono::seconds age) const;

  struct Found {
    std::string name;
    std::uint64_t size_bytes = 0;
    std::int64_t mtime_ns = 0;  // since 1970
  };
  // Calls `each` for the regular files in `part`, `depth` folders down.  What
  // vanishes meanwhile is left out.  Errors: kIo, when a folder cannot be listed.
  Result<void> list(const std::string& part, int depth, const std::function<void(const Found&)>& each) const;

  static std::int64_t age_seconds(std::int64_t mtime_ns);

 private:
  friend class Staging;
  SharedFolder(std::string path, mode_t group_rights) : path_(std::move(path)), group_rights_(group_rights) {}
  Result<void> make_folders(const std::string& name) const;
  std::string full(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  mode_t group_rights_ = 0;  // what is added to the umask's choice
};

// Files under temporary names in the folder's part "tmp", which vanish unless they are published.
class Staging {
 public:
  explicit Staging(const SharedFolder& folder) : folder_(folder) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Errors: kIo.
  Result<void> add(const std::string& name, std::string_view bytes);
  // Gives the files their names, in the order in which they were added; each
  // replaces what has its name.  Errors: kIo; the files before stay, whole.
  Result<void> publish();

 private:
  struct Staged {
    std::string temporary, name;
  };
  const SharedFolder& folder_;
  std::vector<Staged> files_;
};

}  // namespace extfarm::store
