#include "coordinator/diagnosis/reach.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace extfarm::diagnosis {
namespace {

// A port of the loopback interface, bound for as long as this lives.
class Port {
 public:
  explicit Port(bool listens) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    if (listens) {
      EXPECT_EQ(::listen(fd_, 1), 0);
    }
    endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~Port() { ::close(fd_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  std::string endpoint;

 private:
  int fd_;
};

TEST(Reach, WhatIsNoEndpointIsSaid) {
  for (const char* text :
       {"", "lab01:7170", "tcp://", "tcp://lab01", "tcp://:7170", "tcp://lab01:", "tcp://lab01:x"})
    EXPECT_EQ(look_up(text).reach, Reach::kMalformed) << text;
}

TEST(Reach, ANameBecomesANumber) {
  EXPECT_EQ(look_up("tcp://localhost:7170").address, "tcp://127.0.0.1:7170");
  EXPECT_EQ(look_up("tcp://no-such-host.invalid:7170").reach, Reach::kUnknownName);
}

TEST(Reach, AListenerIsToldFromAClosedPort) {
  const Port open(true), closed(false);
  const auto reached = try_connections({closed.endpoint, open.endpoint}, std::chrono::seconds(10));
  ASSERT_EQ(reached.size(), 2u);
  EXPECT_EQ(reached[0].reach, Reach::kRefused);
  EXPECT_EQ(reached[1].reach, Reach::kOpen);
}

}  // namespace
}  // namespace extfarm::diagnosis
