// The real extfarm-worker and clients whose keys it admits, or did.
#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/base/descriptor.h"
#include "common/system/filesystem.h"
#include "real_worker.h"

namespace extfarm {
namespace {

Descriptor dial(const std::string& endpoint) {
  Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  static_cast<void>(::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  return out;
}

// Whether a process on this machine has `word` as the last of its command line.
bool is_running(const std::string& word) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto line = PosixFilesystem().read(entry.path().string() + "/cmdline");
    if (line && line->ends_with(std::string(1, '\0') + word + '\0')) return true;
  }
  return false;
}

// Of `condition`, asked again for at most ten seconds.
template <class Condition>
bool comes_true(Condition condition) {
  for (int turns = 0; turns < 500; ++turns) {
    if (condition()) return true;
    ::usleep(20'000);
  }
  return false;
}

class HostileClient : public RealWorker {
 protected:
  void admit(const std::vector<KeyPair>& keys) const {
    const std::string path = folder_ + "/authorized_keys", made = path + ".new";
    std::ofstream file(made);
    for (const auto& key : keys) file << key.public_key << " somebody\n";
    file.close();
    std::filesystem::rename(made, path);
  }
  // The file is looked at each second; who was refused has to connect anew.
  bool is_served_in_the_end(std::uint64_t epoch, const KeyPair& key) const {
    for (int turns = 0; turns < 20; ++turns) {
      auto coordinator = connect(epoch, key);
      if (is_served(coordinator, kShort)) return true;
    }
    return false;
  }
  // Returns the word by which the process is known.
  std::string start_sleeping(Coordinator& coordinator) const {
    Action action;
    action.kind = ActionKind::kOther;
    action.program = "/usr/bin/sleep";
    action.argv = {"sleep", "1000." + std::to_string(::getpid())};
    action.cwd = folder_;
    action.view_roots = {folder_ + "/tree"};
    std::filesystem::create_directories(folder_ + "/tree");
    coordinator.channel->send("w", protocol::encode(protocol::ToWorker{protocol::StartAction{LeaseId{7}, action}}));
    EXPECT_TRUE(comes_true([&] { return is_running(action.argv[1]); }));
    return action.argv[1];
  }
  KeyPair other_ = make_key_pair();
};

TEST_F(HostileClient, AKeyIsAdmittedAndRevokedWhileTheWorkerRuns) {
  auto honest = connect(1), late = connect(2, other_);
  ASSERT_TRUE(is_served(honest, kLong));
  EXPECT_FALSE(is_served(late, kShort));
  admit({client_, other_});
  EXPECT_TRUE(is_served_in_the_end(2, other_));
  late = connect(3, other_);
  EXPECT_TRUE(is_served(late, kLong));
  admit({client_});
  EXPECT_TRUE(comes_true([&] { return !is_served(late, kShort); }));
  EXPECT_TRUE(is_served(honest, kLong));
}

TEST_F(HostileClient, ARevokedKeysActionIsStopped) {
  auto honest = connect(1);
  ASSERT_TRUE(is_served(honest, kLong));
  const auto word = start_sleeping(honest);
  admit({other_});
  EXPECT_TRUE(comes_true([&] { return !is_running(word); }));
}

TEST_F(HostileClient, AListThatCannotBeReadChangesNothing) {
  auto honest = connect(1);
  ASSERT_TRUE(is_served(honest, kLong));
  std::ofstream(folder_ + "/authorized_keys") << "no key\n";
  for (int turns = 0; turns < 4; ++turns) {
    EXPECT_TRUE(is_served(honest, kLong));
    ::usleep(500'000);  // the file is looked at each second
  }
  EXPECT_FALSE(is_served(*std::make_unique<Coordinator>(connect(2, other_)), kShort));
}

// It would be sent the other's results, and a hello without leases would end all that the other has.
TEST_F(HostileClient, AnothersEpochIsNotTakenOver) {
  admit({client_, other_});
  auto honest = connect(1);
  ASSERT_TRUE(is_served(honest, kLong));
  ASSERT_TRUE(is_served_in_the_end(2, other_));
  const auto word = start_sleeping(honest);
  auto thief = connect(1, other_);
  EXPECT_FALSE(is_served(thief, kShort));
  EXPECT_TRUE(is_running(word));
  EXPECT_TRUE(is_served(honest, kLong));
}

// With few descriptors: the flood takes all there are.
TEST_F(HostileClient, AFloodOfConnectionsThatSayNothingEndsWithTheirHandshakes) {
  const rlimit few{200, 200};
  ASSERT_EQ(::prlimit(*runner_.pid(worker_), RLIMIT_NOFILE, &few, nullptr), 0);
  std::vector<Descriptor> strangers;
  for (int i = 0; i < 600; ++i) strangers.push_back(dial(beacon_.endpoint));
  auto honest = connect(1);
  EXPECT_TRUE(is_served(honest, 3 * kLong));
  EXPECT_TRUE(words().empty()) << words();
}

}  // namespace
}  // namespace extfarm
