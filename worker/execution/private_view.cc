#include "worker/execution/private_view.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "worker/execution/confinement.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

bool lies_below(const std::string& path, const std::string& folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::vector<std::string> outermost(std::vector<std::string> roots) {
  std::sort(roots.begin(), roots.end());
  std::vector<std::string> out;
  for (const auto& root : roots) {
    if (out.empty() || !lies_below(root, out.back())) out.push_back(root);
  }
  return out;
}

// Overlay options escape ',' ':' and '\'.
std::string escaped(const std::string& path) {
  std::string out;
  for (char c : path) {
    if (c == ',' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// An overlay shows one filesystem: what is mounted below its root would look empty.
Result<void> check_one_filesystem(const std::string& root, const std::vector<std::string>& points) {
  for (const auto& point : points) {
    if (point != root && lies_below(point, root))
      return failure(ErrorCode::kRefused, "another filesystem is mounted at " + point + " inside the folder " + root +
                                              ", and a private view would hide it; build below or beside it");
  }
  return {};
}

// The folders from `root` down to `folder`, made in the upper layer with the
// modes they have below, so that nothing has to be copied up whose owner is
// not mapped here.
void premake(const ViewRoot& view, const std::string& folder) {
  std::string relative = folder.substr(view.root == "/" ? 0 : view.root.size());
  std::size_t at = 0;
  while (at < relative.size()) {
    const auto end = std::min(relative.find('/', at + 1), relative.size());
    const std::string lower = view.root + relative.substr(0, end),
                      upper = view.upper + relative.substr(0, end);
    struct stat st {};
    if (::lstat(lower.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return;
    ::mkdir(upper.c_str(), 0700);
    ::chmod(upper.c_str(), st.st_mode & 0777);
    at = end;
  }
}

// Returns errno.  "volatile": what is written need not survive a crash of the machine, so the end of an
// attempt does not wait for the disk.  Kernels before 5.10 do not know the word.
int mount_overlay(const std::string& root, const std::string& options) {
  if (::mount("extfarm", root.c_str(), "overlay", 0, (options + ",volatile").c_str()) == 0) return 0;
  if (errno != EINVAL || ::mount("extfarm", root.c_str(), "overlay", 0, options.c_str()) != 0) return errno;
  return 0;
}

}  // namespace

Result<PrivateView> PrivateView::prepare(const std::vector<std::string>& roots, const std::string& scratch,
                                         const std::vector<std::string>& written_folders, MountTable& mounts) {
  PrivateView view;
  view.plan_.scratch = scratch;
  const char* as_user = ::geteuid() != 0 ? ",userxattr" : "";
  for (const auto& root : outermost(roots)) {
    if (lies_below(scratch, root)) {
      return failure(ErrorCode::kRefused, "the worker's scratch folder lies in the project's folder " + root +
                                              "; start the worker with --scratch elsewhere");
    }
    struct stat st {};
    if (::stat(root.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
      return failure(
          ErrorCode::kRefused,
          "the folder " + root + " is not there on this worker; is the shared filesystem mounted?");
    }
    if (auto one = check_one_filesystem(root, mounts.points()); !one) return tl::unexpected(one.error());
    const std::string number = std::to_string(view.roots_.size());
    ViewRoot made{root, scratch + "/upper" + number, scratch + "/work" + number};
    if (::mkdir(made.upper.c_str(), 0700) != 0 || ::mkdir(made.work.c_str(), 0700) != 0) {
      return failure(ErrorCode::kIo, "cannot make " + made.upper + ": " + std::strerror(errno));
    }
    ::chmod(made.upper.c_str(), st.st_mode & 0777);
    for (const auto& folder : written_folders) {
      if (lies_below(folder, root)) premake(made, folder);
    }
    view.plan_.overlays.emplace_back(root, "lowerdir=" + escaped(root) + ",upperdir=" + escaped(made.upper) +
                                               ",workdir=" + escaped(made.work) + as_user);
    view.roots_.push_back(std::move(made));
  }
  return view;
}

std::optional<std::string> PrivateView::place_of(const std::string& path) const {
  for (const auto& view : roots_) {
    if (path.starts_with(view.root + "/")) return view.upper + path.substr(view.root.size());
  }
  return std::nullopt;
}

int enter_view(const ViewPlan& plan, const std::vector<std::string>& hidden_files) {
  const bool as_root = ::geteuid() == 0;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  for (const auto& [root, options] : plan.overlays) {
    if (const int error = mount_overlay(root, options); error != 0) return error;
  }
  const char* scratch = plan.scratch.c_str();
  if (::mount(scratch, scratch, nullptr, MS_BIND, nullptr) != 0) return errno;
  for (const auto& file : hidden_files) {
    if (::mount("/dev/null", file.c_str(), nullptr, MS_BIND, nullptr) != 0 && errno != ENOENT && errno != ENOTDIR) return errno;
  }
  if (as_root) {
    if (const int error = keep_harmless_devices(); error != 0) return error;
  }
  if (const int error = close_all_mounts(as_root); error != 0) return error;
  // Writable again: the views and the scratch folder.
  mount_attr writable{};
  writable.attr_clr = MOUNT_ATTR_RDONLY;
  for (const auto& [root, options] : plan.overlays) {
    if (::syscall(SYS_mount_setattr, AT_FDCWD, root.c_str(), 0, &writable, sizeof writable) != 0) return errno;
  }
  if (::syscall(SYS_mount_setattr, AT_FDCWD, scratch, 0, &writable, sizeof writable) != 0) return errno;
  return give_up_powers();
}

}  // namespace extfarm
