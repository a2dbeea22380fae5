#include "common/system/filesystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "common/base/descriptor.h"
#include "common/system/clock.h"
#include "common/system/file_digest.h"

namespace extfarm {
namespace {

Error io_error(const std::string& attempted, const std::string& path) {
  return {errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
          "cannot " + attempted + " " + path + ": " + std::strerror(errno)};
}

std::int64_t nanoseconds(const timespec& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; }

dev_t root_device() {
  struct stat st {};
  return ::stat("/", &st) == 0 ? st.st_dev : 0;
}

// Files that the kernel makes up as they are read: without end, or never.
bool is_on_kernel_filesystem(dev_t device) {
  static const std::vector<dev_t> devices = [] {
    std::vector<dev_t> out;
    for (const char* folder : {"/proc", "/sys", "/sys/kernel/debug", "/sys/kernel/tracing"}) {
      struct stat st {};
      if (::stat(folder, &st) == 0 && st.st_dev != root_device()) out.push_back(st.st_dev);
    }
    return out;
  }();
  return std::find(devices.begin(), devices.end(), device) != devices.end();
}

// take_size(bytes), of a regular file, then take(piece) for each piece.
template <typename TakeSize, typename Take>
Result<void> read_pieces(const std::string& path, TakeSize take_size, Take take) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(io_error("open", path));
  struct stat st {};
  if (::fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode)) take_size(static_cast<std::size_t>(st.st_size));
  char buffer[64 << 10];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(io_error("read", path));
    if (n == 0) return {};
    take(std::string_view(buffer, static_cast<std::size_t>(n)));
  }
}

}  // namespace

std::optional<FileStamp> PosixFilesystem::stat(const std::string& path) const {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  FileStamp out;
  out.device = st.st_dev;
  out.inode = st.st_ino;
  out.size_bytes = static_cast<std::uint64_t>(st.st_size);
  out.mtime_ns = nanoseconds(st.st_mtim);
  out.ctime_ns = nanoseconds(st.st_ctim);
  out.mode = st.st_mode & 07777;
  out.is_regular = S_ISREG(st.st_mode) && !is_on_kernel_filesystem(st.st_dev);
  out.is_folder = S_ISDIR(st.st_mode);
  return out;
}

Result<std::string> PosixFilesystem::read(const std::string& path) const {
  std::string out;
  auto done = read_pieces(path, [&](std::size_t size_bytes) { out.reserve(size_bytes); },
                          [&](std::string_view piece) { out.append(piece); });
  if (!done) return tl::unexpected(done.error());
  return out;
}

Result<FileDigest> digest_of_file(const std::string& path) {
  Hasher hasher;
  FileDigest out;
  const auto done = read_pieces(path, [](std::size_t) {}, [&](std::string_view piece) {
    hasher.add(piece);
    out.size_bytes += piece.size();
  });
  if (!done) return tl::unexpected(done.error());
  out.digest = hasher.finish();
  return out;
}

Result<Digest> Filesystem::digest(const std::string& path) const {
  const auto content = read(path);
  if (!content) return tl::unexpected(content.error());
  return digest_of(*content);
}

Result<Digest> PosixFilesystem::digest(const std::string& path) const {
  const auto read = digest_of_file(path);
  if (!read) return tl::unexpected(read.error());
  return read->digest;
}

std::optional<std::vector<std::string>> PosixFilesystem::list(const std::string& folder) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (!entries) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = (errno = 0, ::readdir(entries.get()))) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return std::nullopt;
  return names;
}

Result<void> PosixFilesystem::write_atomically(const std::string& path, std::string_view bytes,
                                               std::uint32_t mode) {
  static std::atomic<unsigned> counter{0};
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const std::string temporary = path + ".extfarm-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected(io_error("create", temporary));
  bool ok = write_all(fd, bytes) && ::fchmod(fd, mode) == 0;
  ok = ::close(fd) == 0 && ok;
  if (!ok || ::rename(temporary.c_str(), path.c_str()) != 0) {
    auto error = io_error("write", path);
    ::unlink(temporary.c_str());
    return tl::unexpected(error);
  }
  return {};
}

Result<void> read_part(const std::string& path, std::uint64_t offset_bytes, std::span<char> into) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(io_error("open", path));
  for (std::size_t done = 0; done < into.size();) {
    const ssize_t n = ::pread(file.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset_bytes + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(io_error("read", path));
    if (n == 0) return failure(ErrorCode::kIo, "cannot read " + path + ": it ends before byte " + std::to_string(offset_bytes + into.size()));
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<void> append_part(const std::string& path, std::uint64_t offset_bytes, std::string_view bytes) {
  const int first = offset_bytes == 0 ? O_CREAT | O_TRUNC : 0;
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | first, 0600));
  if (file.get() < 0) return tl::unexpected(io_error("open", path));
  const bool is_placed = ::lseek(file.get(), static_cast<off_t>(offset_bytes), SEEK_SET) >= 0;
  if (!is_placed || !write_all(file.get(), bytes) || ::fchmod(file.get(), 0644) != 0 || !file.close())
    return tl::unexpected(io_error("write", path));
  return {};
}

