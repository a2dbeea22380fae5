#include "coordinator/front_door/live_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace extfarm::front_door {
namespace {

constexpr std::size_t kLongestAnswerBytes = 64 << 20;

class Connection {
 public:
  explicit Connection(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const timeval patience{2, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    is_open_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  bool is_open() const { return is_open_; }

  bool say(const std::string& line) {
    return ::send(fd_, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  }
  std::optional<std::string> next_line() {
    for (std::size_t end; (end = input_.find('\n')) == std::string::npos;) {
      char buffer[16 << 10];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0 || input_.size() > kLongestAnswerBytes) return std::nullopt;
      input_.append(buffer, static_cast<std::size_t>(n));
    }
    const auto end = input_.find('\n');
    auto line = input_.substr(0, end);
    input_.erase(0, end + 1);
    return line;
  }

 private:
  int fd_;
  bool is_open_ = false;
  std::string input_;
};

}  // namespace

Result<std::string> ask_live(const std::string& door) {
  // The link's own path may be longer than a socket's may be.
  std::error_code no_link;
  const auto socket = std::filesystem::read_symlink(door, no_link);
  Connection connection(no_link ? door : socket.string());
  if (!connection.is_open()) return failure(ErrorCode::kNotFound, "no build runs here: nobody listens at " + door);
  connection.say("{\"op\":\"hello\",\"version\":1,\"client\":\"status\",\"environment\":{}}\n{\"op\":\"live\",\"id\":\"1\"}\n");
  const auto says = [](const nlohmann::json& message, const char* op) {
    return message.is_object() && message.contains("op") && message["op"] == op;
  };
  while (const auto line = connection.next_line()) {
    const auto message = nlohmann::json::parse(*line, nullptr, false);
    if (says(message, "live") && message.contains("build")) return message["build"].dump();
    if (!says(message, "welcome")) break;
  }
  return failure(ErrorCode::kMalformed, "the coordinator at " + door + " does not say how its build is; is it of another version?");
}

}  // namespace extfarm::front_door
