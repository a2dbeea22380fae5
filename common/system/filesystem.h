// The narrow interface to files, and its POSIX implementation.  Paths are
// bytes; every error names the path and what was attempted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"

namespace extfarm {

// What identifies a file's content without reading it.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size_bytes = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  std::uint32_t mode = 0;
  bool is_regular = false, is_folder = false, is_symlink = false;
  auto operator<=>(const FileStamp&) const = default;
};

// Whether the stamp is old enough that another write would change it: a file may
// be written again within one tick of its filesystem's clock and keep its stamp.
bool is_settled(const FileStamp&);

class Filesystem {
 public:
  virtual ~Filesystem() = default;
  // nullopt when there is no such file.  Follows symlinks.
  virtual std::optional<FileStamp> stat(const std::string& path) const = 0;
  virtual Result<std::string> read(const std::string& path) const = 0;
  // Of what read() would give.
  virtual Result<Digest> digest(const std::string& path) const;
  // Names in a folder, in no order; nullopt when it is none or cannot be read.
  virtual std::optional<std::vector<std::string>> list(const std::string& folder) const = 0;
  // Writes under a temporary name in the same folder, then renames; makes the
  // parent folders.  A reader sees the old file or the new one, never a part.
  virtual Result<void> write_atomically(const std::string& path, std::string_view bytes,
                                        std::uint32_t mode) = 0;
};

class PosixFilesystem : public Filesystem {
 public:
  std::optional<FileStamp> stat(const std::string& path) const override;
  Result<std::string> read(const std::string& path) const override;
  Result<Digest> digest(const std::string& path) const override;  // holds no more than a piece of it
  std::optional<std::vector<std::string>> list(const std::string& folder) const override;
  Result<void> write_atomically(const std::string& path, std::string_view bytes, std::uint32_t mode) override;
};

// Reads as many bytes as `into` has, from `offset_bytes` on.  Errors: kNotFound,
// kIo; also when the file ends before.
Result<void> read_part(const std::string& path, std::uint64_t offset_bytes, std::span<char> into);

// Writes `bytes` there, in a file that ends before them and is made (0644) when they are its first.  Errors: kIo.
Result<void> append_part(const std::string& path, std::uint64_t offset_bytes, std::string_view bytes);

// Whether `folder` lies on a filesystem that other hosts may write to; also when that cannot be told.
bool is_on_network(const std::string& folder);

// What an ordinary user may still write to the filesystem of `folder`; nullopt when there is no such folder.
std::optional<std::uint64_t> free_bytes(const std::string& folder);

// By how much the clock that stamps the files of `folder` is ahead of this host's
// (another host's, on a network filesystem); 0 when it is less than clocks that
// are kept right differ by.  Makes a file there for a moment.  Errors: kIo.
Result<std::int64_t> clock_skew_ns(const std::string& folder);

// Digests of files, read once for each (device, inode, size, mtime, ctime) as
// long as they are asked for now and then: many thousand files later what
// nobody has asked for again is forgotten.  Tells, too, whether a file became
// another one meanwhile: by its content, since on some network filesystems the
// inode's number changes without cause, and by no clock.  Not thread-safe.
class DigestCache {
 public:
  explicit DigestCache(const Filesystem& filesystem) : filesystem_(filesystem) {}
  // nullopt when the file does not exist or cannot be read.
  std::optional<Digest> digest(const std::string& path);
  // What an earlier run knew: `path` had this digest when it had this stamp.
  void remember(const std::string& path, const FileStamp& stamp, const Digest& digest);
  // Forgets what it knows of `path`, so that the next call reads it again.
  void forget(const std::string& path);

  // Until end_look() or the next begin_look() a file whose stamp is the known one
  // is asked for it once: for many questions about one moment, which is now.
  void begin_look() { look_ = ++last_look_; }
  void end_look() { look_ = kNoLook; }
  // As digest() saw it in this look; otherwise as it is now.  nullopt: there is no file.
  std::optional<FileStamp> stamp(const std::string& path);
  // This process wrote `path`: a look that goes on looks at it again.
  void was_written(const std::string& path);

  // A moment, for met_since().
  using Moment = std::uint64_t;
  Moment begin_moment() { return ++moment_; }
  // When digest() first met the content that it saw last.
  enum class Met { kBefore, kNewFile, kNewContent };
  // kNewContent: since the moment, and before that other content was known.
  // kNewFile: since the moment, and before that nothing was.
  Met met_since(const std::string& path, Moment) const;

 private:
  using Look = std::uint64_t;
  static constexpr Look kNoLook = 0;
  struct Entry {
    FileStamp stamp;
    Digest digest;
    Moment met = 0;
    bool was_other = false;
    bool is_settled = true;
    Look look = kNoLook;  // in which it was looked at
  };
  using Entries = std::unordered_map<std::string, Entry>;
  static constexpr std::size_t kMostRecent = 16384;  // two times 3.5 MB; a large compile reads a few thousand files
  Entry* find(const std::string& path);
  bool is_seen(const Entry& entry) const { return look_ != kNoLook && entry.look == look_; }
  void keep(const std::string& path, const Entry&);

  const Filesystem& filesystem_;
  Entries recent_, older_;
  Moment moment_ = 0;
  Look look_ = kNoLook, last_look_ = kNoLook;
};

}  // namespace extfarm
