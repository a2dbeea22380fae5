#include "worker/execution/fork_server.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/byte_codec.h"
#include "worker/execution/process_cage.h"
#include "worker/execution/system_calls.h"

namespace extfarm {
namespace {

constexpr Duration kLongestProbe = std::chrono::seconds(10);
constexpr std::size_t kEnds = 6;  // in, out, err, status, verdict, gate

// What is said of one command: the sizes first, with the descriptors.
struct Order {
  std::uint64_t size = 0;
  std::array<bool, kEnds> has{};
};
struct Reply {
  pid_t pid = -1;
  int error = 0;
};

// The same for all commands.
struct Confinement {
  const Limits& limits;
  const std::vector<std::string>& hidden_files;
};

// MSG_NOSIGNAL: a server that is gone is an error, no signal.
bool write_all(int socket, const void* bytes, std::size_t size) {
  auto at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = ::send(socket, at, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int socket, void* bytes, std::size_t size) {
  auto at = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t n = ::read(socket, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::string message_of(const ProcessRequest& request, const ViewPlan& view) {
  ByteWriter out;
  out.text(request.program);
  out.number(request.argv.size());
  for (const auto& word : request.argv) out.text(word);
  out.number(request.environment.size());
  for (const auto& [name, value] : request.environment) {
    out.text(name);
    out.text(value);
  }
  out.text(request.cwd);
  out.number(request.memory_limit_bytes);
  out.text(view.scratch);
  out.number(view.overlays.size());
  for (const auto& [root, options] : view.overlays) {
    out.text(root);
    out.text(options);
  }
  return out.take();
}

bool read_message(std::string_view bytes, ProcessRequest& request, ViewPlan& view) {
  ByteReader in(bytes);
  request.program = in.text();
  request.argv.resize(in.count(1));
  for (auto& word : request.argv) word = in.text();
  request.environment.resize(in.count(2));
  for (auto& [name, value] : request.environment) {
    name = in.text();
    value = in.text();
  }
  request.cwd = in.text();
  request.memory_limit_bytes = in.number();
  view.scratch = in.text();
  view.overlays.resize(in.count(2));
  for (auto& [root, options] : view.overlays) {
    root = in.text();
    options = in.text();
  }
  return in.is_done();
}

void wait_at(int gate) {
  char opened = 0;
  if (!read_all(gate, &opened, sizeof opened)) ::_exit(0);  // nobody wants it any more
  ::close(gate);
}

// The first process of the command's tree.
[[noreturn]] void become_tree(const std::string& bytes, const ChildEnds& ends, int verdict, int gate, const Confinement& confinement) {
  ProcessRequest request;
  ViewPlan view;
  if (!read_message(bytes, request, view)) give_up(ends.status, EBADMSG);
  request.own_group = false;  // the tree's
  ::setpgid(0, 0);
  if (const int error = enter_view(view, confinement.hidden_files); error != 0) give_up(ends.status, error);
  if (gate >= 0) wait_at(gate);
  const bool counts_processes = ::geteuid() != 0 && kernel_counts_by_namespace();
  // Last of all: what comes before takes memory and opens files.
  request.before_exec = [&confinement, counts_processes] {
    if (const int error = set_limits(confinement.limits, counts_processes); error != 0) return error;
    return forbid_system_calls(TraceRule::kOwnTreeOnly);
  };
  run_in_cage(Launch(request), ends, verdict);
}

bool receive(int socket, Order& order, std::array<int, kEnds>& ends) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof ends)];
  iovec part{&order, sizeof order};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = 0;
  do n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  while (n < 0 && errno == EINTR);
  if (n != sizeof order) return false;
  std::array<int, kEnds> sent{};
  if (const cmsghdr* rights = CMSG_FIRSTHDR(&message))
    std::memcpy(sent.data(), CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
  std::size_t next = 0;
  for (std::size_t i = 0; i < kEnds; ++i) ends[i] = order.has[i] ? sent[next++] : -1;
  return true;
}

[[noreturn]] void serve(int socket, const Confinement& confinement) {
  const unsigned long namespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID;
  for (;;) {
    Order order;
    std::array<int, kEnds> ends{};
    if (!receive(socket, order, ends)) ::_exit(0);
    std::string bytes(order.size, '\0');
    if (!read_all(socket, bytes.data(), bytes.size())) ::_exit(0);
    // Not this process's child but its parent's, which waits for it.
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone, namespaces | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
    if (pid == 0) {
      ::close(socket);
      become_tree(bytes, {ends[0], ends[1], ends[2], ends[3]}, ends[4], ends[5], confinement);
    }
    const Reply reply{pid, pid < 0 ? errno : 0};
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
    if (!write_all(socket, &reply, sizeof reply)) ::_exit(0);
  }
}

// What all commands share.  0 or errno.
int leave_network() {
  if (::geteuid() == 0) return ::unshare(CLONE_NEWNET) == 0 ? 0 : errno;
  const auto uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return errno;
  const auto write_file = [](const char* path, const std::string& text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    return ok;
  };
  const bool is_mapped = write_file("/proc/self/setgroups", "deny") &&
                         write_file("/proc/self/uid_map", uid + " " + uid + " 1") &&
                         write_file("/proc/self/gid_map", gid + " " + gid + " 1");
  return is_mapped ? 0 : errno;
}

[[noreturn]] void become_server(int socket, pid_t parent, const Confinement& confinement) {
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
  close_all_but(socket, 3);
  be_killed_first();
  const int error = leave_network();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a new user namespace clears it
  if (::getppid() != parent || !write_all(socket, &error, sizeof error) || error != 0) ::_exit(0);
  serve(socket, confinement);
}

}  // namespace

Result<std::unique_ptr<ForkServer>> ForkServer::start(const Limits& limits, std::vector<std::string> hidden_files) {
  std::unique_ptr<ForkServer> out(new ForkServer(limits, std::move(hidden_files)));
  if (auto begun = out->begin(); !begun) return tl::unexpected(begun.error());
  return out;
}

ForkServer::~ForkServer() { end(); }

Result<void> ForkServer::begin() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return failure(ErrorCode::kUnavailable, std::string("no socket for the fork server: ") + std::strerror(errno));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become_server(ends[1], parent, {limits_, hidden_files_});
  ::close(ends[1]);
  socket_ = ends[0];
  int error = EIO;
  if (pid_ > 0 && read_all(socket_, &error, sizeof error) && error == 0) return {};
  end();
  return failure(ErrorCode::kUnavailable, std::string("this machine refuses private views (") + std::strerror(error) +
                                              "); allow user namespaces and overlayfs in them");
}

void ForkServer::end() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  socket_ = pid_ = -1;
}

