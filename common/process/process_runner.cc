// Starts processes with fork and exec, waits by pidfd.  Not Boost.Process: its
// 1.74 leaves a zombie for each failed launch and its pipes leak into children
// (doc/decisions.md); what it would add here is one call.
#include "common/process/process_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include "common/base/check.h"
#include "common/process/process_tree.h"

namespace extfarm {
namespace {

using Clock = std::chrono::steady_clock;

// How soon killed orphans are looked at again, until all are reaped.
constexpr Duration kReapEvery = std::chrono::milliseconds(20);

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

struct Pipe {
  int read_end = -1, write_end = -1;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return true;
  }
  void close_both() {
    close_fd(read_end);
    close_fd(write_end);
  }
};

Duration duration_of(const timeval& t) {
  return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
}

// The pipes of one start.
struct Pipes {
  Pipe in, out, err, status;

  ~Pipes() {
    for (auto* pipe : {&in, &out, &err, &status}) pipe->close_both();
  }
  bool open(const ProcessRequest& request) {
    if (!status.open()) return false;
    if (!request.capture_output) return true;
    return out.open() && err.open() && (request.stdin_bytes.empty() || in.open());
  }
  ChildEnds child_ends() const { return {in.read_end, out.write_end, err.write_end, status.write_end}; }
};

// 0: the command runs, or has run.  nullopt: not known yet, of a pipe that does not block.
std::optional<int> read_status(int status) {
  int error = 0;
  ssize_t n = 0;
  do n = ::read(status, &error, sizeof error);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return std::nullopt;
  return n == sizeof error ? error : 0;
}

std::string launch_failure(const ProcessRequest& request) { return "cannot start " + request.program + " in " + request.cwd + ": "; }

// A child of vfork has the caller's memory instead of a copy, until it is
// another program: of a large process the copy would cost more than the start.
Result<Spawned> spawn_here(const ProcessRequest& request, const ChildEnds& ends) {
  const Launch launch(request);
  const pid_t pid = request.before_exec ? ::fork() : ::vfork();
  if (pid < 0)
    return failure(ErrorCode::kIo, "cannot start " + request.program + ": fork: " + std::strerror(errno));
  if (pid == 0) launch.become(ends);
  return Spawned{pid};
}

}  // namespace

struct ProcessRunner::Impl {
  struct Child {
    pid_t pid = -1;
    int pidfd = -1, status = -1, in = -1, out = -1, err = -1, verdict = -1;
    bool own_group = true, reaped = false;
    std::string to_write, launch_failure;
    std::uint64_t output_limit = 0;
    Clock::time_point started;
    std::optional<Clock::time_point> kill_at;
    ProcessExit exit;

    std::array<int, 6> descriptors() const { return {pidfd, status, in, out, err, verdict}; }
  };
  int epoll = -1;
  std::uint64_t next_id = 1;
  std::map<ProcessId, Child> children;
  std::vector<pid_t> orphan_groups, orphans;  // killed; ours to reap once their parents are gone

