#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <zmq.hpp>

#include "common/transport/beacon.h"
#include "common/transport/channel.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using Kind = ConnectionNews::Kind;

constexpr Duration kTurn = std::chrono::milliseconds(20);

class Transport : public testing::Test {
 protected:
  std::unique_ptr<BoundChannel> bind(std::vector<std::string> allowed) {
    return std::move(*make_bound_channel("tcp://127.0.0.1:*", worker_, std::move(allowed)));
  }
  // Sends again until the other end has it, or for at most `turns` steps.
  std::optional<Envelope> deliver(Channel& from, const PeerId& peer, const std::string& bytes, Channel& to,
                                  int turns = 150) {
    for (int i = 0; i < turns; ++i) {
      if (i % 10 == 0) from.send(peer, bytes);
      to.wait(-1, kTurn);
      if (auto envelope = to.receive()) return envelope;
      collect(from);
      collect(to);
    }
    return std::nullopt;
  }
  static void post(Channel& channel, const PeerId& peer, const std::string& bytes) {
    channel.post(peer, [&](std::string& frame) { frame += bytes; });
  }
  void collect(Channel& channel) {
    for (auto& news : channel.take_news()) news_.push_back(std::move(news));
  }
  bool heard(Kind kind) const {
    return std::any_of(news_.begin(), news_.end(), [&](const auto& n) { return n.kind == kind; });
  }
  KeyPair worker_ = make_key_pair(), client_ = make_key_pair();
  std::vector<ConnectionNews> news_;
};

TEST_F(Transport, AKnownKeyIsServedBothWays) {
  auto bound = bind({client_.public_key});
  auto out = std::move(*make_connecting_channel(client_));
  const auto peer = out->connect("w1", bound->bound_endpoint(), worker_.public_key);
  ASSERT_TRUE(peer);
  const auto asked = deliver(*out, *peer, "hello", *bound);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->bytes, "hello");
  const auto answered = deliver(*bound, asked->peer, std::string(1 << 20, 'x'), *out);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->peer, "w1");
  EXPECT_EQ(answered->bytes.size(), 1u << 20);
}

TEST_F(Transport, WhatIsPostedArrivesInOrderAndBeforeWhatIsSentAfterIt) {
  auto bound = bind({client_.public_key});
  auto out = std::move(*make_connecting_channel(client_));
  const auto peer = *out->connect("w1", bound->bound_endpoint(), worker_.public_key);
  ASSERT_TRUE(deliver(*out, peer, "hello", *bound));
  const std::string large(200 << 10, 'x');
  std::vector<std::string> got;
  const auto hear = [&](std::size_t count) {
    for (int turns = 0; turns < 150 && got.size() < count; ++turns) {
      bound->wait(-1, kTurn);
      while (auto envelope = bound->receive()) {
        if (envelope->bytes != "hello") got.emplace_back(envelope->bytes);
      }
    }
  };
  for (const auto& bytes : {std::string("one"), large, std::string("two")}) post(*out, peer, bytes);
  EXPECT_EQ(out->send(peer, "three"), SendStatus::kAccepted);
  hear(4);
  EXPECT_EQ(got, (std::vector<std::string>{"one", large, "two", "three"}));
  post(*out, peer, "four");
  out->wait(-1, Duration{0});
  hear(5);
  EXPECT_EQ(got.back(), "four");
}

TEST_F(Transport, OfOneFrameNothingIsHeardAfterItsSenderWasDropped) {
  auto bound = bind({client_.public_key});
  auto out = std::move(*make_connecting_channel(client_));
  const auto peer = *out->connect("w1", bound->bound_endpoint(), worker_.public_key);
  ASSERT_TRUE(deliver(*out, peer, "hello", *bound));
  post(*out, peer, "bad");
  post(*out, peer, "worse");
  out->flush();
  std::optional<Envelope> heard;
  for (int turns = 0; turns < 150 && (!heard || heard->bytes != "bad"); ++turns) {
    bound->wait(-1, kTurn);
    heard = bound->receive();
  }
  ASSERT_TRUE(heard);
  bound->drop(heard->peer);
  EXPECT_FALSE(bound->receive());
}

TEST_F(Transport, AnUnknownKeyIsRefusedAndBothSidesSaySo) {
  auto bound = bind({make_key_pair().public_key});
  auto out = std::move(*make_connecting_channel(client_));
  const auto peer = *out->connect("w1", bound->bound_endpoint(), worker_.public_key);
  EXPECT_FALSE(deliver(*out, peer, "hello", *bound, 30));
  EXPECT_TRUE(heard(Kind::kRefusedUnknownKey));
  EXPECT_TRUE(heard(Kind::kRefusedByPeer));
  for (const auto& news : news_) {
    if (news.kind != Kind::kRefusedByPeer) continue;
    EXPECT_NE(news.detail.find(client_.public_key), std::string::npos);
  }
}

