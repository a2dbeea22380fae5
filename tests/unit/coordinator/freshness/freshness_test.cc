// Every reason to run, and that there is no other.
#include "coordinator/freshness/freshness.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>

#include "common/system/clock.h"

namespace extfarm::freshness {
namespace {

namespace fs = std::filesystem;

class FreshnessTest : public testing::Test {
 protected:
  FreshnessTest() {
    char name[] = "/tmp/extfarm-fresh-XXXXXX";
    root_ = ::mkdtemp(name);
    action_.argv = {"g++", "-c", "a.cc"};
    action_.program = "/usr/bin/g++";
    action_.cwd = root_;
    action_.environment = {{"LANG", "C"}, {"PATH", "/bin"}};
    action_.stdin_bytes = "in";
    action_.toolchain_digest = digest_of("toolchain");
    action_.inputs = {root_ + "/a.cc"};
    write("a.cc", "source");
    write("a.h", "header");
    write("a.o", "object");
    fs::create_symlink("a.o", root_ + "/link");
    fs::create_directory(root_ + "/folder");
    judge_ = std::make_unique<Judge>(root_, filesystem_, digests_);
    Attestation attestation;
    attestation.inputs = {{root_ + "/a.cc", digest_of("source")},
                          {root_ + "/a.h", digest_of("header")},
                          {root_ + "/absent.pxd", Digest{}}};
    attestation.outputs = {{root_ + "/a.o", OutputKind::kFile, 0644, 6, digest_of("object"), ""},
                         {root_ + "/link", OutputKind::kSymlink, 0777, 0, digest_of("a.o"), "a.o"},
                         {root_ + "/folder", OutputKind::kFolder, 0755, 0, {}, ""},
                         {root_ + "/removed", OutputKind::kRemoved, 0, 0, {}, ""}};
    recorded_ = judge_->witness(action_, fingerprint_of(action_), attestation, {}, realtime_ns());
  }
  ~FreshnessTest() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(filesystem_.write_atomically(root_ + "/" + name, content, 0644));
  }
  std::string reason() {
    judge_->look_again();
    const auto verdict = judge_->judge(action_, fingerprint_of(action_), &recorded_, [] { return "another command"; });
    EXPECT_EQ(verdict.fresh, verdict.reason == "up to date");
    return verdict.reason;
  }
  // Of a result that has read a.cc as it is and `input` with that content ("": it was not there).
  bool would_repeat(const std::string& input, const std::string& content,
                    const std::vector<std::uint64_t>& bystanders = {}) {
    judge_->look_again();
    action_.kind = ActionKind::kCompile;
    Attestation result;
    result.inputs = {{root_ + "/a.cc", *digests_.digest(root_ + "/a.cc")},
                     {input, content.empty() ? Digest{} : digest_of(content)}};
    return judge_->would_repeat(action_, fingerprint_of(action_), result, {root_ + "/near", root_ + "/far"}, bystanders);
  }
  std::string root_;
  PosixFilesystem filesystem_;
  DigestCache digests_{filesystem_};
  Action action_;
  std::unique_ptr<Judge> judge_;
  Recorded recorded_;
};

// Until the file is read its stamp is an old one, as where attributes are cached.
class LateStamp : public PosixFilesystem {
 public:
  std::optional<FileStamp> stat(const std::string& path) const override {
    return path == late_path && !was_read ? old_stamp : PosixFilesystem::stat(path);
  }
  Result<Digest> digest(const std::string& path) const override {
    was_read = was_read || path == late_path;
    return PosixFilesystem::digest(path);
  }
  std::string late_path;
  std::optional<FileStamp> old_stamp;
  mutable bool was_read = false;
};

TEST_F(FreshnessTest, AnInputWrittenMeanwhileIsSeenInALookThoughItsStampCameLate) {
  const std::string header = root_ + "/a.h";
  LateStamp disk;
  disk.late_path = header;
  disk.old_stamp = disk.PosixFilesystem::stat(header);
  disk.old_stamp->mtime_ns -= 1'000'000'000, disk.old_stamp->ctime_ns -= 1'000'000'000;
  DigestCache digests(disk);
  digests.remember(header, *disk.old_stamp, digest_of("header"));
  Judge judge(root_, disk, digests);
  write("a.h", "edited");
  const auto written = *disk.PosixFilesystem::stat(header);
  digests.begin_look();  // what the attestation's check does then:
  ASSERT_EQ(digests.digest(header), digest_of("header"));
  digests.forget(header);
  ASSERT_EQ(digests.digest(header), digest_of("edited"));
  Attestation attestation;
  attestation.inputs = {{header, digest_of("edited")}};
  const auto recorded = judge.witness(action_, fingerprint_of(action_), attestation, {}, written.mtime_ns);
  EXPECT_EQ(judge.written_meanwhile(recorded), "a.h");
}

TEST_F(FreshnessTest, NothingChangedMeansUpToDate) { EXPECT_EQ(reason(), "up to date"); }

TEST_F(FreshnessTest, WithoutARecordItWasNeverBuilt) {
  const auto verdict = judge_->judge(action_, fingerprint_of(action_), nullptr, [] { return ""; });
  EXPECT_FALSE(verdict.fresh);
  EXPECT_EQ(verdict.reason, "it was never built");
}

TEST_F(FreshnessTest, TheFingerprintCoversEachPartOfTheCommand) {
  const std::vector<std::function<void(Action&)>> changes = {
      [](Action& a) { a.argv.push_back("-O2"); },
      [](Action& a) {
        a.argv = {"g++", "-ca.cc"};
      },
      [](Action& a) {
        a.argv = {"g++", "-c", "a.cc", "/usr/bin/g++"};
      },
      [](Action& a) { a.program = "/usr/bin/clang++"; },
      [](Action& a) { a.cwd += "/sub"; },
      [](Action& a) { a.environment[1].second = "/usr/bin"; },
      [](Action& a) { a.environment[1].first = "CPATH"; },
      [](Action& a) { a.environment.pop_back(); },
      [](Action& a) { a.stdin_bytes = ""; },
      [](Action& a) { a.toolchain_digest = digest_of("another"); },
  };
  std::set<Digest> seen{fingerprint_of(action_)};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Action changed = action_;
    changes[i](changed);
    EXPECT_TRUE(seen.insert(fingerprint_of(changed)).second) << "change " << i;
    EXPECT_EQ(judge_->judge(changed, fingerprint_of(changed), &recorded_, [] { return "another"; }).reason, "another");
    EXPECT_NE(difference(action_, changed, {}, {}), "its command changed") << "change " << i;
  }
}