  void watch(int fd, std::uint32_t events, ProcessId id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id.value;
    FARM_CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  void signal_child(const Child& child, int signal) const {
    ::kill(child.own_group ? -child.pid : child.pid, signal);
  }
  void kill_tree(const Child& child);
  void reap_orphans();
  void note_launch(Child& child);
  void read_pipe(Child& child, int& fd, std::string& into);
  void write_pipe(Child& child);
  void reap(Child& child);
  bool service(Child& child);
};

// The group, and the descendants that left it (setsid): those are found only
// while their parents live.
void ProcessRunner::Impl::kill_tree(const Child& child) {
  if (child.own_group && !child.reaped) {
    for (const pid_t pid : descendants_of(child.pid)) {
      if (::kill(pid, SIGKILL) == 0) orphans.push_back(pid);
    }
  }
  signal_child(child, SIGKILL);
}

// Only what is known to come from our own children: a status that belongs to
// another runner of this process, or to whoever forked, is not taken.
void ProcessRunner::Impl::reap_orphans() {
  const auto none_left = [](pid_t target) {
    pid_t reaped = 0;
    while ((reaped = ::waitpid(target, nullptr, WNOHANG)) > 0) {
    }
    return reaped < 0;
  };
  std::erase_if(orphan_groups, [&](pid_t group) { return none_left(-group); });
  std::erase_if(orphans, [&](pid_t pid) { return none_left(pid) && ::kill(pid, 0) != 0; });
  // Those that left their group long before and end by themselves: nothing of
  // ours but them has another session.
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (::getsid(info.si_pid) == ::getsid(0)) return;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

void ProcessRunner::Impl::note_launch(Child& child) {
  const auto error = child.status < 0 ? std::nullopt : read_status(child.status);
  if (!error) return;
  if (*error != 0) child.exit.launch_error = child.launch_failure + std::strerror(*error);
  close_fd(child.status);
}

// Takes what is there; closes at the end of the stream.
void ProcessRunner::Impl::read_pipe(Child& child, int& fd, std::string& into) {
  std::array<char, 64 << 10> buffer;
  while (fd >= 0) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return close_fd(fd);
    if (child.exit.stdout_bytes.size() + child.exit.stderr_bytes.size() + static_cast<std::size_t>(n) >
        child.output_limit) {
      child.exit.output_limit_exceeded = true;
      kill_tree(child);
      return close_fd(fd);
    }
    into.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

void ProcessRunner::Impl::write_pipe(Child& child) {
  while (child.in >= 0 && !child.to_write.empty()) {
    const ssize_t n = ::write(child.in, child.to_write.data(), child.to_write.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) break;  // EPIPE: it does not want the rest
    child.to_write.erase(0, static_cast<std::size_t>(n));
  }
  close_fd(child.in);
}

void ProcessRunner::Impl::reap(Child& child) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(child.pid);
  if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) return;
  // What it left behind in its group must not outlive it, nor hold its pipes
  // open.  Before it is reaped: until then no other group can have its number.
  if (child.own_group) {
    ::kill(-child.pid, SIGKILL);
    orphan_groups.push_back(child.pid);
  }
  int status = 0;
  rusage usage{};
  if (::wait4(child.pid, &status, WNOHANG, &usage) != child.pid) status = SIGKILL;  // its status is lost
  if (child.verdict >= 0) {  // of a keeper that could not speak, its own end tells
    int told = 0;
    if (::read(child.verdict, &told, sizeof told) == sizeof told) status = told;
    close_fd(child.verdict);
  }
  child.reaped = true;
  child.exit.run_time = std::chrono::duration_cast<Duration>(Clock::now() - child.started);
  child.exit.cpu_time = duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
  child.exit.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
  if (WIFSIGNALED(status))
    child.exit.signal = WTERMSIG(status);
  else
    child.exit.exit_code = WEXITSTATUS(status);
  close_fd(child.pidfd);
}

// True when the child has ended and all its output is here.
bool ProcessRunner::Impl::service(Child& child) {
  note_launch(child);
  write_pipe(child);
  read_pipe(child, child.out, child.exit.stdout_bytes);
  read_pipe(child, child.err, child.exit.stderr_bytes);
  if (!child.reaped) reap(child);
  if (!child.reaped) return false;
  note_launch(child);
  close_fd(child.status);
  read_pipe(child, child.out, child.exit.stdout_bytes);
  read_pipe(child, child.err, child.exit.stderr_bytes);
  close_fd(child.in);
  close_fd(child.out);
  close_fd(child.err);
  return true;
}

ProcessRunner::ProcessRunner() : impl_(std::make_unique<Impl>()) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // grandchildren of a killed compile come to us, and are reaped
  ::signal(SIGPIPE, SIG_IGN);
  impl_->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  FARM_CHECK(impl_->epoll >= 0);
}

ProcessRunner::~ProcessRunner() {
  for (auto& [id, child] : impl_->children) {
    impl_->kill_tree(child);
    if (child.own_group) impl_->orphan_groups.push_back(child.pid);
    if (!child.reaped) impl_->orphans.push_back(child.pid);
    for (const int fd : child.descriptors()) {
      if (fd >= 0) ::close(fd);
    }
  }
  const auto give_up_at = Clock::now() + std::chrono::seconds(1);  // one may hang in a dead mount
  for (impl_->reap_orphans(); Clock::now() < give_up_at; impl_->reap_orphans()) {
    if (impl_->orphan_groups.empty() && impl_->orphans.empty()) break;
    ::poll(nullptr, 0, 1);
  }
  ::close(impl_->epoll);
}

