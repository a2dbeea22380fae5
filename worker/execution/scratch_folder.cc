#include "worker/execution/scratch_folder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "common/system/filesystem.h"
#include "worker/execution/output_collection.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockEnding = ".lock";

// The descriptor that holds the lock; -1: another holds it, or there is none.
int take_lock(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd < 0 || ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  ::close(fd);
  return -1;
}

void remove_abandoned(const std::string& parent) {
  std::vector<std::string> locks;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(parent, failed)) {
    if (entry.path().string().ends_with(kLockEnding)) locks.push_back(entry.path().string());
  }
  for (const auto& path : locks) {
    const int lock = take_lock(path, 0);
    if (lock < 0) continue;
    remove_tree(path.substr(0, path.size() - kLockEnding.size()));
    ::unlink(path.c_str());
    ::close(lock);
  }
}

constexpr const char* kInMemory = "/dev/shm";
constexpr std::uint64_t kBytesPerSlot = 1ull << 30;
constexpr std::uint64_t kLeastBytes = 1 << 20;

// For other users than root the views keep their marks in user attributes,
// which tmpfs has since Linux 6.6.
bool takes_marks(const std::string& folder) {
  if (::geteuid() == 0) return true;
  std::string name = folder + "/extfarm-XXXXXX";
  const int fd = ::mkstemp(name.data());
  if (fd < 0) return false;
  const bool taken = ::fsetxattr(fd, "user.extfarm", "1", 1, 0) == 0;
  ::unlink(name.c_str());
  ::close(fd);
  return taken;
}

bool is_fit(const char* folder, unsigned slots) {
  struct statfs kind {};
  struct statvfs space {};
  if (::statfs(folder, &kind) != 0 || ::statvfs(folder, &space) != 0) return false;
  return kind.f_type == TMPFS_MAGIC && (space.f_flag & (ST_NOEXEC | ST_RDONLY)) == 0 &&
         std::uint64_t{space.f_bavail} * space.f_frsize >= slots * kBytesPerSlot && takes_marks(folder);
}

}  // namespace

std::string default_scratch(unsigned slots) {
  return (is_fit(kInMemory, slots) ? std::string(kInMemory) : "/var/tmp") + "/extfarm-" + std::to_string(::getuid());
}

ScratchFolder::ScratchFolder(std::string path) : path_(std::move(path)) {
  std::error_code failed;
  fs::create_directories(path_, failed);
  ::chmod(path_.c_str(), 0700);
  lock_ = take_lock(path_ + std::string(kLockEnding), O_CREAT);
  remove_abandoned(fs::path(path_).parent_path().string());
}

ScratchFolder::~ScratchFolder() {
  remove_tree(path_);
  if (lock_ < 0) return;
  ::unlink((path_ + std::string(kLockEnding)).c_str());
  ::close(lock_);
}

bool ScratchFolder::is_full() const {
  return free_bytes(path_).value_or(kLeastBytes) < kLeastBytes;
}

}  // namespace extfarm
