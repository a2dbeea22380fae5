#include "coordinator/front_door/front_door.h"

#include "coordinator/front_door/live_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

namespace extfarm::front_door {
namespace {

using nlohmann::json;

// A front end of the test's own: a blocking socket and line reading.
class Client {
 public:
  explicit Client(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  void say(const std::string& bytes) {
    ASSERT_EQ(::write(fd_, bytes.data(), bytes.size()), ssize_t(bytes.size()));
  }
  std::string read_line() {
    std::string line;
    for (char c; ::read(fd_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  bool is_closed() {
    char c;
    return ::recv(fd_, &c, 1, 0) == 0;
  }
  bool connected_ = false;
  int fd_ = -1;
};

class FrontDoorTest : public testing::Test {
 protected:
  FrontDoorTest() {
    folder_ = testing::TempDir() + "/door-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    door_ = std::move(*FrontDoor::open(folder_ + "/d", "/project"));
    door_->set_slots(7);
  }
  ~FrontDoorTest() override { std::filesystem::remove_all(folder_); }
  // Events of the next readiness of the door.
  std::vector<DoorEvent> wait_for_events() {
    pollfd fd{door_->fd(), POLLIN, 0};
    ::poll(&fd, 1, 5000);
    return door_->take_events();
  }
  std::vector<DoorEvent> wait_for_some() {
    for (int turns = 0; turns < 100; ++turns) {
      if (auto events = wait_for_events(); !events.empty()) return events;
    }
    return {};
  }
  std::string folder_;
  std::unique_ptr<FrontDoor> door_;
};

const std::string kHello = R"({"op":"hello","version":1,"client":"t","environment":{"PATH":"/bin"}})"
                           "\n";
const std::string kSubmit =
    R"({"op":"submit","id":"9","kind":"compile","argv":["gcc","-c","a.c"],"cwd":"/p"})"
    "\n";

TEST_F(FrontDoorTest, ASubmissionCarriesTheEnvironmentOfItsHello) {
  Client client(folder_ + "/d");
  client.say(kHello + kSubmit);
  const auto events = wait_for_some();
  ASSERT_EQ(events.size(), 1u);
  const auto& submitted = std::get<Submitted>(events[0]);
  EXPECT_EQ(submitted.request.argv, (std::vector<std::string>{"gcc", "-c", "a.c"}));
  EXPECT_EQ(submitted.request.environment.at("PATH"), "/bin");
  const auto welcome = json::parse(client.read_line());
  EXPECT_EQ(welcome.at("slots"), 7);
  EXPECT_EQ(welcome.at("project_root"), "/project");
}

TEST_F(FrontDoorTest, AnAnswerReturnsBytesThatAreNoText) {
  Client client(folder_ + "/d");
  client.say(kHello + kSubmit);
  const auto events = wait_for_some();
  door_->answer(std::get<Submitted>(events.at(0)).connection, {"9", "failed", 1, "", "caf\xe9", ""});
  client.read_line();
  const auto answer = json::parse(client.read_line());
  EXPECT_EQ(answer.at("exit_code"), 1);
  EXPECT_EQ(answer.at("stderr").at("base64"), "Y2Fm6Q==");
}

TEST_F(FrontDoorTest, ALineThatArrivesInPiecesIsOneRequest) {
  Client client(folder_ + "/d");
  client.say(kHello + kSubmit.substr(0, 20));
  EXPECT_TRUE(wait_for_events().empty());
  client.say(kSubmit.substr(20));
  EXPECT_EQ(wait_for_some().size(), 1u);
}

TEST_F(FrontDoorTest, AnUnreadableRequestCostsItsSenderTheConnectionAndNobodyElse) {
  Client good(folder_ + "/d"), bad(folder_ + "/d");
  good.say(kHello);
  bad.say("{\"op\":\n");
  const auto events = wait_for_some();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<ConnectionClosed>(events[0]));
  EXPECT_EQ(json::parse(bad.read_line()).at("op"), "error");
  EXPECT_TRUE(bad.is_closed());
  good.say(kSubmit);
  EXPECT_EQ(wait_for_some().size(), 1u);
}

TEST_F(FrontDoorTest, ASubmissionBeforeHelloIsRefused) {
  Client client(folder_ + "/d");
  client.say(kSubmit);
  wait_for_some();
  EXPECT_EQ(json::parse(client.read_line()).at("message"), "the first message must be hello");
}

TEST_F(FrontDoorTest, ARelativeFolderIsNamedInTheError) {
  EXPECT_NE(parse_request(R"({"op":"submit","id":"1","kind":"compile","argv":["gcc"],"cwd":"p"})")
                .error()
                .message.find("cwd"),
            std::string::npos);
}

TEST_F(FrontDoorTest, ACommandThatRanLocallyTellsItsSecondsAndWhetherItWasTold) {
  const auto asked = parse_request(R"({"op":"local","kind":"compile","reason":"probe","seconds":0.25,"answered":true})");
  ASSERT_TRUE(asked);
  EXPECT_EQ(std::get<LocalRequest>(*asked).seconds, 0.25);
  EXPECT_TRUE(std::get<LocalRequest>(*asked).was_answered);
  const auto bare = parse_request(R"({"op":"local","reason":"probe"})");
  ASSERT_TRUE(bare);
  EXPECT_EQ(std::get<LocalRequest>(*bare).seconds, 0);
  EXPECT_FALSE(std::get<LocalRequest>(*bare).was_answered);
  EXPECT_FALSE(parse_request(R"({"op":"local","reason":"probe","seconds":-1})"));
}

TEST_F(FrontDoorTest, AClosedConnectionIsAnEvent) {
  {
    Client client(folder_ + "/d");
    client.say(kHello);
  }
  const auto events = wait_for_some();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<ConnectionClosed>(events[0]));
}

TEST_F(FrontDoorTest, ServesHundredsOfConnectionsAtOnce) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 400; ++i) {
    clients.push_back(std::make_unique<Client>(folder_ + "/d"));
    ASSERT_TRUE(clients.back()->connected_);
    door_->take_events();
  }
  clients.back()->say(kHello + kSubmit);
  EXPECT_EQ(wait_for_some().size(), 1u);
}

TEST_F(FrontDoorTest, WhereDescriptorsAreFewTheOthersWaitAtTheDoor) {
  rlimit usual{};
  ::getrlimit(RLIMIT_NOFILE, &usual);
  const rlimit few{64, usual.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  door_.reset();
  door_ = std::move(*FrontDoor::open(folder_ + "/d", "/project"));
  ::setrlimit(RLIMIT_NOFILE, &usual);  // for the clients
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<Client>(folder_ + "/d"));
    ASSERT_TRUE(clients.back()->connected_);
  }
  clients.back()->say(kHello + kSubmit);
  door_->take_events();
  pollfd ready{door_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0) << "it would be asked again and again";
  clients.erase(clients.begin(), clients.begin() + 30);
  bool is_submitted = false;
  for (int turns = 0; turns < 10 && !is_submitted; ++turns) {
    for (const auto& event : wait_for_events()) is_submitted |= std::holds_alternative<Submitted>(event);
  }
  EXPECT_TRUE(is_submitted);
}

TEST_F(FrontDoorTest, AConnectionWaitsUntilAllThatItAskedIsAnswered) {
  Client client(folder_ + "/d");
  client.say(kHello + kSubmit + kSubmit);
  const auto id = std::get<Submitted>(wait_for_some().at(0)).connection;
  EXPECT_EQ(door_->waiting_count(), 1u);
  door_->answer(id, {"9", "built", 0, "", "", ""});
  EXPECT_EQ(door_->waiting_count(), 1u);
  door_->answer(id, {"9", "built", 0, "", "", ""});
  EXPECT_EQ(door_->waiting_count(), 0u);
}

TEST_F(FrontDoorTest, OneThatGoesAwayWaitsNoMore) {
  auto client = std::make_unique<Client>(folder_ + "/d");
  client->say(kHello + kSubmit);
  wait_for_some();
  client.reset();
  wait_for_some();
  EXPECT_EQ(door_->waiting_count(), 0u);
}

TEST_F(FrontDoorTest, AnswersBeyondThoseAllowedAreHeldInTheirOrder) {
  Client first(folder_ + "/d"), second(folder_ + "/d"), third(folder_ + "/d");
  std::vector<ConnectionId> ids;
  for (auto* client : {&first, &second, &third}) {
    client->say(kHello + kSubmit);
    ids.push_back(std::get<Submitted>(wait_for_some().at(0)).connection);
    client->read_line();
  }
  door_->allow_answers(1);
  for (const auto id : ids) door_->answer(id, {"9", "built", 0, "", "", ""});
  EXPECT_EQ(door_->waiting_count(), 2u);
  EXPECT_EQ(door_->held_count(), 2u);
  EXPECT_EQ(json::parse(first.read_line()).at("op"), "answer");
  door_->allow_answers(1);
  EXPECT_EQ(json::parse(second.read_line()).at("op"), "answer");
  EXPECT_EQ(door_->held_count(), 1u);
  door_->allow_answers(FrontDoor::kAllAnswers);
  EXPECT_EQ(json::parse(third.read_line()).at("op"), "answer");
}

TEST_F(FrontDoorTest, ASlotAndANumberOfJobsAreAskedFor) {
  Client client(folder_ + "/d");
  client.say(kHello + R"({"op":"local_slot","id":"2"})" "\n" R"({"op":"jobs","id":"3"})" "\n");
  const auto events = wait_for_some();
  ASSERT_EQ(events.size(), 2u);
  const auto& slot = std::get<LocalSlotWanted>(events[0]);
  door_->let_run(slot.connection, slot.id);
  door_->tell_jobs(slot.connection, std::get<JobsWanted>(events[1]).id, 18);
  client.read_line();
  EXPECT_EQ(json::parse(client.read_line()), json::parse(R"({"op":"go","id":"2"})"));
  EXPECT_EQ(json::parse(client.read_line()), json::parse(R"({"op":"jobs","id":"3","jobs":18})"));
}

// Otherwise those who wait for a slot would keep out whom the holders of slots have started, and wait for.
TEST_F(FrontDoorTest, HalfOfTheRoomIsNotForThoseWhoWaitForASlot) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{200, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  auto small = FrontDoor::open(folder_ + "/small", "/p");  // room for fifty
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(small);
  std::deque<Client> clients;
  std::size_t wanted_count = 0;
  const auto ask = [&] {
    clients.emplace_back(folder_ + "/small").say(kHello + R"({"op":"local_slot","id":"2"})" "\n");
    for (int i = 0; i < 20; ++i) {
      pollfd fd{(*small)->fd(), POLLIN, 0};
      if (::poll(&fd, 1, 20) == 0) break;
      for (const auto& event : (*small)->take_events()) wanted_count += std::holds_alternative<LocalSlotWanted>(event);
    }
  };
  for (int i = 0; i < 25; ++i) ask();
  EXPECT_EQ(wanted_count, 25u);
  ask();
  EXPECT_EQ(wanted_count, 25u);
  clients.back().read_line();
  EXPECT_EQ(json::parse(clients.back().read_line()), json::parse(R"({"op":"later","id":"2"})"));
  EXPECT_TRUE(clients.back().is_closed());
  clients.pop_front();
  ask();
  EXPECT_EQ(wanted_count, 26u);
}

// Also where the socket's mode would let it in: who connects is asked of the kernel.
TEST_F(FrontDoorTest, AClientOfAnotherUserIsTurnedAwayUnread) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  struct stat st {};
  ASSERT_EQ(::stat((folder_ + "/d").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  ::chmod(folder_.c_str(), 0777);
  ::chmod((folder_ + "/d").c_str(), 0777);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    Client client(folder_ + "/d");
    static_cast<void>(::send(client.fd_, (kHello + kSubmit).data(), (kHello + kSubmit).size(), MSG_NOSIGNAL));
    char c;
    const auto n = ::recv(client.fd_, &c, 1, 0);  // 0, or an error where what it said was not read
    ::_exit(client.connected_ && n <= 0 ? 0 : 1);
  }
  int status = -1;
  for (int turns = 0; turns < 100 && ::waitpid(stranger, &status, WNOHANG) == 0; ++turns) {
    pollfd fd{door_->fd(), POLLIN, 0};
    ::poll(&fd, 1, 50);
    EXPECT_TRUE(door_->take_events().empty());
  }
  EXPECT_EQ(status, 0);
  Client own(folder_ + "/d");
  EXPECT_TRUE(own.connected_);
}

TEST_F(FrontDoorTest, WhoAsksHowTheBuildIsIsToldThroughALinkToo) {
  const auto link = folder_ + "/link";
  std::filesystem::create_symlink(folder_ + "/d", link);
  auto answer = std::async(std::launch::async, [&] { return ask_live(link); });
  std::vector<DoorEvent> events;
  for (int i = 0; i < 100 && events.empty(); ++i) events = wait_for_events();
  ASSERT_EQ(events.size(), 1u);
  const auto& asked = std::get<LiveWanted>(events[0]);
  door_->tell_live(asked.connection, asked.id, R"({"schema":1})");
  const auto told = answer.get();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(json::parse(*told), json::parse(R"({"schema":1})"));
}

TEST_F(FrontDoorTest, WhereNobodyListensNoBuildRuns) {
  const auto told = ask_live(folder_ + "/nobody");
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kNotFound);
}

// A door is found in a project's folder, which may be anybody's.
TEST_F(FrontDoorTest, WhatIsNoAnswerIsRefused) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = folder_ + "/other";
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  for (const std::string line : {"{\"op\":7}\n", "[]\n", "no JSON\n", "{\"op\":\"live\"}\n", ""}) {
    auto answer = std::async(std::launch::async, [&] { return ask_live(path); });
    const int fd = ::accept(listener, nullptr, nullptr);
    ASSERT_EQ(::write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    ::shutdown(fd, SHUT_WR);
    const auto told = answer.get();
    ASSERT_FALSE(told) << line;
    EXPECT_EQ(told.error().code, ErrorCode::kMalformed) << line;
    ::close(fd);
  }
  ::close(listener);
}

}  // namespace
}  // namespace extfarm::front_door