bool ForkServer::send(const std::string& bytes, const ChildEnds& ends, int verdict, int gate) {
  Order order;
  order.size = bytes.size();
  const std::array<int, kEnds> all = {ends.in, ends.out, ends.err, ends.status, verdict, gate};
  std::array<int, kEnds> sent{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < kEnds; ++i) {
    order.has[i] = all[i] >= 0;
    if (order.has[i]) sent[count++] = all[i];
  }
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof sent)]{};
  iovec part{&order, sizeof order};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(rights), sent.data(), count * sizeof(int));
  return ::sendmsg(socket_, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof order) &&
         write_all(socket_, bytes.data(), bytes.size());
}

Result<Spawned> ForkServer::spawn(const ProcessRequest& request, const ViewPlan& view, const ChildEnds& ends, int gate) {
  const auto bytes = message_of(request, view);
  int verdict[2];
  if (::pipe2(verdict, O_CLOEXEC | O_NONBLOCK) != 0)
    return failure(ErrorCode::kIo, "cannot start " + request.program + ": no pipe: " + std::strerror(errno));
  Reply reply;
  bool is_answered = false;
  std::string reason = "the process that starts commands was killed twice; is this machine short of memory?";
  for (int attempt = 0; attempt < 2 && !is_answered; ++attempt) {
    if (attempt > 0) {  // somebody has killed it
      end();
      if (auto begun = begin(); !begun) {
        reason = begun.error().message;
        break;
      }
    }
    is_answered = send(bytes, ends, verdict[1], gate) && read_all(socket_, &reply, sizeof reply);
  }
  ::close(verdict[1]);
  if (is_answered && reply.pid > 0) return Spawned{reply.pid, verdict[0]};
  ::close(verdict[0]);
  return failure(ErrorCode::kIo, "cannot start " + request.program + ": " +
                                     (is_answered ? std::strerror(reply.error) : reason));
}

Result<void> ForkServer::probe(ProcessRunner& runner, const std::string& scratch) {
  namespace fs = std::filesystem;
  const std::string folder = scratch + "/probe", root = folder + "-root", file = root + "/written";
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  fs::create_directories(root, ignored);
  const auto try_it = [&]() -> Result<void> {
    MountTable mounts;
    const auto view = PrivateView::prepare({root}, folder, {root}, mounts);
    if (!view) return tl::unexpected(view.error());
    ProcessRequest request;
    request.program = "/bin/sh";
    request.argv = {"sh", "-c", ": > \"$0\"", file};
    request.cwd = "/";
    const auto ended = runner.run(request, kLongestProbe, [&](const ProcessRequest& asked, const ChildEnds& ends) {
      return spawn(asked, view->plan(), ends);
    });
    if (!ended)
      return failure(ErrorCode::kUnavailable, "this machine refuses private views (" + ended.error().message +
                                                  "); allow user namespaces and overlayfs in them");
    if (::access((view->roots()[0].upper + "/written").c_str(), F_OK) == 0 && ::access(file.c_str(), F_OK) != 0)
      return {};
    return failure(ErrorCode::kUnavailable,
                   (ended->exit_code != 0 ? "nothing can be written in a private view: " + ended->stderr_bytes
                                          : "a private view let a write through") +
                       "; start the worker with --scratch on another filesystem");
  };
  const auto result = try_it();
  fs::remove_all(folder, ignored);
  fs::remove_all(root, ignored);
  return result;
}

}  // namespace extfarm
