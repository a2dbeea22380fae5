#include "coordinator/store/shared_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "common/base/descriptor.h"

namespace extfarm::store {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

tl::unexpected<Error> io_failure(const std::string& attempted, const std::string& path) {
  return failure(ErrorCode::kIo, "cannot " + attempted + " " + path + ": " + std::strerror(errno) +
                                     "; make room or rights there, or choose another folder for the store");
}

// False, with errno, when not everything could be read.
bool read_all(int fd, std::string& out) {
  std::size_t length = 0;
  while (length < out.size()) {
    const ssize_t n = ::read(fd, out.data() + length, out.size() - length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    length += static_cast<std::size_t>(n);
  }
  out.resize(length);
  return true;
}

std::string host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  std::string out = name;
  for (char& c : out) c = c == '/' ? '_' : c;
  return out;
}

// Unlike any other process's on any host; O_EXCL settles what is alike nevertheless.
std::string temporary_name() {
  static std::atomic<unsigned> counter{0};
  static const std::string host = host_name();
  return "tmp/" + host + "-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

void add_rights(const std::string& path, mode_t rights) {
  struct stat st {};
  if (rights == 0 || ::stat(path.c_str(), &st) != 0 || (st.st_mode & rights) == rights) return;
  static_cast<void>(::chmod(path.c_str(), (st.st_mode & 07777) | rights));  // another user's: its own affair
}

}  // namespace

Result<SharedFolder> SharedFolder::open(const std::string& path, const std::vector<std::string>& parts) {
  SharedFolder out(path, 0);
  if (auto made = out.make_folders({}); !made) return tl::unexpected(made.error());
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return io_failure("look at", path);
  if ((st.st_mode & (S_ISGID | S_IWGRP)) != 0) out.group_rights_ = st.st_mode & S_IRWXG;
  for (const auto& part : parts) {
    if (auto made = out.make_folders(part); !made) return tl::unexpected(made.error());
    if (::faccessat(AT_FDCWD, out.full(part).c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0)
      return io_failure("write in", out.full(part));
  }
  return out;
}

// The folder `name` and those above it.
Result<void> SharedFolder::make_folders(const std::string& name) const {
  const std::string path = name.empty() ? path_ : full(name);
  int first_errno = 0;
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string folder = path.substr(0, at);
    if (::mkdir(folder.c_str(), 0777) != 0) {
      if (errno != EEXIST && first_errno == 0) first_errno = errno;
    } else if (folder.size() > path_.size()) {
      add_rights(folder, group_rights_);
    }
  }
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
  errno = first_errno != 0 ? first_errno : ENOTDIR;
  return io_failure("make the folder", path);
}

Result<std::string> SharedFolder::read(const std::string& name, std::uint64_t largest_bytes) const {
  const std::string path = full(name);
  // NFS says ESTALE for a file that was replaced between two calls; once more finds the new one.
  for (int attempt = 0;; ++attempt) {
    // A pipe or a symlink that somebody put there must neither block nor lead away.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat st {};
    if (file.get() >= 0 && ::fstat(file.get(), &st) == 0) {
      if (!S_ISREG(st.st_mode)) return failure(ErrorCode::kMalformed, path + " is no regular file");
      if (static_cast<std::uint64_t>(st.st_size) > largest_bytes)
        return failure(ErrorCode::kMalformed, path + " is larger than it should be");
      std::string bytes(static_cast<std::size_t>(st.st_size), '\0');
      if (read_all(file.get(), bytes)) return bytes;
    }
    if (errno == ESTALE && attempt == 0) continue;
    if (errno == ENOENT) return failure(ErrorCode::kNotFound, "there is no " + path);
    if (errno == ELOOP) return failure(ErrorCode::kMalformed, path + " is no regular file");
    return io_failure("read", path);
  }
}

Result<void> SharedFolder::append(const std::string& name, std::string_view bytes) const {
  const std::string path = full(name);
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (file.get() < 0 || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return io_failure("write", path);
  add_rights(path, group_rights_ & ~static_cast<mode_t>(S_IXUSR | S_IXGRP | S_IXOTH));
  return {};
}

Result<void> SharedFolder::remove(const std::string& name) const {
  if (::unlink(full(name).c_str()) == 0 || errno == ENOENT || errno == ESTALE) return {};
  return io_failure("remove", full(name));
}

bool SharedFolder::note_use(const std::string& name, std::chrono::seconds age) const {
  const std::string path = full(name);
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return false;
  // "Now" without a number: a file server then takes its own clock, for all hosts the same.
  if (age_seconds(st.st_mtim.tv_sec * kNanosecondsPerSecond) > age.count())
    static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW));
  return true;
}

Result<void> SharedFolder::list(const std::string& part, int depth, const std::function<void(const Found&)>& each) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(full(part).c_str()), &::closedir);
  if (stream == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ESTALE) return {};
    return io_failure("list", full(part));
  }
  while (const dirent* entry = ::readdir(stream.get())) {
    if (entry->d_name[0] == '.') continue;  // also what NFS calls a removed file that is still open
    const std::string name = part + "/" + entry->d_name;
    if (depth > 0) {
      if (auto below = list(name, depth - 1, each); !below) return below;
      continue;
    }
    struct stat st {};
    if (::fstatat(::dirfd(stream.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(st.st_mode)) continue;
    each({name, static_cast<std::uint64_t>(st.st_size), st.st_mtim.tv_sec * kNanosecondsPerSecond + st.st_mtim.tv_nsec});
  }
  return {};
}

std::int64_t SharedFolder::age_seconds(std::int64_t mtime_ns) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count() - mtime_ns / kNanosecondsPerSecond;
}

Staging::~Staging() {
  for (const auto& file : files_) static_cast<void>(folder_.remove(file.temporary));
}

Result<void> Staging::add(const std::string& name, std::string_view bytes) {
  std::string temporary;
  int fd = -1;
  bool was_made = false;
  while (fd < 0) {
    temporary = temporary_name();
    fd = ::open(folder_.full(temporary).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno == EEXIST) continue;
    if (errno != ENOENT || was_made) return io_failure("create", folder_.full(temporary));
    if (auto made = folder_.make_folders("tmp"); !made) return made;  // somebody emptied the store
    was_made = true;
  }
  files_.push_back({temporary, name});
  Descriptor file(fd);
  if (!write_all(fd, bytes)) return io_failure("write", folder_.full(temporary));
  add_rights(folder_.full(temporary), folder_.group_rights_ & (S_IRGRP | S_IWGRP));
  if (!file.close()) return io_failure("write", folder_.full(temporary));
  return {};
}

Result<void> Staging::publish() {
  while (!files_.empty()) {
    const auto& file = files_.front();
    const std::string from = folder_.full(file.temporary), to = folder_.full(file.name);
    if (::rename(from.c_str(), to.c_str()) != 0) {
      if (errno != ENOENT) return io_failure("write", to);
      if (auto made = folder_.make_folders(file.name.substr(0, file.name.rfind('/'))); !made) return made;
      if (::rename(from.c_str(), to.c_str()) != 0) return io_failure("write", to);
    }
    files_.erase(files_.begin());
  }
  return {};
}

}  // namespace extfarm::store