TEST_F(FreshnessTest, TheFingerprintLeavesOutWhatDoesNotChangeTheResult) {
  Action other = action_;
  other.id = ActionId{77};
  other.group = "another";
  other.pinned = {{root_ + "/a.cc", digest_of("source")}};
  EXPECT_EQ(fingerprint_of(other), fingerprint_of(action_));
}

TEST_F(FreshnessTest, AChangedInputIsNamed) {
  write("a.h", "HEADER");
  EXPECT_EQ(reason(), "a.h changed");
}

TEST_F(FreshnessTest, AnInputWrittenSinceTheCommandStartedHasChangedUnlessThisBuildMadeIt) {
  Attestation attestation;
  attestation.inputs = {{root_ + "/a.h", digest_of("header")}};
  action_.inputs.clear();
  recorded_ = judge_->witness(action_, fingerprint_of(action_), attestation, {}, 0);
  EXPECT_EQ(reason(), "a.h changed");
  action_.pinned = {{root_ + "/a.h", digest_of("header")}};
  recorded_ = judge_->witness(action_, fingerprint_of(action_), attestation, {}, 0);
  EXPECT_EQ(reason(), "up to date");
}

TEST_F(FreshnessTest, WhoseFilesAnotherClockStampsIsAskedByThatClock) {
  constexpr std::int64_t kHour = 3'600'000'000'000;
  const auto device = filesystem_.stat(root_)->device;
  const auto witness = [&](std::int64_t skew, std::int64_t started) {
    Attestation attestation;
    attestation.inputs = {{root_ + "/a.h", digest_of("header")}};
    judge_->set_clock_skew(device, skew);
    return judge_->written_meanwhile(judge_->witness(action_, fingerprint_of(action_), attestation, {}, started));
  };
  const auto now = realtime_ns();
  EXPECT_EQ(witness(0, now - kHour), "a.h");
  EXPECT_EQ(witness(0, now + kHour / 2), "");
  EXPECT_EQ(witness(-kHour, now + kHour / 2), "a.h");  // this host's clock is ahead
  EXPECT_EQ(witness(kHour, now - kHour / 2), "");
}

TEST_F(FreshnessTest, AllInputsThatChangedAreToldWithAnyReasonToRun) {
  write("a.h", "edited");
  write("absent.pxd", "here");
  judge_->look_again();
  const auto judged = [&](const Digest& fingerprint) {
    auto changed = judge_->judge(action_, fingerprint, &recorded_, [] { return "another command"; }).changed;
    std::sort(changed.begin(), changed.end());
    return changed;
  };
  const std::vector<std::string> expected = {root_ + "/a.h", root_ + "/absent.pxd"};
  EXPECT_EQ(judged(fingerprint_of(action_)), expected);
  EXPECT_EQ(judged(digest_of("another")), expected);
}

TEST_F(FreshnessTest, AMissingInputIsNamed) {
  fs::remove(root_ + "/a.h");
  EXPECT_EQ(reason(), "a.h is gone");
}

TEST_F(FreshnessTest, AnInputRewrittenWithTheSameBytesIsNoReason) {
  write("a.h", "header");
  EXPECT_EQ(reason(), "up to date");
}

TEST_F(FreshnessTest, ADeclaredInputTheLastRunDidNotSeeIsNamed) {
  write("new.pxd", "declaration");
  action_.inputs.push_back(root_ + "/new.pxd");
  EXPECT_EQ(reason(), "new.pxd was not an input of the last run");
}

