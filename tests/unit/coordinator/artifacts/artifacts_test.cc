// Every sentence of the contract in artifacts.h.
#include "coordinator/artifacts/artifacts.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

class ArtifactsTest : public testing::Test {
 protected:
  ArtifactsTest() {
    char name[] = "/tmp/extfarm-artifacts-XXXXXX";
    base_ = ::mkdtemp(name);
    root_ = base_ + "/project";
    fs::create_directories(root_);
    fs::create_directories(base_ + "/outside");
  }
  ~ArtifactsTest() override { fs::remove_all(base_); }

  static AttestedOutput file(const std::string& path, const std::string& content, std::uint32_t mode = 0644) {
    return {path, OutputKind::kFile, mode, content.size(), digest_of(content), ""};
  }
  AttestedOutput symlink(const std::string& path, const std::string& target) const {
    return {path, OutputKind::kSymlink, 0777, 0, digest_of(target), target};
  }
  AttestedOutput folder(const std::string& path, std::uint32_t mode) const {
    return {path, OutputKind::kFolder, mode, 0, {}, ""};
  }
  AttestedOutput removed(const std::string& path) const { return {path, OutputKind::kRemoved, 0, 0, {}, ""}; }

  Result<void> check(const AttestedOutput& output) const { return check_outputs({{}, {output}}, {root_}); }
  Result<void> publish_all(std::vector<AttestedOutput> outputs, const std::vector<std::string>& contents) {
    return publish({{}, std::move(outputs)}, contents, {root_});
  }
  static std::string content_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static std::uint32_t mode_of(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
    return st.st_mode & 07777;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      out.push_back(entry.path().lexically_relative(root_));
    std::sort(out.begin(), out.end());
    return out;
  }
  static void expect_refused(const Result<void>& result, const std::string& named) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kRefused);
    EXPECT_NE(result.error().message.find(named), std::string::npos) << result.error().message;
  }
  using Names = std::vector<std::string>;
  std::string base_, root_;
  PosixFilesystem filesystem_;
};

TEST_F(ArtifactsTest, EqualInputsPass) {
  std::ofstream(root_ + "/a.h") << "header";
  DigestCache digests(filesystem_);
  EXPECT_TRUE(check_inputs({{{root_ + "/a.h", digest_of("header")}}, {}}, digests));
}

TEST_F(ArtifactsTest, TheFirstInputThatDiffersIsNamed) {
  for (const char* name : {"/same.h", "/a.h", "/b.h"}) std::ofstream(root_ + name) << "header";
  DigestCache digests(filesystem_);
  const auto checked = check_inputs({{{root_ + "/same.h", digest_of("header")},
                                      {root_ + "/a.h", digest_of("other")},
                                      {root_ + "/b.h", digest_of("other")}},
                                     {}},
                                    digests);
  expect_refused(checked, root_ + "/a.h");
}

TEST_F(ArtifactsTest, AnInputThatIsNotHereDiffers) {
  DigestCache digests(filesystem_);
  expect_refused(check_inputs({{{root_ + "/absent.h", digest_of("")}}, {}}, digests), root_ + "/absent.h");
}

// Its stamp never changes, so only forgetting shows the new content.
class StaleFilesystem : public PosixFilesystem {
 public:
  std::optional<FileStamp> stat(const std::string&) const override {
    FileStamp stamp;
    stamp.is_regular = true;
    return stamp;
  }
};

TEST_F(ArtifactsTest, AMismatchIsLookedAtTwiceBeforeItCounts) {
  StaleFilesystem stale;
  DigestCache digests(stale);
  std::ofstream(root_ + "/a.h") << "old";
  ASSERT_EQ(digests.digest(root_ + "/a.h"), digest_of("old"));
  std::ofstream(root_ + "/a.h") << "new";
  ASSERT_EQ(digests.digest(root_ + "/a.h"), digest_of("old"));
  EXPECT_TRUE(check_inputs({{{root_ + "/a.h", digest_of("new")}}, {}}, digests));
}

