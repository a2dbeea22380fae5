#include "coordinator/front_door/front_door.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace extfarm::front_door {
namespace {

// A line longer than this is not a compile: it is refused before memory is.
constexpr std::size_t kLongestLineBytes = 16 << 20;
// Descriptors that are not for front ends: sources, results, records; and a quarter for workers.
constexpr rlim_t kReservedDescriptors = 128;

std::size_t most_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  return limit.rlim_cur - limit.rlim_cur / 4 - std::min(kReservedDescriptors, limit.rlim_cur / 2);
}

bool is_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::getuid();
}

void watch(int epoll, int operation, int fd, std::uint64_t id, bool for_writing) {
  epoll_event event{};
  event.events = EPOLLIN | (for_writing ? static_cast<std::uint32_t>(EPOLLOUT) : 0u);
  event.data.u64 = id;
  ::epoll_ctl(epoll, operation, fd, &event);
}

// What connect() says there: 0, or its errno.
int knock(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.empty() || socket_path.size() >= sizeof address.sun_path) return EINVAL;
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int error = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

}  // namespace

bool is_open(const std::string& socket_path) {
  const int error = knock(socket_path);
  return error == 0 || error == EAGAIN;  // many others wait there
}

bool is_deserted(const std::string& socket_path) { return knock(socket_path) == ECONNREFUSED; }

Result<std::unique_ptr<FrontDoor>> FrontDoor::open(const std::string& socket_path,
                                                   const std::string& project_root) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return failure(ErrorCode::kInvalid,
                   "cannot listen on " + socket_path +
                       ": the path is longer than 107 bytes; set TMPDIR to a shorter folder");
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  std::unique_ptr<FrontDoor> door(new FrontDoor(socket_path, project_root));
  door->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  door->listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (::bind(door->listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(socket_path.c_str(), 0600) != 0 || ::listen(door->listener_, 512) != 0) {
    return failure(ErrorCode::kIo, "cannot listen on " + socket_path + ": " + std::strerror(errno));
  }
  watch(door->epoll_, EPOLL_CTL_ADD, door->listener_, 0, false);
  return door;
}

FrontDoor::FrontDoor(std::string path, std::string project_root)
    : path_(std::move(path)), root_(std::move(project_root)), most_connections_(most_connections()) {}

FrontDoor::~FrontDoor() {
  for (auto& [id, connection] : connections_) ::close(connection.fd);
  if (listener_ >= 0) {
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  if (epoll_ >= 0) ::close(epoll_);
}

// Who is not let in waits in connect() or for an answer; a door that is watched
// all the same would be ready all the time.
void FrontDoor::listen(bool wanted) {
  if (wanted == is_listening_) return;
  is_listening_ = wanted;
  if (wanted)
    watch(epoll_, EPOLL_CTL_ADD, listener_, 0, false);
  else
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
}

void FrontDoor::accept_all() {
  for (;;) {
    if (connections_.size() >= most_connections_) return listen(false);
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if ((errno == EMFILE || errno == ENFILE) && !connections_.empty()) listen(false);
      return;
    }
    if (!is_same_user(fd)) {
      ::close(fd);
      continue;
    }
    const ConnectionId id{next_id_++};
    connections_[id].fd = fd;
    watch(epoll_, EPOLL_CTL_ADD, fd, id.value, false);
  }
}

void FrontDoor::handle_line(ConnectionId id, Connection& connection, std::string_view line,
                            std::vector<DoorEvent>& events) {
  auto request = parse_request(line);
  if (!request) {
    connection.output += error_line(request.error().message);
    connection.ends_after_write = true;
    return;
  }
  if (auto* hello = std::get_if<HelloRequest>(&*request)) {
    if (hello->version != 1) {
      connection.output += error_line(
          "this coordinator speaks version 1 of the front door; use the plug-in that came with it");
      connection.ends_after_write = true;
      return;
    }
    connection.greeted = true;
    connection.environment = std::move(hello->environment);
    connection.output += welcome_line(root_, slots_);
  } else if (!connection.greeted) {
    connection.output += error_line("the first message must be hello");
    connection.ends_after_write = true;
  } else if (auto* submit = std::get_if<SubmitRequest>(&*request)) {
    if (!submit->has_environment) submit->environment = connection.environment;
    if (connection.unanswered_count++ == 0) ++waiting_count_;
    events.push_back(Submitted{id, std::move(*submit)});
  } else if (auto* slot = std::get_if<LocalSlotRequest>(&*request)) {
    if (2 * (slot_count_ + 1) > most_connections_) {
      connection.output += later_line(slot->id);
      connection.ends_after_write = true;
      return;
    }
    if (connection.slots_wanted++ == 0) ++slot_count_;
    events.push_back(LocalSlotWanted{id, std::move(slot->id)});
  } else if (auto* jobs = std::get_if<JobsRequest>(&*request)) {
    events.push_back(JobsWanted{id, std::move(jobs->id)});
  } else if (auto* live = std::get_if<LiveRequest>(&*request)) {
    events.push_back(LiveWanted{id, std::move(live->id)});
  } else {
    events.push_back(RanLocally{std::get<LocalRequest>(*request)});
  }
}