// Speaks to a worker as a client of another program would.  Returns whether an
// honest client behind it is still served; the news are collected.
class StrangeClients : public Transport {
 protected:
  void speak(const std::function<void(zmq::socket_t&)>& prepare, BoundChannel& bound) {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 0);
    prepare(socket);
    socket.connect(bound.bound_endpoint());
    socket.send(zmq::str_buffer("hello"), zmq::send_flags::dontwait);
    for (int turns = 0; turns < 100 && news_.empty(); ++turns) {
      bound.wait(-1, kTurn);
      EXPECT_FALSE(bound.receive());
      collect(bound);
    }
  }
  void expect_refused_with_remedy(const std::string& remedy) {
    ASSERT_TRUE(heard(Kind::kHandshakeFailed));
    for (const auto& news : news_) {
      if (news.kind != Kind::kHandshakeFailed) continue;
      EXPECT_NE(news.detail.find(remedy), std::string::npos) << news.detail;
    }
  }
};

TEST_F(StrangeClients, OneWithoutCurveIsRefusedWithTheRemedy) {
  auto bound = bind({client_.public_key});
  speak([](zmq::socket_t&) {}, *bound);
  expect_refused_with_remedy("clients need extfarm's protocol and this worker's key from its beacon");
  auto out = std::move(*make_connecting_channel(client_));
  EXPECT_TRUE(deliver(*out, *out->connect("w1", bound->bound_endpoint(), worker_.public_key), "hello", *bound));
}

TEST_F(StrangeClients, OneWithAPasswordInPlaceOfCurveIsRefusedToo) {
  auto bound = bind({client_.public_key});
  speak(
      [](zmq::socket_t& socket) {
        socket.set(zmq::sockopt::plain_username, "ada");
        socket.set(zmq::sockopt::plain_password, "secret");
      },
      *bound);
  expect_refused_with_remedy("this worker's key from its beacon");
}

TEST_F(Transport, AnEmptyAllowListAdmitsNobody) {
  auto bound = bind({});
  auto out = std::move(*make_connecting_channel(client_));
  const auto peer = *out->connect("w1", bound->bound_endpoint(), worker_.public_key);
  EXPECT_FALSE(deliver(*out, peer, "hello", *bound, 30));
}

TEST_F(Transport, AWorkerWithAnotherKeyGetsNothingAndDisturbsNobody) {
  auto wrong = bind({client_.public_key}), right = bind({client_.public_key});
  auto out = std::move(*make_connecting_channel(client_));
  const auto bad = *out->connect("bad", wrong->bound_endpoint(), make_key_pair().public_key);
  const auto good = *out->connect("good", right->bound_endpoint(), worker_.public_key);
  out->send(bad, "secret");
  EXPECT_TRUE(deliver(*out, good, "hello", *right));
  EXPECT_FALSE(deliver(*out, bad, "secret", *wrong, 30));
}

TEST_F(Transport, ADroppedPeerIsNotHeardAgain) {
  auto bound = bind({client_.public_key});
  auto out = std::move(*make_connecting_channel(client_));
  const auto peer = *out->connect("w1", bound->bound_endpoint(), worker_.public_key);
  const auto first = deliver(*out, peer, "hello", *bound);
  ASSERT_TRUE(first);
  bound->drop(first->peer);
  EXPECT_FALSE(deliver(*out, peer, "again", *bound, 20));
}

TEST_F(Transport, AnUnknownPeerIsGone) {
  EXPECT_EQ((*make_connecting_channel(client_))->send("nobody", "x"), SendStatus::kPeerGone);
}

TEST_F(Transport, AReadableDescriptorEndsTheWait) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  auto out = std::move(*make_connecting_channel(client_));
  const auto before = std::chrono::steady_clock::now();
  out->wait(ends[0], std::chrono::seconds(60));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
  ::close(ends[0]);
  ::close(ends[1]);
}

class Files : public testing::Test {
 protected:
  Files() : folder_(testing::TempDir() + "/transport-" + std::to_string(::getpid())) {
    fs::remove_all(folder_);
  }
  ~Files() override { fs::remove_all(folder_); }
  std::string folder_;
  std::string client_key_ = make_key_pair().public_key;
};