TEST_F(ArtifactsTest, WhatAKilledCoordinatorLeftBesideAnOutputGoes) {
  fs::create_directories(root_ + "/killed");
  for (const char* name : {"a.o.extfarm-12-3", "b.extfarm-1-2.d", "b.extfarm-rc1"}) std::ofstream(root_ + "/killed/" + name) << "x";
  ASSERT_TRUE(publish_all({file(root_ + "/killed/a.o", "object")}, {"object"}));
  EXPECT_FALSE(fs::exists(root_ + "/killed/a.o.extfarm-12-3"));
  EXPECT_TRUE(fs::exists(root_ + "/killed/b.extfarm-1-2.d"));
  EXPECT_TRUE(fs::exists(root_ + "/killed/b.extfarm-rc1"));
}

TEST_F(ArtifactsTest, OutputsBelowARootPass) {
  EXPECT_TRUE(check(file(root_ + "/a.o", "")));
  EXPECT_TRUE(check(file(root_ + "/not/yet/there/a.o", "")));
  EXPECT_TRUE(check(removed(root_ + "/a.o")));
  EXPECT_TRUE(check_outputs({{}, {file(base_ + "/outside/a.o", "")}}, {root_, base_ + "/outside"}));
}

TEST_F(ArtifactsTest, OutputsOutsideTheRootsAreRefused) {
  for (const auto& path : {base_ + "/outside/a.o", base_ + "/project2/a.o", base_ + "/projec",
                           std::string("/a.o"), root_, root_ + "/"}) {
    expect_refused(check(file(path, "")), path);
  }
  expect_refused(check_outputs({{}, {file(root_ + "/a.o", "")}}, {}), root_ + "/a.o");
}

TEST_F(ArtifactsTest, OutputsOutsideThroughDotDotAreRefused) {
  for (const auto& tail : {"/../outside/a.o", "/sub/../../outside/a.o", "/..", "/sub/.."})
    expect_refused(check(file(root_ + tail, "")), root_ + tail);
}

TEST_F(ArtifactsTest, ARelativeOutputIsRefused) {
  expect_refused(check(file("a.o", "")), "a.o");
  expect_refused(check(file("", "")), "relative");
}

TEST_F(ArtifactsTest, APathWithANulIsRefused) {
  expect_refused(check(file(root_ + std::string("/a\0b", 4), "")), root_ + "/a");
}

TEST_F(ArtifactsTest, AParentThatIsASymlinkLeadingOutsideIsRefused) {
  fs::create_directory_symlink(base_ + "/outside", root_ + "/leak");
  fs::create_directory_symlink("../outside", root_ + "/leak2");
  fs::create_directory_symlink("leak", root_ + "/twice");
  for (const auto& tail : {"/leak/a.o", "/leak/new/a.o", "/leak2/a.o", "/twice/a.o"})
    expect_refused(check(file(root_ + tail, "")), root_ + tail);
}

TEST_F(ArtifactsTest, ASymlinkedFolderInsideTheRootPasses) {
  fs::create_directories(root_ + "/real");
  fs::create_directory_symlink("real", root_ + "/alias");
  EXPECT_TRUE(check(file(root_ + "/alias/a.o", "")));
}

TEST_F(ArtifactsTest, ARootThatIsReachedThroughASymlinkPasses) {
  fs::create_directory_symlink(root_, base_ + "/alias");
  EXPECT_TRUE(check_outputs({{}, {file(base_ + "/alias/sub/a.o", "")}}, {base_ + "/alias"}));
}

TEST_F(ArtifactsTest, SetuidAndSetgidAreRefused) {
  expect_refused(check(file(root_ + "/a", "", 04755)), root_ + "/a");
  expect_refused(check(file(root_ + "/a", "", 02755)), root_ + "/a");
  EXPECT_TRUE(check(file(root_ + "/a", "", 0755)));
}

TEST_F(ArtifactsTest, PublishesFilesWithTheirModesAndNothingElse) {
  const auto published =
      publish_all({file(root_ + "/sub/a.o", "object"), file(root_ + "/run", "#!", 0750)}, {"object", "#!"});
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_EQ(content_of(root_ + "/sub/a.o"), "object");
  EXPECT_EQ(mode_of(root_ + "/sub/a.o"), 0644u);
  EXPECT_EQ(mode_of(root_ + "/run"), 0750u);
  EXPECT_EQ(names(), (Names{"run", "sub", "sub/a.o"}));
}

