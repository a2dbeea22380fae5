#include "coordinator/diagnosis/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace extfarm::diagnosis {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const ToolchainSpec kGcc{"/usr/bin/gcc", {}};
constexpr const char* kProbe = "/srv/project/.extfarm-doctor-1.c";

Toolchain gcc_with(const std::string& assembler) {
  Toolchain out{kGcc, digest_of(assembler), {}};
  out.components = {{"driver", "/usr/bin/gcc-12", digest_of("gcc")},
                    {"as", "/usr/bin/as", digest_of(assembler)}};
  return out;
}

HostFacts healthy_host() {
  HostFacts host;
  host.host = "head";
  host.key_folder = "/home/ada/.extfarm";
  host.public_key = "PUBLIC";
  host.rendezvous = "/home/ada/.extfarm/workers";
  host.rendezvous_exists = host.rendezvous_is_writable = host.rendezvous_is_on_network = true;
  host.folder = "/srv/project";
  host.folder_is_on_network = true;
  host.clock_skew_ns = 0;
  host.free_bytes = 100ull << 30;
  host.tools = {{"gcc", gcc_with("as 2.40"), true}};
  host.probe = {kProbe, digest_of("probe"), ""};
  return host;
}

WorkerFacts healthy_worker() {
  WorkerFacts worker;
  worker.name = "lab01-7-1";
  worker.host = "lab01";
  worker.endpoint = "tcp://lab01:7170";
  worker.beacon_path = "/home/ada/.extfarm/workers/lab01-7-1.json";
  worker.greeting = Greeting::kAnswered;
  worker.heartbeat.total_slots = worker.heartbeat.slots = 4;
  worker.heartbeat.has_private_views = true;
  worker.heartbeat.scratch_folder = "/dev/shm";
  worker.heartbeat.free_scratch_bytes = 8ull << 30;
  const auto gcc = gcc_with("as 2.40");
  worker.tools = {{kGcc, true, gcc.digest, gcc.components, ""}};
  worker.attempt = Outcome{};
  worker.attempt->outcome_class = OutcomeClass::kSucceeded;
  worker.attempt->attestation.inputs = {{kProbe, digest_of("probe")}};
  return worker;
}

std::vector<Finding> wrong(std::vector<Finding> findings) {
  std::erase_if(findings, [](const Finding& finding) { return finding.level == Level::kOk; });
  return findings;
}

// The only thing that is wrong with the worker.
Finding what_is_wrong(const WorkerFacts& worker, const HostFacts& host = healthy_host()) {
  const auto found = wrong(findings_on(worker, host));
  EXPECT_EQ(found.size(), 1u) << text_of(found);
  return found.empty() ? Finding{} : found.front();
}
Finding what_is_wrong(const HostFacts& host, const std::vector<WorkerFacts>& workers = {healthy_worker()}) {
  const auto found = wrong(findings_on(host, workers));
  EXPECT_EQ(found.size(), 1u) << text_of(found);
  return found.empty() ? Finding{} : found.front();
}

TEST(Findings, AHealthyFarmHasNothingButOk) {
  EXPECT_THAT(wrong(findings_on(healthy_host(), {healthy_worker()})), IsEmpty());
  const auto findings = findings_on(healthy_worker(), healthy_host());
  EXPECT_THAT(wrong(findings), IsEmpty());
  EXPECT_EQ(exit_code_of(findings), 0);
  EXPECT_THAT(text_of(findings), HasSubstr("sees /srv/project as this host does"));
  EXPECT_THAT(text_of(findings), HasSubstr("no problem, no warning\n"));
}

TEST(Findings, EachThatIsNoOkHasARemedy) {
  for (const auto greeting :
       {Greeting::kAnotherAnswered, Greeting::kKeyRefused, Greeting::kOtherKey, Greeting::kSilent}) {
    for (const auto reach : {Reach::kOpen, Reach::kMalformed, Reach::kUnknownName, Reach::kRefused,
                             Reach::kUnreachable, Reach::kSilent}) {
      auto worker = healthy_worker();
      worker.greeting = greeting;
      worker.reach = reach;
      const auto finding = what_is_wrong(worker);
      EXPECT_NE(finding.remedy, "") << finding.what;
      EXPECT_THAT(finding.what + finding.remedy,
                  testing::AnyOf(HasSubstr("lab01:7170"), HasSubstr("lab01-7-1.json")));
    }
  }
}

TEST(Findings, ARefusedKeyIsNamedWithWhereToAddIt) {
  auto worker = healthy_worker();
  worker.greeting = Greeting::kKeyRefused;
  const auto finding = what_is_wrong(worker);
  EXPECT_THAT(finding.remedy, HasSubstr("add the line PUBLIC to ~/.extfarm/authorized_keys"));
  EXPECT_EQ(exit_code_of({finding}), 78);
}

