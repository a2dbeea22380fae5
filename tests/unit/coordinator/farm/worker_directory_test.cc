// How workers are found, greeted and counted.
#include "coordinator/farm/worker_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/protocol/codec.h"

namespace extfarm {
namespace {

using std::chrono::milliseconds;

// The workers' end is the test: it sees what is said to each peer.
class Connections final : public ConnectingChannel {
 public:
  Result<PeerId> connect(const std::string& name, const std::string&, const std::string&) override {
    greetings[name] = 0;
    return name;
  }
  void disconnect(const PeerId&) override {}
  void wait(int, Duration) override {}
  std::optional<Envelope> receive() override { return std::nullopt; }
  SendStatus send(const PeerId& peer, std::string_view bytes) override {
    const auto message = protocol::decode_to_worker(bytes);
    const auto* hello = message ? std::get_if<protocol::Hello>(&*message) : nullptr;
    if (hello == nullptr) return SendStatus::kAccepted;
    ++greetings[peer];
    last[peer] = *hello;
    return SendStatus::kAccepted;
  }
  void post(const PeerId&, const std::function<void(std::string&)>&) override {}
  void flush() override {}
  void drop(const PeerId&) override {}
  std::vector<ConnectionNews> take_news() override { return {}; }

  std::map<PeerId, int> greetings;        // since the connection
  std::map<PeerId, protocol::Hello> last;
};

class WorkerDirectoryTest : public testing::Test {
 protected:
  ~WorkerDirectoryTest() override { std::filesystem::remove_all(folder_); }
  void announce(const std::string& name) {
    const Beacon beacon{protocol::kVersion, name, "tcp://127.0.0.1:" + name, key_, "lab01", 2, 7};
    ASSERT_TRUE(write_beacon(folder_, beacon));
  }
  WorkerDirectory::Sighting beat(const std::string& name, std::uint64_t epoch) {
    protocol::Heartbeat heartbeat;
    heartbeat.worker_epoch = epoch;
    heartbeat.worker_name = "w" + std::to_string(epoch);
    heartbeat.knows_coordinator = true;
    return directory().see(now_, name, heartbeat);
  }
  void answer(const std::string& name) { EXPECT_TRUE(beat(name, 7).joined); }
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
  Connections channel_;
  Timestamp now_{std::chrono::seconds(10)};
  std::unique_ptr<WorkerDirectory> directory_;
};

TEST_F(WorkerDirectoryTest, NoMoreWorkersAreConnectedToThanDescriptorsAllowAndThatIsSaidOnce) {
  settings_.most_workers = 2;
  for (const auto* name : {"1", "2", "3", "4"}) announce(name);
  look_after({});
  look_after(std::chrono::seconds(1));
  EXPECT_EQ(channel_.greetings.size(), 2u);
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
  EXPECT_EQ(channel_.greetings.size(), 2u);
}

TEST_F(WorkerDirectoryTest, WhoHasNotAnsweredIsGreetedOftenAndWhoHasEverySecond) {
  announce("1");
  announce("2");
  look_after({});
  answer("1");
  for (int i = 0; i < 20; ++i) look_after(milliseconds(50));
  EXPECT_EQ(channel_.greetings["1"], 2);
  EXPECT_EQ(channel_.greetings["2"], 21);
}

TEST_F(WorkerDirectoryTest, WhoComesLaterIsGreetedAtOnce) {
  announce("1");
  look_after({});
  answer("1");
  announce("2");
  look_after(milliseconds(600));
  EXPECT_EQ(channel_.greetings["1"], 1);
  EXPECT_EQ(channel_.greetings["2"], 1);
}

TEST_F(WorkerDirectoryTest, AWorkerWithTwoAddressesIsOneAndIsGreetedByTheFirst) {
  announce("1");
  announce("2");
  look_after({});
  const auto first = beat("1", 7);
  ASSERT_TRUE(first.joined);
  first.worker->leases = {LeaseId{31}};
  look_after(std::chrono::seconds(1));
  EXPECT_TRUE(channel_.last["1"].has_heard);
  EXPECT_EQ(channel_.last["1"].leases_known, std::vector<LeaseId>{LeaseId{31}});
  EXPECT_FALSE(channel_.last["2"].has_heard);  // so that it does not end the lease of the other connection
  const auto second = beat("2", 7);
  EXPECT_FALSE(second.joined);
  EXPECT_EQ(second.worker, first.worker);
  EXPECT_EQ(directory().workers().size(), 1u);
  EXPECT_TRUE(directory().all_have_answered());
  channel_.greetings = {};
  look_after(std::chrono::seconds(2));
  EXPECT_EQ(channel_.greetings, (std::map<PeerId, int>{{"1", 1}}));
  const auto said = directory().take_complaints();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("tcp://127.0.0.1:2"), std::string::npos) << said[0];
}

TEST_F(WorkerDirectoryTest, TheNextLifeOfAWorkerWithTwoAddressesIsLostAndFoundOnce) {
  announce("1");
  announce("2");
  look_after({});
  const auto first = beat("1", 7).worker->id;
  beat("2", 7);
  const auto again = beat("1", 8);
  EXPECT_EQ(again.lost, first);
  EXPECT_TRUE(again.joined);
  const auto by_the_other = beat("2", 8);
  EXPECT_FALSE(by_the_other.lost);
  EXPECT_FALSE(by_the_other.joined);
  EXPECT_EQ(by_the_other.worker, again.worker);
}

TEST_F(WorkerDirectoryTest, TwoWorkersAreTwo) {
  announce("1");
  announce("2");
  look_after({});
  beat("1", 7);
  EXPECT_TRUE(beat("2", 8).joined);
  EXPECT_EQ(directory().workers().size(), 2u);
}

}  // namespace
}  // namespace extfarm
