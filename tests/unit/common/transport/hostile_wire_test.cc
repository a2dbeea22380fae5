// Who sits on the cable: repeats, delays and records what passes, holds
// connections open, and sends what is no message.  On real sockets.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <zmq.hpp>

#include "common/base/descriptor.h"

#include "common/transport/channel.h"

namespace extfarm {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(10);

sockaddr_in address_of(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

int port_of(const std::string& endpoint) { return std::stoi(endpoint.substr(endpoint.rfind(':') + 1)); }

Descriptor dial(const std::string& endpoint) {
  Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(port_of(endpoint));
  EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return out;
}

// Whether the other end closes within `patience`; what it says meanwhile is thrown away.
bool is_closed(int fd, Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < until) {
    pollfd ready{fd, POLLIN, 0};
    ::poll(&ready, 1, 50);
    char bytes[4096];
    const auto n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return true;
  }
  return false;
}

// Stands between one client and the worker.  Sees ZMTP: a greeting of 64
// bytes, then frames: flags (2: a long size, 4: a command), size, body.
class Relay {
 public:
  // What becomes of the client's messages once the handshake is over.
  using Tamper = std::function<std::vector<std::string>(const std::string& frame)>;
  Relay(const std::string& to, Tamper tamper)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), to_(to), tamper_(std::move(tamper)) {
    auto address = address_of(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  const std::string& endpoint() const { return endpoint_; }
  const std::string& recorded() const { return recorded_; }
  // Of the first connection only: what comes later is refused by silence.
  void pump() {
    if (client_.get() < 0) {
      pollfd ready{listener_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 0) != 1) return;
      client_ = Descriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      worker_ = dial(to_);
    }
    char bytes[65536];
    for (ssize_t n; (n = ::recv(worker_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) say(client_.get(), {bytes, std::size_t(n)});
    for (ssize_t n; (n = ::recv(client_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
      recorded_.append(bytes, std::size_t(n));
      pending_.append(bytes, std::size_t(n));
    }
    pass_on();
  }

 private:
  static void say(int fd, const std::string& bytes) {
    static_cast<void>(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  void pass_on() {
    const std::size_t greeting = std::min(pending_.size(), greeting_left_);
    say(worker_.get(), pending_.substr(0, greeting));
    pending_.erase(0, greeting);
    greeting_left_ -= greeting;
    while (greeting_left_ == 0 && pending_.size() >= 9) {
      std::size_t size = 2 + static_cast<unsigned char>(pending_[1]);
      if ((pending_[0] & 2) != 0) {
        size = 0;
        for (int i = 1; i < 9; ++i) size = size << 8 | static_cast<unsigned char>(pending_[static_cast<std::size_t>(i)]);
        size += 9;
      }
      if (pending_.size() < size) return;
      const std::string frame = pending_.substr(0, size);
      pending_.erase(0, size);
      for (const auto& part : (frame[0] & 4) != 0 ? std::vector{frame} : tamper_(frame)) say(worker_.get(), part);
    }
  }
  Descriptor listener_, client_{-1}, worker_{-1};
  std::string to_, endpoint_, pending_, recorded_;
  Tamper tamper_;
  std::size_t greeting_left_ = 64;
};

class HostileWire : public testing::Test {
 protected:
  HostileWire() : bound_(std::move(*make_bound_channel("tcp://127.0.0.1:*", worker_, {client_.public_key}))) {}
  std::unique_ptr<ConnectingChannel> connect(const std::string& endpoint) {
    auto out = std::move(*make_connecting_channel(client_));
    EXPECT_TRUE(out->connect("w", endpoint, worker_.public_key));
    return out;
  }
  bool is_served(Channel& client, Duration patience = std::chrono::seconds(15)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    for (int turns = 0; std::chrono::steady_clock::now() < until; ++turns) {
      if (turns % 20 == 0) client.send("w", "honest");
      bound_->wait(-1, kStep);
      while (const auto envelope = bound_->receive()) {
        if (envelope->bytes == "honest") return true;
      }
    }
    return false;
  }
  bool is_another_served() {
    auto other = connect(bound_->bound_endpoint());
    return is_served(*other);
  }
  // What the worker hears of `words`, sent one after the other through the relay.
  std::vector<std::string> heard(Relay& relay, const std::vector<std::string>& words) {
    auto out = connect(relay.endpoint());
    std::vector<std::string> got;
    std::size_t next = 0;
    for (int turns = 0; turns < 150; ++turns) {
      relay.pump();
      bound_->wait(-1, kStep);
      while (auto envelope = bound_->receive()) got.emplace_back(envelope->bytes);
      if (turns >= 40 && turns % 10 == 0 && next < words.size()) out->send("w", words[next++]);
    }
    EXPECT_EQ(next, words.size());
    return got;
  }
  // Of one who has a key, on a socket without our framing and limits.
  zmq::socket_t admitted_dealer(zmq::context_t& context) const {
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::curve_serverkey, worker_.public_key);
    socket.set(zmq::sockopt::curve_publickey, client_.public_key);
    socket.set(zmq::sockopt::curve_secretkey, client_.secret_key);
    socket.connect(bound_->bound_endpoint());
    return socket;
  }
  KeyPair worker_ = make_key_pair(), client_ = make_key_pair();
  std::unique_ptr<BoundChannel> bound_;
};

TEST_F(HostileWire, ARelayThatTampersWithNothingIsNoticedByNobody) {
  Relay relay(bound_->bound_endpoint(), [](const std::string& frame) { return std::vector{frame}; });
  EXPECT_EQ(heard(relay, {"one", "two", "three"}), (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(HostileWire, ARepeatedMessageIsNotHeardTwice) {
  Relay relay(bound_->bound_endpoint(), [](const std::string& frame) { return std::vector{frame, frame}; });
  const auto got = heard(relay, {"one", "two"});
  EXPECT_EQ(std::count(got.begin(), got.end(), "one"), 1);
  EXPECT_LE(std::count(got.begin(), got.end(), "two"), 1);
  EXPECT_TRUE(is_another_served());
}

TEST_F(HostileWire, AMessageThatWasHeldBackIsNotHeardAfterItsSuccessor) {
  std::string held;
  Relay relay(bound_->bound_endpoint(), [&](const std::string& frame) {
    if (held.empty()) {
      held = frame;
      return std::vector<std::string>{};
    }
    return std::vector{frame, std::exchange(held, "")};
  });
  const auto got = heard(relay, {"one", "two", "three", "four"});
  EXPECT_EQ(std::count(got.begin(), got.end(), "one"), 0);
  EXPECT_TRUE(is_another_served());
}

TEST_F(HostileWire, AChangedMessageIsNotHeard) {
  Relay relay(bound_->bound_endpoint(), [](std::string frame) {
    frame.back() ^= 1;
    return std::vector{frame};
  });
  EXPECT_TRUE(heard(relay, {"one", "two"}).empty());
}

TEST_F(HostileWire, ARecordedConversationIsNotHeardAgain) {
  Relay relay(bound_->bound_endpoint(), [](const std::string& frame) { return std::vector{frame}; });
  ASSERT_EQ(heard(relay, {"one"}).size(), 1u);
  const Descriptor again = dial(bound_->bound_endpoint());
  ASSERT_EQ(::send(again.get(), relay.recorded().data(), relay.recorded().size(), 0), ssize_t(relay.recorded().size()));
  EXPECT_TRUE(is_closed(again.get(), std::chrono::seconds(10)));
  EXPECT_FALSE(bound_->receive());
}

TEST_F(HostileWire, ARevokedKeyIsNeitherHeardNorAdmitted) {
  auto out = connect(bound_->bound_endpoint());
  ASSERT_TRUE(is_served(*out));
  bound_->admit_only({make_key_pair().public_key});
  EXPECT_FALSE(is_served(*out, std::chrono::seconds(1)));
  EXPECT_FALSE(is_served(*connect(bound_->bound_endpoint()), std::chrono::seconds(1)));
  bound_->admit_only({client_.public_key});
  EXPECT_TRUE(is_served(*out));
}

TEST_F(HostileWire, TheKeyThatASenderHasProvedComesWithItsMessage) {
  auto out = connect(bound_->bound_endpoint());
  for (int turns = 0; turns < 500; ++turns) {
    if (turns % 20 == 0) out->send("w", "x");
    bound_->wait(-1, kStep);
    if (const auto envelope = bound_->receive()) {
      EXPECT_EQ(envelope->key, client_.public_key);
      return;
    }
  }
  FAIL() << "nothing was heard";
}

TEST_F(HostileWire, AFrameThatIsNoneOfOursIsHeardAsOneUnreadableMessage) {
  for (const auto& parts : std::vector<std::vector<std::string>>{{""}, {"\4\0\0"}, {std::string("\xff\xff\xff\x7fx", 5)}, {"one", "two"}}) {
    zmq::context_t context;
    zmq::socket_t socket = admitted_dealer(context);
    for (std::size_t i = 0; i < parts.size(); ++i)
      socket.send(zmq::buffer(parts[i]), i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    std::optional<Envelope> heard;
    for (int turns = 0; turns < 500 && !heard; ++turns) {
      bound_->wait(-1, kStep);
      heard = bound_->receive();
    }
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->bytes, "");
    EXPECT_FALSE(bound_->receive());
  }
  EXPECT_TRUE(is_another_served());
}

// Larger than a worker takes.
TEST_F(HostileWire, AMessageThatIsTooLargeCostsItsSenderTheConnection) {
  zmq::context_t context;
  zmq::socket_t socket = admitted_dealer(context);
  socket.send(zmq::buffer(std::string(9 << 20, 'x')), zmq::send_flags::none);
  for (int turns = 0; turns < 200; ++turns) {
    bound_->wait(-1, kStep);
    if (const auto envelope = bound_->receive()) FAIL() << envelope->bytes.size();
  }
  EXPECT_TRUE(is_another_served());
}

TEST_F(HostileWire, WhatIsNoGreetingAndFramesWithoutEndAreCutOff) {
  const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE", 17) + std::string(47, '\0');
  const std::string endless = std::string("\6\x7f\xff\xff\xff\xff\xff\xff\xff", 9) + std::string(1000, 'x');
  for (const auto& bytes : {std::string(100, '\0'), std::string("GET / HTTP/1.1\r\n\r\n"), greeting + endless,
                            greeting + std::string("\4\0", 2), greeting + std::string("\0\0", 2)}) {
    const Descriptor stranger = dial(bound_->bound_endpoint());
    static_cast<void>(::send(stranger.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
    EXPECT_TRUE(is_closed(stranger.get(), std::chrono::seconds(10)));
  }
  EXPECT_TRUE(is_another_served());
}

TEST_F(HostileWire, AHandshakeThatStopsHalfwayIsCutOffAndDelaysNobody) {
  const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE", 17) + std::string(47, '\0');
  std::vector<Descriptor> strangers;
  for (std::size_t i = 0; i < 300; ++i) {
    strangers.push_back(dial(bound_->bound_endpoint()));
    static_cast<void>(::send(strangers.back().get(), greeting.data(), i % 65, MSG_NOSIGNAL));
  }
  EXPECT_TRUE(is_another_served());
  for (const auto& stranger : strangers) EXPECT_TRUE(is_closed(stranger.get(), std::chrono::seconds(10)));
}

}  // namespace
}  // namespace extfarm
