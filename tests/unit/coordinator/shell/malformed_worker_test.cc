// The real extfarm with a worker that does not speak its protocol.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/process/process_runner.h"
#include "common/protocol/messages.h"
#include "common/transport/beacon.h"
#include "common/transport/channel.h"

namespace extfarm {
namespace {

TEST(MalformedWorker, IsNotUsedAndCostsTheBuildNothing) {
  char name[] = "/tmp/extfarm-malformed-XXXXXX";
  const std::string folder = ::mkdtemp(name), bin = EXTFARM_BIN_DIR;
  const auto client = load_or_make_key_pair(folder, "client").value();
  const auto key = make_key_pair();
  auto bound = make_bound_channel("tcp://127.0.0.1:*", key, {client.public_key}).value();
  Beacon beacon;
  beacon.name = beacon.host = "stranger";
  beacon.endpoint = bound->bound_endpoint();
  beacon.public_key = key.public_key;
  beacon.slots = 64;
  beacon.protocol_version = protocol::kVersion;
  ASSERT_TRUE(write_beacon(folder + "/workers", beacon));
  std::filesystem::create_directories(folder + "/project");
  std::ofstream(folder + "/project/a.c") << "int a;\n";

  ProcessRunner runner;
  ProcessRequest request;
  request.program = bin + "/extfarm";
  // Long enough for the stranger's answer to come while the build runs.
  request.argv = {"extfarm", "run", "--key-folder", folder, "--rendezvous", folder + "/workers", "--local", "1", "--",
                  "sh", "-c", "sleep 0.5; " + bin + "/extfarm-cc gcc -c a.c -o a.o; code=$?; sleep 0.5; exit $code"};
  request.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", folder}};
  request.cwd = folder + "/project";
  ASSERT_TRUE(runner.start(request));
  bool was_asked = false;
  std::vector<ProcessExit> exits;
  for (int turns = 0; turns < 1500 && exits.empty(); ++turns) {
    bound->wait(runner.fd(), std::chrono::milliseconds(20));
    while (auto envelope = bound->receive()) {
      was_asked = true;
      bound->send(envelope->peer, std::string("\xdd\xff\xff\xff\xff", 5));
    }
    exits = runner.take_exits();
  }
  ASSERT_EQ(exits.size(), 1u);
  const std::string words = exits[0].stderr_bytes;
  EXPECT_TRUE(was_asked);
  EXPECT_EQ(exits[0].exit_code, 0) << words;
  EXPECT_TRUE(std::filesystem::exists(folder + "/project/a.o"));
  const std::string complaint = "worker stranger sent a message that cannot be read";
  EXPECT_NE(words.find(complaint), std::string::npos) << words;
  EXPECT_EQ(words.find(complaint), words.rfind(complaint)) << "said more than once: " << words;
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace extfarm
