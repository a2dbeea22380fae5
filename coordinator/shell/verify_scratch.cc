#include "coordinator/shell/verify_scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/digest.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

// Also what has lost its write permission.
void remove_tree(const std::string& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (!failed) return;
  for (fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, failed), end;
       !failed && it != end; it.increment(failed)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) ::chmod(it->path().c_str(), 0700);
  }
  fs::remove_all(path, failed);
}

}  // namespace

Result<std::unique_ptr<VerifyScratch>> VerifyScratch::open(const std::string& parent, const std::string& tree) {
  std::unique_ptr<VerifyScratch> scratch(new VerifyScratch);
  scratch->path_ = parent + "/extfarm-verify-" + to_hex(digest_of(std::to_string(::geteuid()) + tree)).substr(0, 16);
  const std::string& path = scratch->path_;
  for (;;) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return failure(ErrorCode::kIo, "cannot make " + path + ": " + std::strerror(errno) + "; name another with --scratch");
    scratch->lock_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat held {}, named {};
    if (scratch->lock_ < 0 || ::fstat(scratch->lock_, &held) != 0 || held.st_uid != ::geteuid()) {
      scratch->keep();
      return failure(ErrorCode::kRefused, path + " is not a folder of yours; name another place with --scratch");
    }
    if (::flock(scratch->lock_, LOCK_EX | LOCK_NB) != 0) {
      scratch->keep();
      return failure(ErrorCode::kRefused, "another verification of " + tree + " runs, in " + path + "; wait for it");
    }
    // An earlier holder may have removed it between our open and our lock.
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == held.st_ino && named.st_dev == held.st_dev) break;
    ::close(scratch->lock_);
  }
  ::chmod(path.c_str(), 0700);
  for (const auto& entry : fs::directory_iterator(path)) remove_tree(entry.path().string());
  return scratch;
}

VerifyScratch::~VerifyScratch() {
  if (!is_kept_) remove_tree(path_);
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace extfarm
