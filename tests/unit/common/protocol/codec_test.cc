#include "common/protocol/codec.h"

#include <gtest/gtest.h>

#include <random>

namespace extfarm::protocol {
namespace {

Report sample_report() {
  Outcome outcome;
  outcome.outcome_class = OutcomeClass::kCommandFailed;
  outcome.exit_code = -3;
  outcome.stderr_bytes = std::string("caf\xe9\0x", 6);
  outcome.run_time = std::chrono::milliseconds(17);
  outcome.attestation.inputs = {{"/a.h", digest_of("a")}};
  outcome.attestation.outputs = {{"/a.o", OutputKind::kSymlink, 0644, 7, digest_of("b"), "t"}};
  return {LeaseId{9}, outcome, {"bytes"}};
}

StartAction sample_start() {
  Action action;
  action.id = ActionId{4};
  action.kind = ActionKind::kLink;
  action.argv = {"gcc", "-o", "x"};
  action.environment = {{"PATH", "/bin"}};
  action.pinned = {{"/a.o", digest_of("p")}};
  action.toolchain = {"/usr/bin/gcc", {"/extra"}};
  return {LeaseId{77}, action};
}

TEST(Codec, AReportComesBackAsItWas) {
  const auto bytes = encode(ToCoordinator{sample_report()});
  const auto back = decode_to_coordinator(bytes);
  ASSERT_TRUE(back) << back.error().message;
  const auto& report = std::get<Report>(*back);
  EXPECT_EQ(report.lease, LeaseId{9});
  EXPECT_EQ(report.outcome.exit_code, -3);
  EXPECT_EQ(report.outcome.stderr_bytes, sample_report().outcome.stderr_bytes);
  EXPECT_EQ(report.outcome.attestation.inputs, sample_report().outcome.attestation.inputs);
  EXPECT_EQ(report.outcome.attestation.outputs.at(0).link_target, "t");
  EXPECT_EQ(encode(*back), bytes);
}

TEST(Codec, AStartComesBackAsItWas) {
  const auto bytes = encode(ToWorker{sample_start()});
  const auto back = decode_to_worker(bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(std::get<StartAction>(*back).action.pinned, sample_start().action.pinned);
  EXPECT_EQ(encode(*back), bytes);
}

TEST(Codec, AHeartbeatTellsHowFarEachLeaseHasCome) {
  Heartbeat heartbeat;
  heartbeat.leases = {{{1}, LeasePhase::kQueued}, {{2}, LeasePhase::kRunning}, {{3}, LeasePhase::kFinished}};
  auto bytes = encode(ToCoordinator{heartbeat});
  const auto back = decode_to_coordinator(bytes);
  ASSERT_TRUE(back) << back.error().message;
  const auto& leases = std::get<Heartbeat>(*back).leases;
  ASSERT_EQ(leases.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(leases[i].phase, heartbeat.leases[i].phase);
  ASSERT_EQ(bytes.back(), 2);
  bytes.back() = 3;  // a phase that there is not
  EXPECT_FALSE(decode_to_coordinator(bytes));
}

TEST(Codec, EveryTruncationIsMalformed) {
  const auto bytes = encode(ToCoordinator{sample_report()});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_to_coordinator(std::string_view(bytes).substr(0, length))) << length;
  }
}

TEST(Codec, TrailingBytesAreMalformed) {
  EXPECT_FALSE(decode_to_worker(encode(ToWorker{Goodbye{}}) + "x"));
  EXPECT_TRUE(decode_to_worker(encode(ToWorker{Goodbye{}})));
}

TEST(Codec, AHeaderThatPromisesGigabytesIsRefused) {
  for (const std::string& bytes : {std::string("\xdd\xff\xff\xff\xff", 5),
                                   std::string("\xc6\xff\xff\xff\xff", 5), std::string(100'000, '\x91')}) {
    EXPECT_FALSE(decode_to_worker(bytes));
  }
}

// A chunk is written to its file from where it was received.
TEST(Codec, ContentsAreViewsIntoTheBytesThatWereRead) {
  const std::string contents = "contents";
  const auto chunk = encode(ToCoordinator{OutputChunk{{1}, 2, 3, true, contents}});
  const auto input = encode(ToWorker{InputBytes{{1}, "/a", 3, 11, true, contents}});
  const auto read_chunk = decode_to_coordinator(chunk);
  const auto read_input = decode_to_worker(input);
  ASSERT_TRUE(read_chunk && read_input);
  const auto lies_in = [&](std::string_view part, std::string_view whole) {
    return part == contents && part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
  };
  EXPECT_TRUE(lies_in(std::get<OutputChunk>(*read_chunk).bytes, chunk));
  EXPECT_TRUE(lies_in(std::get<InputBytes>(*read_input).bytes, input));
  EXPECT_EQ(std::get<InputBytes>(*read_input).size_bytes, 11u);
}

TEST(Codec, AnUnknownKindIsRefused) { EXPECT_FALSE(decode_to_worker(std::string("\x92\x20\x90", 3))); }

TEST(Codec, MutatedBytesNeverCrash) {
  std::mt19937 random(7);
  const auto original = encode(ToWorker{sample_start()});
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = original;
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    refused += !decode_to_worker(bytes);
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace extfarm::protocol
