// The real extfarm-worker, and clients of it that say what a test wants said.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/process/process_runner.h"
#include "common/protocol/codec.h"
#include "common/transport/beacon.h"
#include "common/transport/channel.h"

namespace extfarm {

inline constexpr Duration kStep = std::chrono::milliseconds(20);
inline constexpr Duration kLong = std::chrono::seconds(10);
inline constexpr Duration kShort = std::chrono::milliseconds(500);

class RealWorker : public testing::Test {
 protected:
  RealWorker() : client_(*load_or_make_key_pair(make_folder(), "client")) {
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
  ~RealWorker() override {
    runner_.stop(worker_, Duration{0});
    while (runner_.running_count() > 0) words();
    std::filesystem::remove_all(folder_);
  }
  std::string make_folder() {
    char name[] = "/tmp/extfarm-real-worker-XXXXXX";
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
  Coordinator connect(std::uint64_t epoch) const { return connect(epoch, client_); }
  Coordinator connect(std::uint64_t epoch, const KeyPair& key) const {
    Coordinator out{*make_connecting_channel(key), epoch, 0};
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

}  // namespace extfarm