TEST_F(FreshnessTest, ADeclaredInputThatIsStillAbsentOrAnOutputIsNoReason) {
  action_.inputs.push_back(root_ + "/absent.pxi");
  action_.inputs.push_back(root_ + "/a.o");
  EXPECT_EQ(reason(), "up to date");
}

TEST_F(FreshnessTest, AFileThatWasLookedForInVainIsNamedWhenItComes) {
  write("absent.pxd", "declaration");
  EXPECT_EQ(reason(), "the new file absent.pxd was looked for");
}

TEST_F(FreshnessTest, WhatTheTerminalLooksLikeIsNoReason) {
  action_.environment = {{"COLUMNS", "60"}, {"HOME", "/else"}, {"LANG", "de_DE"}, {"LC_ALL", "C"}, {"PATH", "/bin"}};
  EXPECT_EQ(reason(), "up to date");
  action_.kind = ActionKind::kCythonize;  // for Python the language also says how sources are encoded
  EXPECT_EQ(reason(), "another command");
}

TEST_F(FreshnessTest, AMissingOutputIsNamed) {
  fs::remove(root_ + "/a.o");
  EXPECT_EQ(reason(), "its output a.o is gone");
}

TEST_F(FreshnessTest, AChangedOutputIsNamed) {
  write("a.o", "OBJECT");
  EXPECT_EQ(reason(), "its output a.o was changed");
}

TEST_F(FreshnessTest, AnOutputThatBecameASymlinkWasChanged) {
  fs::rename(root_ + "/a.o", root_ + "/elsewhere.o");
  fs::create_symlink("elsewhere.o", root_ + "/a.o");
  EXPECT_EQ(reason(), "its output a.o was changed");
}

TEST_F(FreshnessTest, ASymlinkOutputIsComparedByItsTarget) {
  fs::remove(root_ + "/link");
  fs::create_symlink("a.h", root_ + "/link");
  EXPECT_EQ(reason(), "its output link was changed");
}

TEST_F(FreshnessTest, AFolderOutputMustStillBeAFolder) {
  fs::remove(root_ + "/folder");
  write("folder", "a file");
  EXPECT_EQ(reason(), "its output folder was changed");
}

TEST_F(FreshnessTest, ARemovedOutputIsNotLookedAt) {
  write("removed", "back again");
  EXPECT_EQ(reason(), "up to date");
}

TEST_F(FreshnessTest, TheCommandIsLookedAtBeforeTheInputsAndTheInputsBeforeTheOutputs) {
  write("a.o", "OBJECT");
  write("a.h", "HEADER");
  EXPECT_EQ(reason(), "a.h changed");
  action_.argv.push_back("-g");
  EXPECT_EQ(reason(), "another command");
}

// ---- results of earlier builds

TEST_F(FreshnessTest, AResultWithTheInputsOfNowWouldBeRepeated) {
  EXPECT_TRUE(would_repeat(root_ + "/a.h", "header"));
  EXPECT_FALSE(would_repeat(root_ + "/a.h", "another header"));
}

TEST_F(FreshnessTest, AResultThatMissedAFileWhichIsHereNowWouldNotBeRepeated) {
  EXPECT_TRUE(would_repeat(root_ + "/absent.h", ""));
  write("absent.h", "");
  EXPECT_FALSE(would_repeat(root_ + "/absent.h", ""));
}

TEST_F(FreshnessTest, AResultWithAHeaderThatANewOneComesBeforeWouldNotBeRepeated) {
  fs::create_directory(root_ + "/near");
  fs::create_directory(root_ + "/far");
  write("a.cc", "#include <x.h>\n");
  write("far/x.h", "x");
  EXPECT_TRUE(would_repeat(root_ + "/far/x.h", "x"));
  write("near/x.h", "nearer");
  EXPECT_FALSE(would_repeat(root_ + "/far/x.h", "x"));
  EXPECT_TRUE(would_repeat(root_ + "/far/x.h", "x", {path_hash(root_ + "/near/x.h")})) << "it was there then";
}

TEST_F(FreshnessTest, AComputedNameIsLookedUpBesideItsOwnFileAndOnThePathOnly) {
  write("a.cc", "#include <x.h>\n");
  write("far/x.h", "x");
  write("system/s.h", "#include NAME\n");
  action_.kind = ActionKind::kCompile;
  Attestation result;
  for (const char* name : {"/a.cc", "/far/x.h", "/system/s.h"})
    result.inputs.push_back({root_ + name, *digests_.digest(root_ + name)});
  const auto is_repeated = [&] {
    judge_->look_again();
    return judge_->would_repeat(action_, fingerprint_of(action_), result, {root_ + "/far"}, {});
  };
  write("x.h", "beside a.cc, which does not look there");
  EXPECT_TRUE(is_repeated());
  write("system/x.h", "beside the file with the computed name");
  EXPECT_FALSE(is_repeated());
}

}  // namespace
}  // namespace extfarm::freshness
