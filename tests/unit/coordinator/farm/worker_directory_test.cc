// How workers are found, greeted and counted when there are many.
#include "coordinator/farm/worker_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace extfarm {
namespace {

using std::chrono::milliseconds;

class CountingChannel final : public ConnectingChannel {
 public:
  void wait(int, Duration) override {}
  std::optional<Envelope> receive() override { return std::nullopt; }
  SendStatus send(const PeerId& peer, std::string_view) override {
    ++sent[peer];
    return SendStatus::kAccepted;
  }
  void post(const PeerId&, std::string_view) override {}
  void flush() override {}
  void drop(const PeerId&) override {}
  std::vector<ConnectionNews> take_news() override { return {}; }
  Result<PeerId> connect(const std::string& name, const std::string&, const std::string&) override {
    sent[name] = 0;
    return name;
  }
  void disconnect(const PeerId&) override {}

  std::map<PeerId, int> sent;
};

class WorkerDirectoryTest : public testing::Test {
 protected:
  ~WorkerDirectoryTest() override { std::filesystem::remove_all(folder_); }
  void announce(const std::string& name) {
    const Beacon beacon{protocol::kVersion, name, "tcp://127.0.0.1:" + name, key_, "lab01", 2, 7};
    ASSERT_TRUE(write_beacon(folder_, beacon));
  }
  void answer(const std::string& name) {
    protocol::Heartbeat heartbeat;
    heartbeat.worker_epoch = 7;
    heartbeat.worker_name = name;
    heartbeat.knows_coordinator = true;
    EXPECT_TRUE(directory().see(now_, name, heartbeat).joined);
  }
  void look_after(Duration time) {
    now_ = now_ + time;
    directory().refresh(now_);
  }
  WorkerDirectory& directory() {
    if (!directory_) directory_ = std::make_unique<WorkerDirectory>(settings_, channel_);
    return *directory_;
  }

  const std::string key_ = make_key_pair().public_key;
  const std::string folder_ = std::string(std::filesystem::temp_directory_path()) + "/extfarm-directory-" +
                              std::to_string(::getpid());
  DirectorySettings settings_{"", folder_, {}, key_, "me", "here", 1};
  CountingChannel channel_;
  Timestamp now_{std::chrono::seconds(10)};
  std::unique_ptr<WorkerDirectory> directory_;
};

TEST_F(WorkerDirectoryTest, NoMoreWorkersAreConnectedToThanDescriptorsAllowAndThatIsSaidOnce) {
  settings_.most_workers = 2;
  for (const auto* name : {"1", "2", "3", "4"}) announce(name);
  look_after({});
  look_after(std::chrono::seconds(1));
  EXPECT_EQ(channel_.sent.size(), 2u);
  const auto said = directory().take_complaints();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("only 2 workers are used"), std::string::npos) << said[0];
}

TEST_F(WorkerDirectoryTest, TheFileOfAWorkerThatIsConnectedToIsNotReadAgain) {
  announce("1");
  look_after({});
  std::ofstream(folder_ + "/1.json") << "no beacon";
  look_after(std::chrono::seconds(1));
  EXPECT_TRUE(directory().take_complaints().empty());
  announce("2");
  look_after(std::chrono::seconds(1));
  EXPECT_EQ(channel_.sent.size(), 2u);
}

TEST_F(WorkerDirectoryTest, WhoHasNotAnsweredIsGreetedOftenAndWhoHasEverySecond) {
  announce("1");
  announce("2");
  look_after({});
  answer("1");
  for (int i = 0; i < 20; ++i) look_after(milliseconds(50));
  EXPECT_EQ(channel_.sent["1"], 2);
  EXPECT_EQ(channel_.sent["2"], 21);
}

TEST_F(WorkerDirectoryTest, WhoComesLaterIsGreetedAtOnce) {
  announce("1");
  look_after({});
  answer("1");
  announce("2");
  look_after(milliseconds(600));
  EXPECT_EQ(channel_.sent["1"], 1);
  EXPECT_EQ(channel_.sent["2"], 1);
}

}  // namespace
}  // namespace extfarm
