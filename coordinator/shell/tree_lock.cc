// Where only this host can write, the kernel's flock: it ends with the process,
// however it ends.  On a network flock may hang or be a lie, so there the lock is
// a file made with O_EXCL, whose holder touches it.  It is a dead build's when the
// process that it names has ended on this host, or when nobody has touched it for
// a minute, by the file server's own clock.
#include "coordinator/shell/tree_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
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

// Where pids mean the same processes: one boot of one machine, and one namespace of it.
std::string own_pids() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(file, boot);
  std::error_code failed;
  return boot + "/" + std::filesystem::read_symlink("/proc/self/ns/pid", failed).string();
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

// One line each: the name, "pids <where they count>", "build <pid> <start>", "command <pid> <start>".
std::string text_of_lock(std::optional<int> command) {
  const auto process = [](const char* what, int pid) {
    return std::string(what) + " " + std::to_string(pid) + " " + start_of(pid) + "\n";
  };
  return own_name() + "\npids " + own_pids() + "\n" + process("build", ::getpid()) +
         (command ? process("command", *command) : "");
}

struct Process {
  int pid = 0;
  std::string start;
  bool is_running() const { return !start.empty() && start_of(pid) == start; }
};

struct Holder {
  std::string name = "which has not said its name yet";
  bool is_of_this_host = false;  // only then do the pids tell us anything
  Process build, command;
};

Holder holder_of(const std::string& path) {
  Holder out;
  std::ifstream file(path);
  std::string line, word, pids;
  if (!std::getline(file, line)) return out;
  out.name = line;
  if (file >> word >> pids) out.is_of_this_host = pids == own_pids();
  for (Process process; file >> word >> process.pid >> process.start;)
    (word == "build" ? out.build : out.command) = process;
  return out;
}

// The command of a build whose coordinator was killed, while it still runs.
void wait_for_orphan(const std::string& path, const std::function<void(const std::string&)>& say) {
  const auto holder = holder_of(path);
  if (!holder.is_of_this_host || !holder.command.is_running()) return;
  say("another build runs in this tree: the command of a killed one goes on (pid " +
      std::to_string(holder.command.pid) + "); waiting for it to end");
  while (holder.command.is_running()) ::usleep(100'000);
}

std::string waiting_for(const std::string& path) {
  return "another build runs in this tree (" + holder_of(path).name + "); waiting for it to end";
}

// False when it could not be written: then nobody can be told who holds the tree.
bool write_all(int fd, const std::string& text) {
  return ::ftruncate(fd, 0) == 0 && ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
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

bool is_old(const std::string& path) { return age_of(path).value_or(0) > kDeadAfterSeconds; }

bool is_dead(const std::string& path) {
  const auto holder = holder_of(path);
  const bool has_ended = holder.is_of_this_host && holder.build.pid != 0 && !holder.build.is_running();
  return has_ended || is_old(path);
}

// Removes the lock of a dead build.  Of several that try at once only one does; the others are told to wait.
bool clear_dead(const std::string& path) {
  const std::string claim = path + ".clearing";
  const int fd = ::open(claim.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    if (is_old(claim)) ::unlink(claim.c_str());  // who wanted to clear it died as well
    return false;
  }
  ::close(fd);
  if (is_dead(path)) ::unlink(path.c_str());  // asked again: another may hold it by now
  ::unlink(claim.c_str());
  return true;
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
  write_text(fd_, text_of_lock(std::nullopt));
}

void TreeLock::write_text(int fd, const std::string& text) {
  text_ = text;
  if (!write_all(fd, text)) [[maybe_unused]] const int emptied = ::ftruncate(fd, 0);
}

void TreeLock::name_command(int pid) {
  if (fd_ >= 0) return write_text(fd_, text_of_lock(pid));
  if (!is_ours_) return;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  write_text(fd, text_of_lock(pid));
  ::close(fd);
}

// False, with errno, when it could not be made.
bool TreeLock::make_file() {
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  write_text(fd, text_of_lock(std::nullopt));
  ::close(fd);
  is_ours_ = true;
  touched_ns_ = realtime_ns();
  return true;
}

Result<std::unique_ptr<TreeLock>> TreeLock::try_take(const std::string& folder) {
  std::unique_ptr<TreeLock> lock(new TreeLock(folder + "/lock"));
  for (int tries = 0; tries < 2; ++tries) {
    if (lock->make_file()) return lock;
    if (errno != EEXIST)
      return failure(ErrorCode::kIo, "cannot write " + lock->path_ + ": " + std::strerror(errno));
    if (!is_dead(lock->path_) || !clear_dead(lock->path_)) break;
  }
  return failure(ErrorCode::kUnavailable, holder_of(lock->path_).name);
}

void TreeLock::take_on_network(const std::function<void(const std::string&)>& say) {
  for (bool has_said = false;;) {
    if (make_file() || errno != EEXIST) return;
    if (is_dead(path_)) {
      wait_for_orphan(path_, say);
      if (!clear_dead(path_)) ::usleep(200'000);
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
  if (!is_ours_) return;
  // Another build has it when this one was stopped for longer than a dead one is waited for.
  std::ifstream file(path_);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text == text_) ::unlink(path_.c_str());
}

}  // namespace extfarm