bool is_settled(const FileStamp& stamp) {
  constexpr std::int64_t kTickNs = 50'000'000;           // kernels tick every 4 to 10 ms
  constexpr std::int64_t kCoarseTickNs = 2'000'000'000;  // where stamps have whole seconds only
  const auto newest = std::max(stamp.mtime_ns, stamp.ctime_ns);
  return realtime_ns() - newest > (newest % 1'000'000'000 == 0 ? kCoarseTickNs : kTickNs);
}

bool is_on_network(const std::string& folder) {
  struct statfs found {};
  if (::statfs(folder.empty() ? "." : folder.c_str(), &found) != 0) return true;
  constexpr long kFuse = 0x65735546, kCifs = static_cast<long>(0xFF534D42), kLustre = 0x0BD00BD0,
                 kCeph = 0x00C36400, kBeegfs = 0x19830326, kAfs = 0x5346414F;
  for (const long type : {static_cast<long>(NFS_SUPER_MAGIC), kFuse, kCifs, kLustre, kCeph, kBeegfs, kAfs}) {
    if (static_cast<std::uint32_t>(found.f_type) == static_cast<std::uint32_t>(type)) return true;
  }
  return false;
}

std::optional<std::uint64_t> free_bytes(const std::string& folder) {
  struct statvfs found {};
  if (::statvfs(folder.c_str(), &found) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

Result<std::int64_t> clock_skew_ns(const std::string& folder) {
  constexpr std::int64_t kClocksKeptRight = 500'000'000;
  std::string path = folder + "/.extfarm-clock-XXXXXX";
  const std::int64_t before = realtime_ns();
  const int fd = ::mkstemp(path.data());
  struct stat st {};
  const bool is_made = fd >= 0 && ::fstat(fd, &st) == 0;
  const int error = errno;
  if (fd >= 0) {
    ::close(fd);
    ::unlink(path.c_str());
  }
  if (!is_made) return failure(ErrorCode::kIo, "cannot make a file in " + folder + ": " + std::strerror(error));
  const std::int64_t skew = nanoseconds(st.st_mtim) - before;
  return std::abs(skew) < kClocksKeptRight ? 0 : skew;
}

std::optional<Digest> DigestCache::digest(const std::string& path) {
  auto* known = find(path);
  if (known != nullptr && is_seen(*known)) return known->digest;
  const auto stamp = filesystem_.stat(path);
  if (!stamp || !stamp->is_regular) return std::nullopt;
  if (known != nullptr && known->is_settled && known->stamp == *stamp) {
    known->look = look_;
    return known->digest;
  }
  const auto read = filesystem_.digest(path);
  if (!read) return std::nullopt;
  // The look has not seen it: on a network filesystem reading may bring a newer stamp than the one before.
  Entry entry{*stamp, *read, moment_, known != nullptr, is_settled(*stamp), kNoLook};
  if (known != nullptr && known->digest == entry.digest) {
    entry.met = known->met;
    entry.was_other = known->was_other;
  }
  keep(path, entry);
  return entry.digest;
}

void DigestCache::remember(const std::string& path, const FileStamp& stamp, const Digest& digest) {
  keep(path, {stamp, digest, moment_});
}

void DigestCache::keep(const std::string& path, const Entry& entry) {
  if (recent_.size() >= kMostRecent && !recent_.contains(path)) older_ = std::exchange(recent_, {});
  recent_[path] = entry;
}

DigestCache::Met DigestCache::met_since(const std::string& path, Moment moment) const {
  auto it = recent_.find(path);
  if (it == recent_.end() && (it = older_.find(path)) == older_.end()) return Met::kNewFile;
  if (it->second.met < moment) return Met::kBefore;
  return it->second.was_other ? Met::kNewContent : Met::kNewFile;
}

// What is asked for stays.
DigestCache::Entry* DigestCache::find(const std::string& path) {
  if (const auto it = recent_.find(path); it != recent_.end()) return &it->second;
  const auto it = older_.find(path);
  if (it == older_.end()) return nullptr;
  const Entry entry = it->second;
  keep(path, entry);
  return &recent_.find(path)->second;
}

std::optional<FileStamp> DigestCache::stamp(const std::string& path) {
  const auto known = recent_.find(path);
  if (known != recent_.end() && is_seen(known->second)) return known->second.stamp;
  return filesystem_.stat(path);
}

void DigestCache::was_written(const std::string& path) {
  for (auto* entries : {&recent_, &older_}) {
    if (const auto known = entries->find(path); known != entries->end()) known->second.look = kNoLook;
  }
}

void DigestCache::forget(const std::string& path) {
  recent_.erase(path);
  older_.erase(path);
}

}  // namespace extfarm