Result<ProcessId> ProcessRunner::start(const ProcessRequest& request, const Spawn& spawn) {
  Pipes pipes;
  if (!pipes.open(request)) {
    return failure(ErrorCode::kIo, "cannot start " + request.program + ": no pipe: " + std::strerror(errno));
  }
  const auto started = Clock::now();
  const auto spawned = (spawn ? spawn : spawn_here)(request, pipes.child_ends());
  if (!spawned) return tl::unexpected(spawned.error());
  const pid_t pid = spawned->pid;
  if (request.own_group) ::setpgid(pid, pid);
  close_fd(pipes.status.write_end);
  const int error = request.waits_for_launch ? read_status(pipes.status.read_end).value_or(0) : 0;
  if (error != 0) {
    ::waitpid(pid, nullptr, 0);
    if (spawned->verdict >= 0) ::close(spawned->verdict);
    return failure(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, launch_failure(request) + std::strerror(error));
  }
  const ProcessId id{impl_->next_id++};
  auto& child = impl_->children[id];
  child.pid = pid;
  child.verdict = spawned->verdict;
  child.own_group = request.own_group;
  child.output_limit = request.output_limit_bytes;
  child.started = started;
  child.exit.id = id;
  child.to_write = request.stdin_bytes;
  if (!request.waits_for_launch) {
    child.status = std::exchange(pipes.status.read_end, -1);
    child.launch_failure = launch_failure(request);
  }
  child.pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  FARM_CHECK(child.pidfd >= 0);
  ::fcntl(child.pidfd, F_SETFD, FD_CLOEXEC);
  impl_->watch(child.pidfd, EPOLLIN, id);
  child.in = std::exchange(pipes.in.write_end, -1);
  child.out = std::exchange(pipes.out.read_end, -1);
  child.err = std::exchange(pipes.err.read_end, -1);
  for (int fd : {child.status, child.in, child.out, child.err}) {
    if (fd < 0) continue;
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    impl_->watch(
        fd, fd == child.in ? static_cast<std::uint32_t>(EPOLLOUT) : static_cast<std::uint32_t>(EPOLLIN), id);
  }
  return id;
}

void ProcessRunner::stop(ProcessId id, Duration grace) {
  const auto it = impl_->children.find(id);
  if (it == impl_->children.end() || it->second.reaped || it->second.kill_at) return;
  if (grace.count() > 0)
    impl_->signal_child(it->second, SIGTERM);
  else
    impl_->kill_tree(it->second);
  it->second.kill_at = Clock::now() + grace;
}

int ProcessRunner::fd() const { return impl_->epoll; }

std::vector<ProcessExit> ProcessRunner::take_exits() {
  std::vector<ProcessExit> exits;
  for (auto it = impl_->children.begin(); it != impl_->children.end();) {
    auto& child = it->second;
    if (child.kill_at && Clock::now() >= *child.kill_at) impl_->kill_tree(child);
    if (!impl_->service(child)) {
      ++it;
      continue;
    }
    exits.push_back(std::move(child.exit));
    it = impl_->children.erase(it);
  }
  impl_->reap_orphans();
  return exits;
}

std::optional<Duration> ProcessRunner::next_deadline_in() const {
  std::optional<Duration> next;
  if (!impl_->orphan_groups.empty() || !impl_->orphans.empty()) next = kReapEvery;
  for (const auto& [id, child] : impl_->children) {
    if (!child.kill_at) continue;
    const auto left = std::max<Duration>(std::chrono::duration_cast<Duration>(*child.kill_at - Clock::now()),
                                         std::chrono::milliseconds(10));
    if (!next || left < *next) next = left;
  }
  return next;
}

std::size_t ProcessRunner::running_count() const { return impl_->children.size(); }

std::size_t ProcessRunner::descriptor_count() const {
  std::size_t count = 0;
  for (const auto& [id, child] : impl_->children) {
    const auto all = child.descriptors();
    count += static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](int fd) { return fd >= 0; }));
  }
  return count;
}

std::optional<int> ProcessRunner::pid(ProcessId id) const {
  const auto it = impl_->children.find(id);
  if (it == impl_->children.end() || it->second.reaped) return std::nullopt;
  return it->second.pid;
}

bool ProcessRunner::has_launched(ProcessId id) const {
  const auto it = impl_->children.find(id);
  return it == impl_->children.end() || it->second.status < 0;
}

Result<ProcessExit> ProcessRunner::run(const ProcessRequest& request, Duration timeout, const Spawn& spawn) {
  const auto id = start(request, spawn);
  if (!id) return tl::unexpected(id.error());
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    auto& child = impl_->children.at(*id);
    if (impl_->service(child)) {
      ProcessExit exit = std::move(child.exit);
      impl_->children.erase(*id);
      return exit;
    }
    if (Clock::now() >= deadline) impl_->kill_tree(child);
    // Not all of them: another one that has ended is ready until take_exits().
    pollfd of_child[] = {{child.pidfd, POLLIN, 0}, {child.in, POLLOUT, 0}, {child.out, POLLIN, 0}, {child.err, POLLIN, 0}};
    ::poll(of_child, std::size(of_child), 50);
  }
}

}  // namespace extfarm