TEST(Findings, NobodyAtTheEndpointOfABeaconMayBeADeadWorker) {
  auto worker = healthy_worker();
  worker.greeting = Greeting::kSilent;
  worker.reach = Reach::kRefused;
  const auto finding = what_is_wrong(worker);
  EXPECT_THAT(finding.what, HasSubstr("the worker died"));
  EXPECT_THAT(finding.remedy, HasSubstr("remove its beacon " + worker.beacon_path));
  EXPECT_EQ(exit_code_of({finding}), 75);
}

TEST(Findings, AnotherWorkerInTheDeadOnesPlaceIsOnlyAWarning) {
  auto worker = healthy_worker();
  worker.greeting = Greeting::kAnotherAnswered;
  const auto finding = what_is_wrong(worker);
  EXPECT_EQ(finding.level, Level::kWarning);
  EXPECT_EQ(finding.remedy, "remove " + worker.beacon_path);
}

TEST(Findings, AnotherProtocolVersionIsSaidWithBothNumbers) {
  auto worker = healthy_worker();
  worker.protocol_version = protocol::kVersion - 1;
  worker.greeting = Greeting::kNotTried;
  const auto finding = what_is_wrong(worker);
  EXPECT_THAT(finding.what, HasSubstr("speaks protocol version " + std::to_string(protocol::kVersion - 1)));
  EXPECT_THAT(finding.remedy, HasSubstr("install the same extfarm"));
}

TEST(Findings, TheComponentThatDiffersIsNamedByItsPath) {
  auto worker = healthy_worker();
  const auto other = gcc_with("as 2.41");
  worker.tools = {{kGcc, true, other.digest, other.components, ""}};
  const auto finding = what_is_wrong(worker);
  EXPECT_EQ(finding.what, "gcc is another one: /usr/bin/as differs");
  EXPECT_EQ(finding.level, Level::kProblem);
}

TEST(Findings, ACompilerThatIsNotNeededMayDiffer) {
  auto host = healthy_host();
  host.tools.front().is_needed = false;
  auto worker = healthy_worker();
  worker.tools.front().found = false;
  worker.tools.front().reason = "this worker does not run /usr/bin/gcc; start it with --trust for its folder";
  const auto finding = what_is_wrong(worker, host);
  EXPECT_EQ(finding.level, Level::kWarning);
  EXPECT_EQ(finding.remedy, "start it with --trust for its folder");
}

TEST(Findings, ComponentsOfOneHostOnlyAreNamed) {
  auto worker = healthy_worker();
  worker.tools.front().components = {{"driver", "/usr/bin/gcc-12", digest_of("gcc")},
                                     {"ld", "/usr/bin/ld", digest_of("ld")}};
  worker.tools.front().digest = digest_of("other");
  EXPECT_EQ(what_is_wrong(worker).what, "gcc is another one: no as there, no ld here but /usr/bin/ld there");
}

TEST(Findings, AFileThatDoesNotAppearMeansAnotherFolder) {
  auto worker = healthy_worker();
  worker.attempt->outcome_class = OutcomeClass::kCommandFailed;
  worker.attempt->attestation.inputs = {{kProbe, Digest{}}};
  EXPECT_EQ(what_is_wrong(worker).what, "its /srv/project is another folder: a file made here is not there");
}

TEST(Findings, OtherBytesMeanAStaleMount) {
  auto worker = healthy_worker();
  worker.attempt->attestation.inputs = {{kProbe, digest_of("earlier")}};
  EXPECT_THAT(what_is_wrong(worker).what, HasSubstr("sees other bytes in a file just written"));
}

TEST(Findings, AMissingFolderIsToBeMounted) {
  auto worker = healthy_worker();
  worker.attempt = Outcome{};
  worker.attempt->outcome_class = OutcomeClass::kRefused;
  worker.attempt->reason =
      "the folder /srv/project is not there on this worker; is the shared filesystem mounted?";
  const auto finding = what_is_wrong(worker);
  EXPECT_EQ(finding.what, "there is no folder /srv/project");
  EXPECT_THAT(finding.remedy, HasSubstr("mount"));
}

TEST(Findings, AnAttemptWithoutAnyInputIsNotBelieved) {
  auto worker = healthy_worker();
  worker.attempt->attestation.inputs.clear();
  EXPECT_EQ(what_is_wrong(worker).level, Level::kProblem);
}

TEST(Findings, DirectModeIsSaidWithItsReason) {
  auto worker = healthy_worker();
  worker.heartbeat.has_private_views = false;
  worker.heartbeat.view_reason = "user namespaces are refused";
  const auto finding = what_is_wrong(worker);
  EXPECT_EQ(finding.level, Level::kWarning);
  EXPECT_THAT(finding.what, HasSubstr("direct mode"));
  EXPECT_THAT(finding.what, HasSubstr("user namespaces are refused"));
}

