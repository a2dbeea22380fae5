#include "launcher/door_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/model/byte_strings.h"
#include "common/model/environment.h"

extern char** environ;

namespace extfarm {
namespace {

using nlohmann::json;

// A connected stream, closed at the end of its life.
class Connection {
 public:
  explicit Connection(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
    ::close(fd_);
    fd_ = -1;
  }
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool send(const std::string& line) {
    for (std::size_t at = 0; at < line.size();) {
      const ssize_t n = ::send(fd_, line.data() + at, line.size() - at, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += static_cast<std::size_t>(n);
    }
    return true;
  }
  std::optional<std::string> receive_line() {
    for (;;) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      char bytes[64 << 10];
      const ssize_t n = ::read(fd_, bytes, sizeof bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(n));
    }
  }

  // For this process, and the program that it becomes.
  void stay_open() { ::fcntl(std::exchange(fd_, -1), F_SETFD, 0); }

 private:
  int fd_ = -1;
  std::string buffer_;
};

json hello(const json& environment) {
  return {{"op", "hello"}, {"version", 1}, {"client", "extfarm-cc"}, {"pid", ::getpid()}, {"environment", environment}};
}

// The first message with that "op" that arrives.  nullopt: an error was said, or nothing more comes.
std::optional<json> wait_for(Connection& connection, const char* op) {
  while (const auto line = connection.receive_line()) {
    json message = json::parse(*line);
    if (message.at("op") == "error") return std::nullopt;
    if (message.at("op") == op) return message;
  }
  return std::nullopt;
}

enum class Turn { kNow, kLater, kNoneNeeded };

Turn ask_for_turn(Connection& connection, const std::string& first_words = "") {
  if (!connection.send(first_words + json{{"op", "local_slot"}, {"id", "2"}}.dump() + "\n")) return Turn::kNoneNeeded;
  while (const auto line = connection.receive_line()) {
    const auto op = json::parse(*line).at("op");
    if (op == "go") return Turn::kNow;
    if (op == "later") return Turn::kLater;
    if (op == "error") break;
  }
  return Turn::kNoneNeeded;
}

// So many commands at a time run on this host: waits for its turn, outside where
// too many wait already.  A command that was started by one that has a slot runs
// in that one's: it would wait for itself.
void take_local_slot(const std::string& socket_path, Connection& submitted) {
  constexpr const char* kHeld = "EXTFARM_HAS_SLOT";
  constexpr useconds_t kFirstPauseMicroseconds = 50'000, kLongestPauseMicroseconds = 800'000;
  if (std::getenv(kHeld) != nullptr) return;
  auto turn = ask_for_turn(submitted);
  if (turn == Turn::kNow) submitted.stay_open();
  for (auto pause = kFirstPauseMicroseconds; turn == Turn::kLater; pause = std::min(2 * pause, kLongestPauseMicroseconds)) {
    submitted.close();
    ::usleep(pause);
    Connection again(socket_path);
    if (!again.is_open()) return;
    turn = ask_for_turn(again, hello(json::object()).dump() + "\n");
    if (turn == Turn::kNow) again.stay_open();
  }
  if (turn == Turn::kNow) ::setenv(kHeld, "1", 1);
}

json environment_as_json() {
  json out = json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string::npos) continue;
    const auto name = text.substr(0, equals);
    if (environment_matters(name) || keeps_compilers_here(name)) out[name] = bytes_to(text.substr(equals + 1));
  }
  return out;
}

}  // namespace

std::optional<DoorAnswer> ask_coordinator(const std::string& socket_path,
                                          const std::vector<std::string>& argv) {
  Connection connection(socket_path);
  if (!connection.is_open()) return std::nullopt;
  json words = json::array();
  for (const auto& word : argv) words.push_back(bytes_to(word));
  const json submit{{"op", "submit"},
                    {"id", "1"},
                    {"kind", "other"},
                    {"argv", words},
                    {"cwd", bytes_to(std::filesystem::current_path().string())}};
  if (!connection.send(hello(environment_as_json()).dump() + "\n" + submit.dump() + "\n")) return std::nullopt;
  try {
    const auto message = wait_for(connection, "answer");
    if (!message) return std::nullopt;
    DoorAnswer answer;
    const auto result = message->at("result").get<std::string>();
    answer.run_locally = result == "run_locally";
    answer.exit_code = result == "cancelled" ? 130 : message->at("exit_code").get<int>();
    answer.stdout_bytes = bytes_from(message->at("stdout"));
    answer.stderr_bytes = bytes_from(message->at("stderr"));
    if (answer.run_locally) take_local_slot(socket_path, connection);
    return answer;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<int> ask_jobs(const std::string& socket_path) {
  Connection connection(socket_path);
  const json question{{"op", "jobs"}, {"id", "1"}};
  if (!connection.is_open() || !connection.send(hello(json::object()).dump() + "\n" + question.dump() + "\n")) return std::nullopt;
  try {
    const auto message = wait_for(connection, "jobs");
    const int jobs = message ? message->at("jobs").get<int>() : 0;
    return jobs > 0 ? std::optional(jobs) : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace extfarm
