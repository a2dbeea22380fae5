#include "coordinator/diagnosis/checkup.h"

#include <algorithm>
#include <random>

#include "common/protocol/codec.h"
#include "coordinator/diagnosis/reach.h"

namespace extfarm::diagnosis {
namespace {

constexpr LeaseId kLease{1};  // each talk is another coordinator to the worker, with one lease
constexpr Duration kTurn = std::chrono::milliseconds(20);
constexpr Duration kFirstHelloEvery = std::chrono::milliseconds(100), kHelloEvery = std::chrono::seconds(1);
// Of whom nobody hears anything the channel says after five seconds that the handshake failed, as of a wrong
// key at once.
constexpr Duration kHandshakeTimesOut = std::chrono::milliseconds(4500);
constexpr Duration kAskAgainAfter = std::chrono::seconds(3);

std::uint64_t new_epoch() {
  std::random_device random;
  return static_cast<std::uint64_t>(random()) << 32 | random();
}

}  // namespace

void Checkup::add(WorkerFacts facts, const std::string& key) {
  Talk talk;
  talk.epoch = new_epoch();
  talk.facts = std::move(facts);
  if (talk.facts.protocol_version == protocol::kVersion) {
    const auto found = look_up(talk.facts.endpoint);
    talk.facts.reach = found.reach;
    talk.facts.reach_detail = found.detail;
    talk.address = found.address;
    if (found.reach == Reach::kNotTried) {
      // By number, so that what is told of the connection can be told apart.
      const auto peer = channel_.connect("talk-" + std::to_string(talks_.size()), found.address, key);
      if (peer) {
        talk.peer = *peer;
      } else {
        talk.facts.reach = Reach::kMalformed;
        talk.facts.reach_detail = peer.error().message;
      }
    }
  }
  talks_.push_back(std::move(talk));
}

bool Checkup::has_answered_all(const Talk& talk) const {
  return talk.facts.greeting == Greeting::kAnswered && talk.facts.tools.size() == questions_.tools.size() &&
         (talk.facts.attempt || !questions_.action);
}

bool Checkup::is_over(const Talk& talk, Timestamp now) const {
  if (talk.peer.empty() || talk.was_refused || talk.facts.greeting == Greeting::kAnotherAnswered) return true;
  if (talk.facts.greeting == Greeting::kAnswered)
    return has_answered_all(talk) || now - started_ > patience_.answers;
  const auto reach = talk.facts.reach;
  if (reach != Reach::kNotTried && reach != Reach::kOpen) return true;
  return now - started_ > patience_.listener;
}

bool Checkup::send(const Talk& talk, const protocol::ToWorker& message) {
  return channel_.send(talk.peer, protocol::encode(message)) == SendStatus::kAccepted;
}

void Checkup::speak(Talk& talk, Timestamp now) {
  const bool answered = talk.facts.greeting == Greeting::kAnswered;
  if (!talk.is_greeted || now - talk.last_greeting >= (answered ? kHelloEvery : kFirstHelloEvery)) {
    protocol::Hello hello;
    hello.coordinator_epoch = talk.epoch;
    hello.host = questions_.host;
    hello.user = questions_.user;
    if (talk.last_questions && !talk.facts.attempt) hello.leases_known = {kLease};
    if (send(talk, hello)) {
      if (!std::exchange(talk.is_greeted, true)) talk.first_greeting = now;
      talk.last_greeting = now;
    }
  }
  if (!answered || has_answered_all(talk)) return;
  if (talk.last_questions && now - *talk.last_questions < kAskAgainAfter) return;
  talk.last_questions = now;
  if (questions_.action && !talk.facts.attempt) send(talk, protocol::StartAction{kLease, *questions_.action});
  for (const auto& spec : questions_.tools) {
    const bool is_known = std::any_of(talk.facts.tools.begin(), talk.facts.tools.end(),
                                      [&](const auto& probed) { return probed.spec == spec; });
    if (!is_known) send(talk, protocol::ProbeToolchain{spec});
  }
}

void Checkup::hear_heartbeat(Talk& talk, const protocol::Heartbeat& heartbeat) {
  if (heartbeat.version != protocol::kVersion || !heartbeat.knows_coordinator) return;
  auto& facts = talk.facts;
  facts.host = heartbeat.host;
  if (!facts.name.empty() && facts.name != heartbeat.worker_name) {
    facts.greeting = Greeting::kAnotherAnswered;
    facts.other_name = heartbeat.worker_name;
    send(talk, protocol::Goodbye{});
    return;
  }
  if (facts.greeting != Greeting::kAnswered) {
    facts.greeting = Greeting::kAnswered;
    facts.round_trip = clock_.now() - talk.first_greeting;
    facts.clock_ahead_ns = heartbeat.realtime_ns - realtime_ns();
  }
  facts.heartbeat = heartbeat;
}

void Checkup::hear(Talk& talk, const protocol::ToCoordinator& message) {
  auto& facts = talk.facts;
  if (const auto* heartbeat = std::get_if<protocol::Heartbeat>(&message))
    return hear_heartbeat(talk, *heartbeat);
  if (const auto* probed = std::get_if<protocol::ToolchainProbed>(&message)) {
    const bool is_asked =
        std::find(questions_.tools.begin(), questions_.tools.end(), probed->spec) != questions_.tools.end();
    const bool is_known = std::any_of(facts.tools.begin(), facts.tools.end(),
                                      [&](const auto& t) { return t.spec == probed->spec; });
    if (is_asked && !is_known) facts.tools.push_back(*probed);
  } else if (const auto* report = std::get_if<protocol::Report>(&message)) {
    if (report->lease != kLease) return;
    facts.attempt = report->outcome;
    send(talk, protocol::RevokeLease{kLease});
  }
}

void Checkup::read_news() {
  const bool tells_of_keys = clock_.now() - started_ < kHandshakeTimesOut;
  for (const auto& news : channel_.take_news()) {
    for (auto& talk : talks_) {
      if (talk.address != news.endpoint) continue;
      if (news.kind == ConnectionNews::Kind::kRefusedByPeer) talk.was_refused = true;
      if (news.kind == ConnectionNews::Kind::kHandshakeFailed && tells_of_keys) talk.had_other_key = true;
    }
  }
}

std::vector<WorkerFacts> Checkup::run() {
  started_ = clock_.now();
  bool has_looked = false;
  for (bool is_open = true; is_open;) {
    is_open = false;
    if (!has_looked && clock_.now() - started_ > patience_.greeting) {
      has_looked = true;
      look_at_silent();
    }
    for (auto& talk : talks_) {
      if (is_over(talk, clock_.now())) continue;
      is_open = true;
      speak(talk, clock_.now());
    }
    if (!is_open) break;
    channel_.wait(-1, kTurn);
    while (auto envelope = channel_.receive()) {
      const auto talk =
          std::find_if(talks_.begin(), talks_.end(), [&](const auto& t) { return t.peer == envelope->peer; });
      const auto message = protocol::decode_to_coordinator(envelope->bytes);
      if (talk == talks_.end()) continue;
      if (message)
        hear(*talk, *message);
      else
        channel_.drop(envelope->peer);
    }
    read_news();
  }
  conclude();
  std::vector<WorkerFacts> out;
  for (auto& talk : talks_) out.push_back(std::move(talk.facts));
  return out;
}

void Checkup::look_at_silent() {
  std::vector<Talk*> silent;
  std::vector<std::string> addresses;
  for (auto& talk : talks_) {
    if (talk.peer.empty() || talk.was_refused || talk.facts.greeting != Greeting::kNotTried) continue;
    silent.push_back(&talk);
    addresses.push_back(talk.address);
  }
  const auto reached = try_connections(addresses, patience_.connection);
  for (std::size_t i = 0; i < silent.size(); ++i) {
    silent[i]->facts.reach = reached[i].reach;
    silent[i]->facts.reach_detail = reached[i].detail;
  }
}

// Tells apart those who did not answer, and ends.
void Checkup::conclude() {
  for (auto& talk : talks_) {
    auto& facts = talk.facts;
    if (facts.greeting == Greeting::kAnswered) send(talk, protocol::Goodbye{});
    if (talk.peer.empty() || facts.greeting != Greeting::kNotTried) continue;
    const auto other = std::find_if(talks_.begin(), talks_.end(), [&](const auto& t) {
      return t.address == talk.address && t.facts.greeting == Greeting::kAnswered;
    });
    if (other != talks_.end()) {
      facts.greeting = facts.name.empty() ? Greeting::kOtherKey : Greeting::kAnotherAnswered;
      facts.other_name = other->facts.name;
    } else if (talk.was_refused || talk.had_other_key) {
      facts.greeting = talk.was_refused ? Greeting::kKeyRefused : Greeting::kOtherKey;
    } else {
      facts.greeting = Greeting::kSilent;
    }
  }
}

}  // namespace extfarm::diagnosis
