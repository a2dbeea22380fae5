#include "coordinator/farm/worker_directory.h"

#include <gtest/gtest.h>

#include <utility>

#include "common/protocol/codec.h"

namespace extfarm {
namespace {

// The workers' end is the test: it sees what is said to each peer.
class Connections : public ConnectingChannel {
 public:
  Result<PeerId> connect(const std::string& name, const std::string&, const std::string&) override { return name; }
  void disconnect(const PeerId&) override {}
  void wait(int, Duration) override {}
  std::optional<Envelope> receive() override { return std::nullopt; }
  SendStatus send(const PeerId& peer, std::string_view bytes) override {
    said_.emplace_back(peer, bytes);
    return SendStatus::kAccepted;
  }
  void post(const PeerId& peer, std::string_view bytes) override { send(peer, bytes); }
  void flush() override {}
  void drop(const PeerId&) override {}
  std::vector<ConnectionNews> take_news() override { return {}; }

  // Since the last call: who was greeted, with the leases that were named.
  std::map<PeerId, std::vector<LeaseId>> take_greetings() {
    std::map<PeerId, std::vector<LeaseId>> greetings;
    for (const auto& [peer, bytes] : std::exchange(said_, {})) {
      const auto message = protocol::decode_to_worker(bytes);
      if (const auto* hello = message ? std::get_if<protocol::Hello>(&*message) : nullptr) greetings[peer] = hello->leases_known;
    }
    return greetings;
  }

 private:
  std::vector<std::pair<PeerId, std::string>> said_;
};

class Directory : public testing::Test {
 protected:
  protocol::Heartbeat heartbeat(std::uint64_t epoch) {
    protocol::Heartbeat beat;
    beat.worker_epoch = epoch;
    beat.worker_name = "w-" + std::to_string(epoch);
    beat.knows_coordinator = true;
    beat.slots = 4;
    return beat;
  }
  std::map<PeerId, std::vector<LeaseId>> greetings_after(Duration pause) {
    now_ = now_ + pause;
    directory_.refresh(now_);
    return channel_.take_greetings();
  }

  static constexpr auto kLater = std::chrono::seconds(2);
  const PeerId by_number_ = "tcp://192.0.2.1:7170", by_name_ = "tcp://lab1:7170";
  Timestamp now_;
  Connections channel_;
  WorkerDirectory directory_{{"", "", {by_number_, by_name_}, "key", "user", "host", 1}, channel_};
};

TEST_F(Directory, AWorkerWithTwoAddressesIsOneAndIsGreetedByTheFirst) {
  EXPECT_EQ(greetings_after(kLater).size(), 2u);
  const auto first = directory_.see(now_, by_number_, heartbeat(7));
  ASSERT_TRUE(first.joined);
  first.worker->leases = {LeaseId{31}};
  // It may be that very worker, and shall not take its lease for one that is not wanted.
  EXPECT_EQ(greetings_after(kLater).at(by_name_), std::vector<LeaseId>{LeaseId{31}});
  const auto second = directory_.see(now_, by_name_, heartbeat(7));
  EXPECT_FALSE(second.joined);
  EXPECT_EQ(second.worker, first.worker);
  EXPECT_EQ(directory_.workers().size(), 1u);
  EXPECT_TRUE(directory_.all_have_answered());
  const auto greetings = greetings_after(kLater);
  ASSERT_EQ(greetings.size(), 1u);
  EXPECT_EQ(greetings.begin()->first, by_number_);
  const auto complaints = directory_.take_complaints();
  ASSERT_EQ(complaints.size(), 1u);
  EXPECT_NE(complaints[0].find(by_name_), std::string::npos) << complaints[0];
}

TEST_F(Directory, ItsNextLifeIsLostAndFoundOnce) {
  greetings_after(kLater);
  const auto first = directory_.see(now_, by_number_, heartbeat(7)).worker->id;
  directory_.see(now_, by_name_, heartbeat(7));
  const auto again = directory_.see(now_, by_number_, heartbeat(8));
  EXPECT_EQ(again.lost, first);
  EXPECT_TRUE(again.joined);
  const auto by_name = directory_.see(now_, by_name_, heartbeat(8));
  EXPECT_FALSE(by_name.lost);
  EXPECT_FALSE(by_name.joined);
  EXPECT_EQ(by_name.worker, again.worker);
}

TEST_F(Directory, TwoWorkersAreTwo) {
  greetings_after(kLater);
  const auto first = directory_.see(now_, by_number_, heartbeat(7));
  const auto second = directory_.see(now_, by_name_, heartbeat(8));
  EXPECT_TRUE(second.joined);
  EXPECT_NE(first.worker, second.worker);
  EXPECT_EQ(greetings_after(kLater).size(), 2u);
}

}  // namespace
}  // namespace extfarm