TEST_F(ArtifactsTest, ReplacesAFileByRenamingSoThatItsReadersKeepTheOldOne) {
  std::ofstream(root_ + "/a.o") << "old";
  fs::create_hard_link(root_ + "/a.o", root_ + "/kept.o");
  ASSERT_TRUE(publish_all({file(root_ + "/a.o", "new")}, {"new"}));
  EXPECT_EQ(content_of(root_ + "/a.o"), "new");
  EXPECT_EQ(content_of(root_ + "/kept.o"), "old");
}

TEST_F(ArtifactsTest, ReplacesASymlinkNotWhatItLeadsTo) {
  std::ofstream(base_ + "/outside/a.o") << "theirs";
  fs::create_symlink(base_ + "/outside/a.o", root_ + "/a.o");
  ASSERT_TRUE(publish_all({file(root_ + "/a.o", "ours")}, {"ours"}));
  EXPECT_EQ(content_of(base_ + "/outside/a.o"), "theirs");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(root_ + "/a.o")));
}

TEST_F(ArtifactsTest, AWrongSizeOrDigestOfOneLeavesNothingOfAll) {
  auto wrong_size = file(root_ + "/b.o", "bytes");
  wrong_size.size_bytes = 4;
  auto wrong_digest = file(root_ + "/b.o", "bytes");
  wrong_digest.digest = digest_of("other");
  for (const auto& wrong : {wrong_size, wrong_digest}) {
    expect_refused(
        publish_all({file(root_ + "/a.o", "a"), folder(root_ + "/d", 0755), wrong}, {"a", "", "bytes"}),
        root_ + "/b.o");
    EXPECT_EQ(names(), Names{});
  }
}

TEST_F(ArtifactsTest, MissingContentsAreRefused) {
  const auto published = publish_all({file(root_ + "/a.o", "")}, {});
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, ErrorCode::kRefused);
  EXPECT_EQ(names(), Names{});
}

TEST_F(ArtifactsTest, RemovedOutputsAreUnlinked) {
  std::ofstream(root_ + "/a.tmp") << "x";
  fs::create_directory(root_ + "/empty");
  ASSERT_TRUE(publish_all({removed(root_ + "/a.tmp"), removed(root_ + "/empty"), removed(root_ + "/never")},
                          {"", "", ""}));
  EXPECT_EQ(names(), Names{});
}

TEST_F(ArtifactsTest, AFolderWithThingsInItIsNeitherRemovedNorReplaced) {
  fs::create_directory(root_ + "/d");
  std::ofstream(root_ + "/d/kept") << "x";
  expect_refused(publish_all({removed(root_ + "/d")}, {""}), root_ + "/d");
  expect_refused(publish_all({file(root_ + "/a", "x"), file(root_ + "/d", "x")}, {"x", "x"}), root_ + "/d");
  EXPECT_EQ(names(), (Names{"d", "d/kept"}));
}

TEST_F(ArtifactsTest, SymlinkOutputsAreMadeAndReplaced) {
  fs::create_symlink("old", root_ + "/lib.so");
  ASSERT_TRUE(publish_all({symlink(root_ + "/lib.so", "lib.so.1")}, {""}));
  EXPECT_EQ(fs::read_symlink(root_ + "/lib.so"), "lib.so.1");
  EXPECT_EQ(names(), Names{"lib.so"});
}

TEST_F(ArtifactsTest, FolderOutputsAreMadeWithTheirModesEvenAroundFiles) {
  ASSERT_TRUE(publish_all({folder(root_ + "/d", 0510), file(root_ + "/d/a.o", "a")}, {"", "a"}));
  EXPECT_EQ(mode_of(root_ + "/d"), 0510u);
  EXPECT_EQ(content_of(root_ + "/d/a.o"), "a");
}

TEST_F(ArtifactsTest, AFolderOutputNeverChangesWhatASymlinkLeadsTo) {
  const auto before = mode_of(base_ + "/outside");
  fs::create_directory_symlink(base_ + "/outside", root_ + "/d");
  ASSERT_TRUE(publish_all({folder(root_ + "/d", 0700), file(root_ + "/d/a.o", "a")}, {"", "a"}));
  EXPECT_EQ(mode_of(base_ + "/outside"), before);
  EXPECT_FALSE(fs::exists(base_ + "/outside/a.o"));
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(root_ + "/d")));
}

