#include "coordinator/verification/tree_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "common/base/descriptor.h"

namespace extfarm::verification {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopiedAtOnceBytes = 1 << 20;  // large enough that the system calls do not count

tl::unexpected<Error> io_failure(const std::string& what, const std::string& path) {
  return failure(ErrorCode::kIo, "cannot " + what + " " + path + ": " + std::strerror(errno));
}

Result<void> copy_bytes(const std::string& from, const std::string& to) {
  const Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (source.get() < 0) return io_failure("read", from);
  const Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (target.get() < 0) return io_failure("write", to);
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return {};
  const auto buffer = std::make_unique<char[]>(kCopiedAtOnceBytes);
  for (;;) {
    const auto got = ::read(source.get(), buffer.get(), kCopiedAtOnceBytes);
    if (got == 0) return {};
    if (got < 0) return io_failure("read", from);
    for (ssize_t done = 0; done < got;) {
      const auto put = ::write(target.get(), buffer.get() + done, static_cast<std::size_t>(got - done));
      if (put < 0) return io_failure("write", to);
      done += put;
    }
  }
}

// Owner, mode and times, in an order in which none undoes another.
Result<void> copy_attributes(const struct stat& st, const std::string& to) {
  [[maybe_unused]] const int owned = ::lchown(to.c_str(), st.st_uid, st.st_gid);
  if (!S_ISLNK(st.st_mode) && ::chmod(to.c_str(), st.st_mode & 07777) != 0) return io_failure("set the mode of", to);
  const timespec times[] = {st.st_atim, st.st_mtim};
  if (::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return io_failure("set the times of", to);
  return {};
}

Result<std::vector<std::string>> names_in(const std::string& folder, const std::set<std::string>& left_out) {
  std::error_code failed;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    std::string name = it->path().filename().string();
    if (!left_out.contains(name)) names.push_back(std::move(name));
  }
  if (failed) return failure(ErrorCode::kIo, "cannot list " + folder + ": " + failed.message());
  return names;
}

Result<void> copy_entry(const std::string& from, const std::string& to, const std::set<std::string>& left_out) {
  struct stat st {};
  if (::lstat(from.c_str(), &st) != 0) return io_failure("look at", from);
  if (S_ISDIR(st.st_mode)) {
    if (::mkdir(to.c_str(), 0700) != 0) return io_failure("make", to);
    const auto names = names_in(from, left_out);
    if (!names) return tl::unexpected(names.error());
    for (const auto& name : *names) {
      if (auto copied = copy_entry(from + "/" + name, to + "/" + name, {}); !copied) return copied;
    }
  } else if (S_ISLNK(st.st_mode)) {
    std::error_code failed;
    fs::create_symlink(fs::read_symlink(from, failed), to, failed);
    if (failed) return failure(ErrorCode::kIo, "cannot copy the link " + from + ": " + failed.message());
  } else if (S_ISREG(st.st_mode)) {
    if (auto copied = copy_bytes(from, to); !copied) return copied;
  } else {
    return {};
  }
  return copy_attributes(st, to);
}

Result<void> list_below(const std::string& folder, const std::string& prefix, const std::set<std::string>& left_out,
                        Listing& out) {
  const auto names = names_in(folder, left_out);
  if (!names) return tl::unexpected(names.error());
  for (const auto& name : *names) {
    const std::string path = folder + "/" + name;
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return io_failure("look at", path);
    Entry entry;
    entry.mode = st.st_mode & 07777;
    entry.mtime_ns = st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
    if (S_ISDIR(st.st_mode)) {
      entry.kind = Kind::kFolder;
      if (auto below = list_below(path, prefix + name + "/", {}, out); !below) return below;
    } else if (S_ISLNK(st.st_mode)) {
      std::error_code failed;
      entry.kind = Kind::kLink;
      entry.mode = 0;
      entry.target = fs::read_symlink(path, failed).string();
    } else if (S_ISREG(st.st_mode)) {
      entry.kind = Kind::kFile;
      entry.size_bytes = static_cast<std::uint64_t>(st.st_size);
    } else {
      continue;
    }
    out.emplace(prefix + name, std::move(entry));
  }
  return {};
}

Result<bool> same_bytes(const std::string& a, const std::string& b) {
  const Descriptor first(::open(a.c_str(), O_RDONLY | O_CLOEXEC)), second(::open(b.c_str(), O_RDONLY | O_CLOEXEC));
  if (first.get() < 0) return io_failure("read", a);
  if (second.get() < 0) return io_failure("read", b);
  const auto left = std::make_unique<char[]>(kCopiedAtOnceBytes), right = std::make_unique<char[]>(kCopiedAtOnceBytes);
  for (off_t at = 0;;) {
    const auto got = ::pread(first.get(), left.get(), kCopiedAtOnceBytes, at);
    if (got < 0) return io_failure("read", a);
    const auto other = ::pread(second.get(), right.get(), kCopiedAtOnceBytes, at);
    if (other < 0) return io_failure("read", b);
    if (got != other || std::memcmp(left.get(), right.get(), static_cast<std::size_t>(got)) != 0) return false;
    if (got == 0) return true;
    at += got;
  }
}

Result<bool> alike(const Entry& plain, const std::string& plain_path, const Entry& farmed,
                   const std::string& farmed_path) {
  if (plain.kind != farmed.kind || plain.mode != farmed.mode || plain.size_bytes != farmed.size_bytes ||
      plain.target != farmed.target)
    return false;
  return plain.kind == Kind::kFile ? same_bytes(plain_path, farmed_path) : true;
}

bool has_entry_below(const Listing& listing, const std::string& folder) {
  const auto next = listing.lower_bound(folder + "/");
  return next != listing.end() && next->first.starts_with(folder + "/");
}

}  // namespace