TEST_F(Files, KeysAreMadeOnceAndForTheirUserOnly) {
  const auto made = load_or_make_key_pair(folder_, "client");
  ASSERT_TRUE(made);
  EXPECT_EQ(load_or_make_key_pair(folder_, "client")->secret_key, made->secret_key);
  struct stat st {};
  ASSERT_EQ(::stat((folder_ + "/client.key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(Files, AKeyThatOthersCanReadIsRefusedWithTheRemedy) {
  ASSERT_TRUE(load_or_make_key_pair(folder_, "client"));
  ::chmod((folder_ + "/client.key").c_str(), 0644);
  EXPECT_NE(load_or_make_key_pair(folder_, "client").error().message.find("chmod 600"), std::string::npos);
}

TEST_F(Files, AnUnreadableAllowListNamesItsLine) {
  ASSERT_TRUE(load_or_make_authorized_keys(folder_, client_key_));
  std::ofstream(folder_ + "/authorized_keys", std::ios::app) << "nonsense\n";
  EXPECT_NE(load_or_make_authorized_keys(folder_, client_key_).error().message.find("line 3"),
            std::string::npos);
}

TEST_F(Files, ABeaconIsFoundUntilItIsRemoved) {
  const Beacon beacon{1, "lab01-7", "tcp://lab01:7170", client_key_, "lab01", 8, 99};
  ASSERT_TRUE(write_beacon(folder_, beacon));
  std::ofstream(folder_ + "/broken.json") << "{";
  const auto reading = read_beacons(folder_);
  ASSERT_EQ(reading.beacons.size(), 1u);
  EXPECT_EQ(reading.beacons[0].endpoint, "tcp://lab01:7170");
  EXPECT_EQ(reading.complaints.size(), 1u);
  remove_beacon(folder_, beacon);
  EXPECT_TRUE(read_beacons(folder_).beacons.empty());
  EXPECT_TRUE(read_beacons("/nowhere").beacons.empty());
}

TEST_F(Files, ABeaconTellsHowManySlotsAreOfferedAndWhyNotAll) {
  const Beacon beacon{1, "lab01-7", "tcp://lab01:7170", client_key_, "lab01", 8, 99, 2, "alice is at the console"};
  ASSERT_TRUE(write_beacon(folder_, beacon));
  const auto read = read_beacons(folder_).beacons.at(0);
  EXPECT_EQ(read.offered_slots, 2u);
  EXPECT_EQ(read.offer_reason, "alice is at the console");
}

TEST_F(Files, ABeaconOfAnOlderWorkerOffersAllItsSlots) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/w.json") << R"({"protocol_version": 3, "name": "w", "endpoint": "tcp://lab01:7170", "public_key": ")" +
                                            client_key_ + R"(", "host": "lab01", "slots": 4, "epoch": 9})";
  EXPECT_EQ(read_beacons(folder_).beacons.at(0).offered_slots, 4u);
}

TEST_F(Files, ABeaconWithANumberOrAKeyThatIsNoneIsComplainedOf) {
  const std::string good = R"({"protocol_version": 1, "name": "w", "endpoint": "tcp://lab01:7170", "public_key": ")" +
                           client_key_ + R"(", "host": "lab01", "slots": 2, "epoch": 9})";
  const auto with = [&](const std::string& old, const std::string& other) {
    return std::string(good).replace(good.find(old), old.size(), other);
  };
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/w.json") << good;
  ASSERT_EQ(read_beacons(folder_).beacons.size(), 1u);
  for (const auto& bad :
       {with("\"protocol_version\": 1", "\"protocol_version\": 4294967297"),
        with("\"protocol_version\": 1", "\"protocol_version\": true"), with("\"slots\": 2", "\"slots\": -1"),
        with("\"slots\": 2", "\"slots\": 2.5"), with("\"epoch\": 9", "\"epoch\": -9"),
        with(client_key_, std::string(40, '#')), with(client_key_, std::string(39, 'k')),
        with("tcp://lab01:7170", ""), with("tcp://lab01", "tcp://lab01\\u0000")}) {
    std::ofstream(folder_ + "/w.json") << bad;
    const auto reading = read_beacons(folder_);
    EXPECT_TRUE(reading.beacons.empty()) << bad;
    EXPECT_EQ(reading.complaints.size(), 1u) << bad;
  }
}

TEST_F(Files, AHostsNameThatIsNoTextIsStillAnnounced) {
  EXPECT_TRUE(write_beacon(folder_, {1, "w", "tcp://a:1", client_key_, "caf\xe9", 8, 99}));
  EXPECT_EQ(read_beacons(folder_).beacons.size(), 1u);
}

TEST_F(Files, FortyCharactersThatAreNoZ85AreNoKey) {
  ASSERT_TRUE(load_or_make_authorized_keys(folder_, client_key_));
  for (const auto& bad : {std::string(40, '~'), std::string(40, '%'), "\x80" + client_key_.substr(1)}) {
    std::ofstream(folder_ + "/authorized_keys") << bad << "\n";
    EXPECT_FALSE(load_or_make_authorized_keys(folder_, client_key_)) << bad;
  }
  std::ofstream(folder_ + "/authorized_keys") << make_key_pair().public_key << "\n";
  EXPECT_TRUE(load_or_make_authorized_keys(folder_, client_key_));
}

}  // namespace
}  // namespace extfarm