bool FrontDoor::read_lines(ConnectionId id, Connection& connection, std::vector<DoorEvent>& events) {
  std::array<char, 64 << 10> buffer;
  for (;;) {
    const ssize_t n = ::read(connection.fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (n == 0) return false;
    connection.input.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t start = 0;
    for (std::size_t end; (end = connection.input.find('\n', start)) != std::string::npos; start = end + 1) {
      if (connection.ends_after_write) break;
      handle_line(id, connection, std::string_view(connection.input).substr(start, end - start), events);
    }
    connection.input.erase(0, start);
    if (connection.ends_after_write) return true;
    if (connection.input.size() > kLongestLineBytes) {
      connection.output += error_line("a request line is longer than 16 MiB");
      connection.ends_after_write = true;
      return true;
    }
  }
}

bool FrontDoor::write_out(ConnectionId id, Connection& connection) {
  while (!connection.output.empty()) {
    const ssize_t n = ::send(connection.fd, connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      watch(epoll_, EPOLL_CTL_MOD, connection.fd, id.value, true);
      return true;
    }
    if (n < 0) return false;
    connection.output.erase(0, static_cast<std::size_t>(n));
    if (connection.output.empty()) watch(epoll_, EPOLL_CTL_MOD, connection.fd, id.value, false);
  }
  return !connection.ends_after_write;
}

void FrontDoor::close(ConnectionId id, std::vector<DoorEvent>& events) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  ::close(it->second.fd);
  if (it->second.unanswered_count > 0) --waiting_count_;
  if (it->second.slots_wanted > 0) --slot_count_;
  connections_.erase(it);
  listen(true);
  events.push_back(ConnectionClosed{id});
}

std::vector<DoorEvent> FrontDoor::take_events() {
  std::vector<DoorEvent> events;
  std::array<epoll_event, 64> ready;
  const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), 0);
  for (int i = 0; i < count; ++i) {
    const ConnectionId id{ready[static_cast<std::size_t>(i)].data.u64};
    if (id.value == 0) {
      accept_all();
      continue;
    }
    const auto it = connections_.find(id);
    if (it == connections_.end()) continue;
    const bool open = read_lines(id, it->second, events);
    if (!write_out(id, it->second) || !open) close(id, events);
  }
  return events;
}

void FrontDoor::answer(ConnectionId id, const AnswerMessage& message) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  if (it->second.unanswered_count == 1 && allowed_count_ != kAllAnswers) {
    if (allowed_count_ == 0) {
      held_.emplace_back(id, message);
      return;
    }
    --allowed_count_;
  }
  if (it->second.unanswered_count > 0 && --it->second.unanswered_count == 0) --waiting_count_;
  say(id, answer_line(message));
}

void FrontDoor::allow_answers(std::size_t count) {
  allowed_count_ = count;
  while (!held_.empty() && allowed_count_ > 0) {
    const auto [id, message] = std::move(held_.front());
    held_.pop_front();
    answer(id, message);
  }
}

void FrontDoor::let_run(ConnectionId id, const std::string& request_id) { say(id, go_line(request_id)); }

void FrontDoor::tell_jobs(ConnectionId id, const std::string& request_id, std::size_t jobs) {
  say(id, jobs_line(request_id, jobs));
}

void FrontDoor::tell_live(ConnectionId id, const std::string& request_id, const std::string& build_json) {
  say(id, live_line(request_id, build_json));
}

void FrontDoor::say(ConnectionId id, const std::string& line) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  it->second.output += line;
  // A connection that cannot be written to is found dead by the next take_events.
  static_cast<void>(write_out(id, it->second));
}

}  // namespace extfarm::front_door
