// Plays tests/transcripts/scheduler_*.txt to the scheduler.
#include <gtest/gtest.h>

#include "coordinator/scheduling/scheduler.h"
#include "tests/transcripts/transcript.h"

namespace extfarm::scheduling {
namespace {

using transcripts::Line;

const std::string kFolder = std::string(EXTFARM_SOURCE_DIR) + "/tests/transcripts";

std::string name_of(const Digest& toolchain) {
  for (int i = 1; i <= 9; ++i) {
    const std::string name = "t" + std::to_string(i);
    if (digest_of(name) == toolchain) return name;
  }
  return "t?";
}

OutcomeClass outcome_named(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(OutcomeClass::kGivenBack); ++i) {
    if (extfarm::name_of(static_cast<OutcomeClass>(i)) == name) return static_cast<OutcomeClass>(i);
  }
  throw std::invalid_argument("no such outcome: " + name);
}

std::uint64_t gib(const std::string& number) { return static_cast<std::uint64_t>(std::stod(number) * (1 << 30)); }

// "holds=l1,l2q,l3f": l2 is queued there, l3 has finished.
Event heartbeat_of(const Line& line) {
  HeartbeatReceived e{{line.id(1)}, std::stoull(line.value("seq", "1")), 1, line.says("draining"), {}};
  e.slots = static_cast<std::uint32_t>(std::stoul(line.value("slots", "1")));
  e.memory_bytes = gib(line.value("memory", "0"));
  for (const auto& l : transcripts::split(line.value("holds", ""))) {
    const LeasePhase phase = l.ends_with('f')   ? LeasePhase::kFinished
                             : l.ends_with('q') ? LeasePhase::kQueued
                                                : LeasePhase::kRunning;
    e.leases.push_back({{std::stoull(l.substr(1))}, phase});
  }
  return e;
}

Event event_of(const Line& line) {
  const std::string& what = line.words.at(0);
  const auto reason = line.value("reason", "");
  if (what == "submitted") {
    ActionSubmitted e{{line.id(1)}, digest_of(line.value("toolchain", "t1")), {}, 1, 0};
    for (const auto& a : transcripts::split(line.value("after", "")))
      e.after.push_back({std::stoull(a.substr(1))});
    for (const auto& w : transcripts::split(line.value("not-on", ""))) e.not_on.push_back({std::stoull(w.substr(1))});
    e.predicted_seconds = std::stod(line.value("seconds", "1"));
    e.tail_seconds = std::stod(line.value("tail", "0"));
    e.is_guess = line.says("guess");
    e.tail_is_guess = line.says("guessed-tail");
    e.peak_memory_bytes = gib(line.value("memory", "0"));
    return e;
  }
  if (what == "checked") return FreshnessChecked{{line.id(1)}, line.says("fresh")};
  if (what == "joined")
    return WorkerJoined{{line.id(1)}, line.says("local"), std::stod(line.value("speed", "0"))};
  if (what == "heartbeat") return heartbeat_of(line);
  if (what == "distrusted") return WorkerDistrusted{{line.id(1)}};
  if (what == "slots-limited")
    return SlotsLimited{{line.id(1)}, static_cast<std::uint32_t>(std::stoul(line.words.at(2)))};
  if (what == "lost") return WorkerLost{{line.id(1)}};
  if (what == "toolchain") {
    return ToolchainReported{{line.id(1)}, digest_of(line.words.at(2)), !line.says("lacking")};
  }
  if (what == "outcome") {
    const Duration run_time = from_seconds(std::stod(line.value("seconds", "1")));
    return OutcomeReceived{{line.id(1)},  {line.id(2)}, outcome_named(line.words.at(3)), run_time, reason,
                           gib(line.value("memory", "0"))};
  }
  if (what == "published") return OutputsPublished{{line.id(1)}};
  if (what == "publication-failed")
    return PublicationFailed{{line.id(1)}, outcome_named(line.words.at(2)), reason, line.says("here")};
  if (what == "cancelled") return ActionCancelled{{line.id(1)}};
  if (what == "time") return TimeAdvanced{};
  throw std::invalid_argument("no such event: " + what);
}

std::string id(char letter, std::uint64_t value) { return " " + (letter + std::to_string(value)); }

struct InWords {
  std::string operator()(const CheckFreshness& c) const {
    return "check-freshness" + id('a', c.action.value);
  }
  std::string operator()(const AskToolchain& c) const {
    return "ask-toolchain" + id('w', c.worker.value) + " " + name_of(c.toolchain);
  }
  std::string operator()(const SendAction& c) const {
    return "send" + id('w', c.worker.value) + id('l', c.lease.value) + id('a', c.action.value) +
           (c.is_backup ? " backup" : "");
  }
  std::string operator()(const RevokeLease& c) const {
    return "revoke" + id('w', c.worker.value) + id('l', c.lease.value);
  }
  std::string operator()(const PublishOutputs& c) const {
    return "publish" + id('w', c.worker.value) + id('l', c.lease.value) + id('a', c.action.value);
  }
  std::string operator()(const RecordHistory& c) const {
    return "record" + id('a', c.action.value) + id('w', c.worker.value);
  }
  std::string operator()(const QuarantineWorker& c) const {
    return "quarantine" + id('w', c.worker.value) + " seconds=" + std::to_string(static_cast<int>(seconds(c.term)));
  }
  std::string operator()(const AnswerFrontEnd& c) const {
    const char* kinds[] = {"built",    "fresh", "command-failed", "run-locally", "dependency-failed",
                           "cancelled"};
    std::string text = "answer" + id('a', c.action.value) + " " + kinds[static_cast<int>(c.answer)];
    if (c.lease.value != 0) text += id('l', c.lease.value);
    return c.reason.empty() ? text : text + " \"" + c.reason + "\"";
  }
};

class SchedulerTranscript : public testing::TestWithParam<std::string> {};

TEST_P(SchedulerTranscript, GivesTheCommandsWritten) {
  std::unique_ptr<Scheduler> scheduler;
  transcripts::Player player;
  player.start = [&](const Line& line) {
    SchedulerPolicy policy;
    const auto given_back = line.value("given-back", std::to_string(policy.given_back_attempts));
    policy.given_back_attempts = static_cast<std::uint32_t>(std::stoul(given_back));
    policy.backup_share = std::stod(line.value("backup_share", std::to_string(policy.backup_share)));
    scheduler = std::make_unique<Scheduler>(policy);
  };
  player.handle = [&](Timestamp now, const Line& line) {
    std::vector<std::string> said;
    for (const auto& command : scheduler->handle(now, event_of(line)))
      said.push_back(std::visit(InWords{}, command));
    return said;
  };
  player.next_deadline = [&] { return scheduler->next_deadline(); };
  const std::string written = transcripts::read_whole(GetParam());
  const std::string replayed = transcripts::replay(written, player);
  transcripts::rewrite_if_asked(GetParam(), replayed);
  EXPECT_EQ(written, replayed) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Files, SchedulerTranscript,
                         testing::ValuesIn(transcripts::find(kFolder, "scheduler_")),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

}  // namespace
}  // namespace extfarm::scheduling