TEST_F(ArtifactsTest, APipeInTheOutputsPlaceIsRefused) {
  ASSERT_EQ(::mkfifo((root_ + "/pipe").c_str(), 0600), 0);
  expect_refused(publish_all({file(root_ + "/a.o", "a"), file(root_ + "/pipe", "x")}, {"a", "x"}),
                 root_ + "/pipe");
  expect_refused(publish_all({removed(root_ + "/pipe")}, {""}), root_ + "/pipe");
  EXPECT_EQ(names(), Names{"pipe"});
}

TEST_F(ArtifactsTest, AFileWhereAFolderIsNeededFailsAndLeavesNoTemporaryFile) {
  std::ofstream(root_ + "/sub") << "in the way";
  const auto published = publish_all({file(root_ + "/a.o", "a"), file(root_ + "/sub/b.o", "b")}, {"a", "b"});
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, ErrorCode::kIo);
  EXPECT_NE(published.error().message.find(root_ + "/sub/b.o"), std::string::npos);
  EXPECT_EQ(names(), Names{"sub"});
}

TEST_F(ArtifactsTest, ASymlinkThatLeadsOutsideIsRefused) {
  fs::create_directory_symlink(base_ + "/outside", root_ + "/leak");
  for (const auto& target : {base_ + "/outside/a", std::string("../outside"), std::string("sub/../../x"), std::string("/etc/passwd"),
                             std::string("leak/a"), std::string(), std::string("a\0b", 3)}) {
    expect_refused(check(symlink(root_ + "/l", target)), root_ + "/l");
  }
  EXPECT_TRUE(check(symlink(root_ + "/sub/l", "../a.so.1")));
  EXPECT_TRUE(check(symlink(root_ + "/l", root_ + "/not/yet")));
}

// Between the check and the publication lies the time in which the bytes arrive.
TEST_F(ArtifactsTest, AFolderThatHasBecomeALinkOutsideSinceTheCheckIsRefused) {
  std::ofstream(base_ + "/outside/kept") << "theirs";
  for (const auto& output : {file(root_ + "/d/a.o", "a"), folder(root_ + "/d/new", 0777), removed(root_ + "/d/kept"),
                             symlink(root_ + "/d/l", "x"), file(root_ + "/d/deep/a.o", "a")}) {
    fs::create_directories(root_ + "/d");
    ASSERT_TRUE(check(output)) << output.path;
    fs::remove_all(root_ + "/d");
    fs::create_directory_symlink("../outside", root_ + "/d");
    const std::string content = output.kind == OutputKind::kFile ? "a" : "";
    expect_refused(publish_all({output}, {content}), output.path);
    EXPECT_EQ(std::distance(fs::directory_iterator(base_ + "/outside"), {}), 1) << output.path;
    fs::remove(root_ + "/d");
  }
  EXPECT_EQ(content_of(base_ + "/outside/kept"), "theirs");
}

// In one result: the link first, then what would be written through it.
TEST_F(ArtifactsTest, ALinkOfTheSameResultIsNotWrittenThrough) {
  const std::vector<AttestedOutput> outputs = {symlink(root_ + "/d", "../outside"), file(root_ + "/d/a.o", "a")};
  EXPECT_FALSE(check_outputs({{}, outputs}, {root_}));
  static_cast<void>(publish_all(outputs, {"", "a"}));
  EXPECT_TRUE(fs::is_empty(base_ + "/outside"));
}

// In a child: a limit on file size makes the second file's write fail halfway.
TEST_F(ArtifactsTest, AWriteThatFailsHalfwayLeavesNoTemporaryFileAndTheOldOnes) {
  std::ofstream(root_ + "/a.o") << "old";
  const std::string large(1 << 20, 'x');
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto published =
        publish_all({file(root_ + "/a.o", "new"), file(root_ + "/b.o", large)}, {"new", large});
    ::_exit(!published && published.error().code == ErrorCode::kIo ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(names(), Names{"a.o"});
  EXPECT_EQ(content_of(root_ + "/a.o"), "old");
}

}  // namespace
}  // namespace extfarm::artifacts
