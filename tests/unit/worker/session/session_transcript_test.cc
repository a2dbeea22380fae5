// Plays tests/transcripts/session_*.txt to the worker's session.
#include <gtest/gtest.h>

#include "tests/transcripts/transcript.h"
#include "worker/session/session.h"

namespace extfarm::session {
namespace {

using transcripts::Line;

const std::string kFolder = std::string(EXTFARM_SOURCE_DIR) + "/tests/transcripts";

// "seen people=alice:400,bob:2 load=1.5 minute=540": who is logged in, with the seconds since their last input.
MachineSeen seen_of(const Line& line) {
  MachineSeen seen;
  seen.knows_people = !line.says("nobody-knows-who");
  for (const auto& one : transcripts::split(line.value("people", ""))) {
    const auto colon = one.find(':');
    seen.people.push_back({one.substr(0, colon), "is-at-the-console", from_seconds(std::stod(one.substr(colon + 1)))});
  }
  seen.others_busy = std::stod(line.value("load", "0"));
  seen.minute_of_week = static_cast<std::uint32_t>(std::stoul(line.value("minute", "0")));
  return seen;
}

SessionPolicy policy_of(const Line& line) {
  SessionPolicy policy;
  policy.slots = static_cast<std::uint32_t>(std::stoul(line.value("slots", "1")));
  policy.courtesy.minds_people = line.says("minds-people");
  policy.courtesy.minds_load = line.says("minds-load");
  policy.courtesy.processors_besides = static_cast<std::uint32_t>(std::stoul(line.value("besides", "0")));
  policy.courtesy.slots_when_used = static_cast<std::uint32_t>(std::stoul(line.value("when-used", "0")));
  if (const auto hours = line.value("hours", ""); !hours.empty()) policy.courtesy.hours = Hours::parse(hours).value();
  return policy;
}

Event event_of(const Line& line) {
  const std::string& what = line.words.at(0);
  if (what == "seen") return seen_of(line);
  if (what == "drain") return DrainRequested{};
  if (what == "time") return TimeAdvanced{};
  const CoordinatorId coordinator{line.id(1)};
  if (what == "gone") return CoordinatorGone{coordinator};
  if (what == "hello") {
    HelloReceived e{coordinator, {}, line.says("first")};
    for (const auto& l : transcripts::split(line.value("knows", ""))) {
      e.leases_known.push_back({std::stoull(l.substr(1))});
    }
    return e;
  }
  const LeaseId lease{line.id(2)};
  if (what == "start") return StartRequested{coordinator, lease};
  if (what == "revoke") return RevokeRequested{coordinator, lease};
  if (what == "finished") return AttemptFinished{coordinator, lease};
  throw std::invalid_argument("no such event: " + what);
}

std::string both(CoordinatorId c, LeaseId l) {
  return " c" + std::to_string(c.value) + " l" + std::to_string(l.value);
}

struct InWords {
  std::string operator()(const PrepareAttempt& c) const { return "prepare" + both(c.coordinator, c.lease); }
  std::string operator()(const StartAttempt& c) const { return "start" + both(c.coordinator, c.lease); }
  std::string operator()(const ForgetAttempt& c) const { return "forget" + both(c.coordinator, c.lease); }
  std::string operator()(const GiveBackAttempt& c) const { return "give-back" + both(c.coordinator, c.lease); }
  std::string operator()(const AnnounceOffer& c) const {
    return "offer slots=" + std::to_string(c.offer.slots) + (c.offer.reason.empty() ? "" : " \"" + c.offer.reason + "\"");
  }
  std::string operator()(const SendReport& c) const { return "report" + both(c.coordinator, c.lease); }
  std::string operator()(const SendHeartbeat& c) const {
    std::string text =
        "heartbeat c" + std::to_string(c.coordinator.value) + " slots=" + std::to_string(c.slots);
    if (c.draining) text += " draining";
    if (!c.knows_coordinator) text += " does-not-know-it";
    std::string held;
    for (const auto& l : c.leases) {
      const char* phases[] = {"q", "", "f"};
      held += (held.empty() ? "" : ",") + ("l" + std::to_string(l.lease.value)) + phases[static_cast<int>(l.phase)];
    }
    return text + (held.empty() ? "" : " holds=" + held);
  }
  std::string operator()(const ForgetCoordinator& c) const { return "forget c" + std::to_string(c.coordinator.value); }
  std::string operator()(const EndSession&) const { return "end"; }
};

class SessionTranscript : public testing::TestWithParam<std::string> {};

TEST_P(SessionTranscript, GivesTheCommandsWritten) {
  std::unique_ptr<Session> session;
  transcripts::Player player;
  player.start = [&](const Line& line) {
    session = std::make_unique<Session>(policy_of(line));
  };
  player.handle = [&](Timestamp now, const Line& line) {
    std::vector<std::string> said;
    for (const auto& command : session->handle(now, event_of(line)))
      said.push_back(std::visit(InWords{}, command));
    return said;
  };
  player.next_deadline = [&] { return session->next_deadline(); };
  const std::string written = transcripts::read_whole(GetParam());
  const std::string replayed = transcripts::replay(written, player);
  transcripts::rewrite_if_asked(GetParam(), replayed);
  EXPECT_EQ(written, replayed) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Files, SessionTranscript, testing::ValuesIn(transcripts::find(kFolder, "session_")),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

}  // namespace
}  // namespace extfarm::session