Result<void> copy_tree(const std::string& from, const std::string& to, const std::set<std::string>& left_out) {
  return copy_entry(from, to, left_out);
}

Result<Listing> list_tree(const std::string& top, const std::set<std::string>& left_out) {
  Listing out;
  if (auto listed = list_below(top, "", left_out, out); !listed) return tl::unexpected(listed.error());
  return out;
}

std::set<std::string> written_between(const Listing& before, const Listing& after) {
  std::set<std::string> written;
  for (const auto& [path, entry] : after) {
    if (entry.kind == Kind::kFolder) continue;
    const auto old = before.find(path);
    if (old == before.end() || old->second.kind != entry.kind || old->second.size_bytes != entry.size_bytes ||
        old->second.mtime_ns != entry.mtime_ns || old->second.mode != entry.mode || old->second.target != entry.target)
      written.insert(path);
  }
  return written;
}

Result<std::vector<Difference>> differences_between(const std::string& plain_top, const Listing& plain,
                                                    const std::string& farmed_top, const Listing& farmed) {
  std::set<std::string> paths;
  for (const auto* listing : {&plain, &farmed}) {
    for (const auto& [path, entry] : *listing) paths.insert(path);
  }
  std::vector<Difference> out;
  for (const auto& path : paths) {
    const auto left = plain.find(path), right = farmed.find(path);
    const Entry a = left != plain.end() ? left->second : Entry{}, b = right != farmed.end() ? right->second : Entry{};
    const bool is_told_below = (a.kind == Kind::kFolder || b.kind == Kind::kFolder) && a.kind != b.kind &&
                               has_entry_below(a.kind == Kind::kFolder ? plain : farmed, path);
    if (is_told_below) continue;
    const auto same = alike(a, plain_top + "/" + path, b, farmed_top + "/" + path);
    if (!same) return tl::unexpected(same.error());
    if (!*same) out.push_back({path, a, b});
  }
  return out;
}

}  // namespace extfarm::verification
