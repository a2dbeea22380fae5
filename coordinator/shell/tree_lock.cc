// Where only this host can write, the kernel's flock: it ends with the process,
// however it ends.  On a network flock may hang or be a lie, so there the lock is
// a file made with O_EXCL, whose holder touches it; one that nobody has touched
// for a minute, by the file server's own clock, is a dead build's.
#include "coordinator/shell/tree_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/system/clock.h"
#include "common/system/filesystem.h"
#include "coordinator/shell/options.h"

namespace extfarm {
namespace {

constexpr std::int64_t kTouchEveryNs = 5'000'000'000;
constexpr int kDeadAfterSeconds = 60;

std::string own_name() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::strftime(text, sizeof text, "%H:%M:%S", &local);
  return "pid " + std::to_string(::getpid()) + " on " + host_name() + ", since " + text;
}

std::string holder_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "which has not said its name yet";
}

// When a process started, in the kernel's ticks: with its pid that names it for good.
std::string start_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return {};
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  for (int i = 0; i < 20; ++i) fields >> field;
  return field;
}

// The command of a build whose coordinator was killed, while it still runs.
void wait_for_orphan(const std::string& path, const std::function<void(const std::string&)>& say) {
  std::ifstream file(path);
  std::string line, word, start;
  int pid = 0;
  if (!std::getline(file, line) || !(file >> word >> pid >> start)) return;
  for (bool has_said = false; !start.empty() && start_of(pid) == start; ::usleep(100'000)) {
    if (!has_said)
      say("another build runs in this tree: the command of a killed one goes on (pid " + std::to_string(pid) +
          "); waiting for it to end");
    has_said = true;
  }
}

std::string waiting_for(const std::string& path) {
  return "another build runs in this tree (" + holder_of(path) + "); waiting for it to end";
}

void write_name(int fd) {
  const std::string name = own_name() + "\n";
  if (::ftruncate(fd, 0) == 0) [[maybe_unused]] const auto n = ::pwrite(fd, name.data(), name.size(), 0);
}

// Seconds since the last touch, by the clock that stamps files there; nullopt when the file is gone.
std::optional<std::int64_t> age_of(const std::string& path) {
  const std::string probe = path + ".now-" + host_name() + "-" + std::to_string(::getpid());
  const int fd = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  struct stat now {}, then {};
  const bool known = fd >= 0 && ::fstat(fd, &now) == 0;
  if (fd >= 0) ::close(fd);
  ::unlink(probe.c_str());
  if (::stat(path.c_str(), &then) != 0) return std::nullopt;
  return known ? now.st_mtim.tv_sec - then.st_mtim.tv_sec : 0;
}

}  // namespace

TreeLock::TreeLock(const std::string& folder, const std::function<void(const std::string&)>& say)
    : path_(folder + "/lock") {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (is_on_network(folder))
    take_on_network(say);
  else
    take_here(say);
}

void TreeLock::take_here(const std::function<void(const std::string&)>& say) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) return;
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return;
    say(waiting_for(path_));
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  wait_for_orphan(path_, say);
  write_name(fd_);
}

void TreeLock::name_command(int pid) {
  if (fd_ < 0) return;
  const std::string text = own_name() + "\ncommand " + std::to_string(pid) + " " + start_of(pid) + "\n";
  if (::ftruncate(fd_, 0) == 0) [[maybe_unused]] const auto n = ::pwrite(fd_, text.data(), text.size(), 0);
}

void TreeLock::take_on_network(const std::function<void(const std::string&)>& say) {
  for (bool has_said = false;;) {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) {
      write_name(fd);
      ::close(fd);
      is_ours_ = true;
      touched_ns_ = realtime_ns();
      return;
    }
    if (errno != EEXIST) return;
    const auto age = age_of(path_);
    if (age && *age > kDeadAfterSeconds) {
      // Whoever renames it first clears it; a second one finds nothing to rename.
      const std::string dead = path_ + ".dead-" + host_name() + "-" + std::to_string(::getpid());
      if (::rename(path_.c_str(), dead.c_str()) == 0) ::unlink(dead.c_str());
      continue;
    }
    if (!has_said) say(waiting_for(path_));
    has_said = true;
    ::usleep(200'000);
  }
}

void TreeLock::touch() {
  if (!is_ours_ || realtime_ns() - touched_ns_ < kTouchEveryNs) return;
  touched_ns_ = realtime_ns();
  ::utimensat(AT_FDCWD, path_.c_str(), nullptr, 0);
}

TreeLock::~TreeLock() {
  if (fd_ >= 0) {
    [[maybe_unused]] const int emptied = ::ftruncate(fd_, 0);
    ::close(fd_);
  }
  if (is_ours_) ::unlink(path_.c_str());
}

}  // namespace extfarm
