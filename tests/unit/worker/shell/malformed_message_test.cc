// The real extfarm-worker among clients that do not speak its protocol.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "common/process/process_runner.h"
#include "common/protocol/codec.h"
#include "common/transport/beacon.h"
#include "common/transport/channel.h"

namespace extfarm {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(20);
constexpr Duration kLong = std::chrono::seconds(10);
constexpr Duration kShort = std::chrono::milliseconds(500);

class MalformedMessage : public testing::Test {
 protected:
  MalformedMessage() : client_(*load_or_make_key_pair(make_folder(), "client")) {
    ProcessRequest request;
    request.program = std::string(EXTFARM_BIN_DIR) + "/extfarm-worker";
    request.argv = {"extfarm-worker", "--bind",  "tcp://127.0.0.1:*", "--rendezvous", folder_, "--key-folder",
                    folder_,          "--scratch", folder_ + "/scratch", "--exit-with-parent"};
    request.environment = {{"PATH", "/usr/bin:/bin"}};
    request.cwd = "/";
    worker_ = runner_.start(request).value();
    for (int turns = 0; turns < 500 && read_beacons(folder_).beacons.empty(); ++turns) ::usleep(10'000);
    const auto found = read_beacons(folder_).beacons;
    if (!found.empty()) beacon_ = found.front();
  }
  ~MalformedMessage() override {
    runner_.stop(worker_, Duration{0});
    while (runner_.running_count() > 0) words();
    std::filesystem::remove_all(folder_);
  }
  std::string make_folder() {
    char name[] = "/tmp/extfarm-malformed-XXXXXX";
    return folder_ = ::mkdtemp(name);
  }
  // What the worker said when it ended; empty before.
  std::string words() {
    for (auto& exit : runner_.take_exits()) words_ += exit.stderr_bytes;
    ::usleep(10'000);
    return words_;
  }
  struct Coordinator {
    std::unique_ptr<ConnectingChannel> channel;
    std::uint64_t epoch;
    std::uint64_t questions = 0;
  };
  Coordinator connect(std::uint64_t epoch) {
    Coordinator out{*make_connecting_channel(client_), epoch, 0};
    EXPECT_TRUE(out.channel->connect("w", beacon_.endpoint, beacon_.public_key));
    return out;
  }
  // Says hello and asks for a chunk nobody has: an answer comes at once, or never.
  static bool is_served(Coordinator& coordinator, Duration patience) {
    protocol::Hello hello;
    hello.coordinator_epoch = coordinator.epoch;
    const protocol::FetchOutput question{LeaseId{1}, 0, ++coordinator.questions, 1};
    for (Duration waited{0}; waited < patience; waited += kStep) {
      if (waited % (5 * kStep) == Duration{0}) {  // the connection may not stand yet
        coordinator.channel->send("w", protocol::encode(protocol::ToWorker{hello}));
        coordinator.channel->send("w", protocol::encode(protocol::ToWorker{question}));
      }
      coordinator.channel->wait(-1, kStep);
      while (auto envelope = coordinator.channel->receive()) {
        const auto message = protocol::decode_to_coordinator(envelope->bytes);
        const auto* chunk = message ? std::get_if<protocol::OutputChunk>(&*message) : nullptr;
        if (chunk && chunk->offset_bytes == question.offset_bytes) return true;
      }
    }
    return false;
  }
  std::string folder_, words_;
  KeyPair client_;
  ProcessRunner runner_;
  ProcessId worker_;
  Beacon beacon_;
};

TEST_F(MalformedMessage, CostsItsSenderTheConnectionAndNobodyElseAnything) {
  const std::string bad[] = {"", "garbage", std::string("\xdd\xff\xff\xff\xff", 5), std::string(100'000, '\x91'),
                             protocol::encode(protocol::ToWorker{protocol::Goodbye{}}) + "x"};
  auto honest = connect(1);
  ASSERT_TRUE(is_served(honest, kLong));
  std::uint64_t epoch = 2;
  for (const auto& bytes : bad) {
    auto sender = connect(epoch++);
    EXPECT_TRUE(is_served(sender, kLong));
    EXPECT_EQ(sender.channel->send("w", bytes), SendStatus::kAccepted);
    EXPECT_TRUE(is_served(honest, kLong));
    EXPECT_FALSE(is_served(sender, kShort)) << bytes.size() << " bytes";
  }
  EXPECT_TRUE(is_served(honest, kLong));
}

}  // namespace
}  // namespace extfarm
