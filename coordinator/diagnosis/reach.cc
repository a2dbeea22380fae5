#include "coordinator/diagnosis/reach.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

namespace extfarm::diagnosis {
namespace {

constexpr std::string_view kScheme = "tcp://";

struct Place {
  std::string host, port;
};

std::optional<Place> parts_of(const std::string& endpoint) {
  const auto colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kScheme) || colon <= kScheme.size() || colon + 1 >= endpoint.size())
    return std::nullopt;
  const std::string port = endpoint.substr(colon + 1);
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return Place{endpoint.substr(kScheme.size(), colon - kScheme.size()), port};
}

// IPv4, as the channel: its sockets know no other.
std::optional<sockaddr_in> address_of(const Place& place) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(place.host.c_str(), place.port.c_str(), &wanted, &found) != 0) return std::nullopt;
  sockaddr_in out{};
  std::memcpy(&out, found->ai_addr, sizeof out);
  ::freeaddrinfo(found);
  return out;
}

Reached judge(int error, const std::string& address) {
  if (error == 0) return {Reach::kOpen, address, ""};
  if (error == ECONNREFUSED) return {Reach::kRefused, address, ""};
  if (error == ETIMEDOUT) return {Reach::kSilent, address, ""};
  return {Reach::kUnreachable, address, std::strerror(error)};
}

}  // namespace

Reached look_up(const std::string& endpoint) {
  const auto place = parts_of(endpoint);
  if (!place) return {Reach::kMalformed, endpoint, "it has not the shape of one"};
  const auto found = address_of(*place);
  if (!found) return {Reach::kUnknownName, endpoint, ""};
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &found->sin_addr, text.data(), text.size());
  return {Reach::kNotTried, std::string(kScheme) + text.data() + ":" + place->port, ""};
}

std::vector<Reached> try_connections(const std::vector<std::string>& addresses, Duration patience) {
  std::vector<Reached> out;
  std::vector<pollfd> waiting;
  for (const auto& address : addresses) {
    const auto place = parts_of(address);
    const auto numeric = place ? address_of(*place) : std::nullopt;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool is_begun = numeric && fd >= 0;
    const int error =
        is_begun && ::connect(fd, reinterpret_cast<const sockaddr*>(&*numeric), sizeof *numeric) == 0 ? 0
                                                                                                      : errno;
    out.push_back(error == EINPROGRESS ? Reached{Reach::kSilent, address, ""} : judge(error, address));
    waiting.push_back({error == EINPROGRESS ? fd : -1, POLLOUT, 0});
    if (error != EINPROGRESS && fd >= 0) ::close(fd);
  }
  const auto give_up_at = std::chrono::steady_clock::now() + patience;
  for (;;) {
    bool any = false;
    for (const auto& item : waiting) any = any || item.fd >= 0;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(give_up_at - std::chrono::steady_clock::now());
    if (!any || left.count() <= 0 ||
        ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0)
      break;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(waiting[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
      out[i] = judge(error, addresses[i]);
      ::close(waiting[i].fd);
      waiting[i].fd = -1;
    }
  }
  for (const auto& item : waiting) {
    if (item.fd >= 0) ::close(item.fd);
  }
  return out;
}

}  // namespace extfarm::diagnosis