TEST(Findings, AClockIsOffOnlyBeyondWhatTheRoundTripExplains) {
  auto worker = healthy_worker();
  worker.clock_ahead_ns = -3'600'000'000'000;
  EXPECT_EQ(what_is_wrong(worker).what, "its clock is 3600.0 s behind this host's");
  worker.clock_ahead_ns = 3'000'000'000;
  worker.round_trip = std::chrono::seconds(2);
  EXPECT_THAT(wrong(findings_on(worker, healthy_host())), IsEmpty());
}

TEST(Findings, ScratchIsMeasuredByTheSlots) {
  auto worker = healthy_worker();
  worker.heartbeat.free_scratch_bytes = 1ull << 30;
  EXPECT_THAT(wrong(findings_on(worker, healthy_host())), IsEmpty());
  worker.heartbeat.total_slots = 5;
  EXPECT_EQ(what_is_wrong(worker).level, Level::kWarning);
  worker.heartbeat.free_scratch_bytes = 1;
  EXPECT_EQ(what_is_wrong(worker).level, Level::kProblem);
}

TEST(Findings, ADrainingWorkerTakesNoMore) {
  auto worker = healthy_worker();
  worker.heartbeat.draining = true;
  EXPECT_THAT(what_is_wrong(worker).what, HasSubstr("drained"));
}

TEST(Findings, WhyAWorkerGivesSlotsBackIsSaidAndNoneOfItIsWrong) {
  auto worker = healthy_worker();
  worker.heartbeat.offered_slots = worker.heartbeat.slots = 2;
  worker.heartbeat.offer_reason = "alice is at the console";
  EXPECT_THAT(text_of(findings_on(worker, healthy_host())), HasSubstr("2 of 4 slots: alice is at the console"));
  worker.heartbeat.offered_slots = worker.heartbeat.slots = 0;
  worker.attempt = Outcome{};
  worker.attempt->outcome_class = OutcomeClass::kGivenBack;
  const auto findings = findings_on(worker, healthy_host());
  EXPECT_THAT(wrong(findings), IsEmpty());
  EXPECT_THAT(text_of(findings), HasSubstr("what it sees of /srv/project was not tried: it gives its slots back now"));
}

TEST(Findings, AKeyThatOthersReadIsAProblemOfConfiguration) {
  auto host = healthy_host();
  host.key_problems = {
      "the secret key /home/ada/.extfarm/client.key can be read by others; run: chmod 600 it"};
  const auto finding = what_is_wrong(host);
  EXPECT_EQ(finding.what, "the secret key /home/ada/.extfarm/client.key can be read by others");
  EXPECT_EQ(finding.remedy, "run: chmod 600 it");
  EXPECT_EQ(exit_code_of({finding}), 78);
}

TEST(Findings, AnEmptyRendezvousOnlyMeansThatBuildsRunHere) {
  EXPECT_EQ(what_is_wrong(healthy_host(), {}).level, Level::kWarning);
}

TEST(Findings, ARendezvousOnALocalDiskIsFineWhereOtherHostsReachIt) {
  auto host = healthy_host();
  host.rendezvous_is_on_network = false;
  EXPECT_THAT(wrong(findings_on(host, {healthy_worker()})), IsEmpty());
  auto own = healthy_worker();
  own.host = host.host;
  EXPECT_THAT(what_is_wrong(host, {own}).what, HasSubstr("this host's own disk"));
}

TEST(Findings, TheFilesClockAndTheDiskAreLookedAt) {
  auto host = healthy_host();
  host.clock_skew_ns = 5'000'000'000;
  EXPECT_THAT(what_is_wrong(host).what, HasSubstr("5.0 s ahead of this host's"));
  host = healthy_host();
  host.free_bytes = 1;
  EXPECT_EQ(what_is_wrong(host).level, Level::kProblem);
}

TEST(Findings, WhatAWorkerSaysCannotMakeALineOfItsOwn) {
  auto worker = healthy_worker();
  worker.heartbeat.has_private_views = false;
  worker.heartbeat.view_reason = "x\nok       lab02\x1b[2J";
  const std::string text = text_of(findings_on(worker, healthy_host()));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\nok       lab02"), std::string::npos);
}

TEST(Findings, JsonSaysTheSame) {
  auto worker = healthy_worker();
  worker.heartbeat.draining = true;
  const auto told = nlohmann::json::parse(json_of(wrong(findings_on(worker, healthy_host()))));
  EXPECT_EQ(told["exit_code"], 0);
  EXPECT_EQ(told["findings"][0]["level"], "warning");
  EXPECT_EQ(told["findings"][0]["where"], "lab01");
  EXPECT_EQ(told["findings"][0]["subject"], "slots");
}

}  // namespace
}  // namespace extfarm::diagnosis
