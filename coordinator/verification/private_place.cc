#include "coordinator/verification/private_place.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace extfarm::verification {
namespace {

int write_file(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
  ::close(fd);
  return error;
}

}  // namespace

PrivatePlace::PrivatePlace(std::vector<std::pair<std::string, std::string>> places) : places_(std::move(places)) {
  const auto uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  uid_map_ = uid + " " + uid + " 1";
  gid_map_ = gid + " " + gid + " 1";
}

int PrivatePlace::enter() const {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
    if (const int error = write_file("/proc/self/setgroups", "deny"); error != 0) return error;
    if (const int error = write_file("/proc/self/uid_map", uid_map_); error != 0) return error;
    if (const int error = write_file("/proc/self/gid_map", gid_map_); error != 0) return error;
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  for (const auto& [path, shown] : places_) {
    if (::mount(shown.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) return errno;
  }
  return 0;
}

Result<void> PrivatePlace::probe() {
  const PrivatePlace place({});
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(place.enter());
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return failure(ErrorCode::kUnavailable,
                 std::string("this machine refuses a private mount namespace (") +
                     std::strerror(pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EIO) +
                     "), in which the plain build would leave your files alone; allow user namespaces "
                     "(sysctl kernel.unprivileged_userns_clone=1), or run it where they are allowed");
}

}  // namespace extfarm::verification
