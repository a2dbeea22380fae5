// Every sentence of the contract in staging.h that publish() does not show.
#include "coordinator/artifacts/staging.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

class StagingTest : public testing::Test {
 protected:
  StagingTest() {
    char name[] = "/tmp/extfarm-staging-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~StagingTest() override { fs::remove_all(root_); }
  void attest(const std::string& name, const std::string& content) {
    attestation_.outputs.push_back({root_ + "/" + name, OutputKind::kFile, 0644, content.size(), digest_of(content), ""});
  }
  std::string content_of(const std::string& name) const {
    std::ifstream stream(root_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(root_)) out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
  using Names = std::vector<std::string>;
  std::string root_;
  Attestation attestation_;
};

TEST_F(StagingTest, FilesComeInPartsAndAppearTogether) {
  attest("a.o", "object"), attest("empty", ""), attest("b.o", "other");
  std::ofstream(root_ + "/a.o") << "old";
  Staging staging(attestation_, {root_});
  for (const auto& [index, bytes] : std::vector<std::pair<std::size_t, std::string>>{{0, "obj"}, {0, "ect"}, {2, "oth"}, {2, "er"}})
    ASSERT_TRUE(staging.add(index, bytes));
  EXPECT_EQ(content_of("a.o"), "old");
  EXPECT_FALSE(fs::exists(root_ + "/b.o"));
  ASSERT_TRUE(staging.publish());
  EXPECT_EQ(names(), (Names{"a.o", "b.o", "empty"}));
  EXPECT_EQ(content_of("a.o") + content_of("b.o") + content_of("empty"), "objectother");
}

TEST_F(StagingTest, AModuleThatIsThereAlreadyKeepsItsTime) {
  attest("same.mod", "module"), attest("other.mod", "module"), attest("same.o", "object");
  for (const auto& [name, bytes] : {std::pair("same.mod", "module"), {"other.mod", "MODULE"}, {"same.o", "object"}}) {
    std::ofstream(root_ + "/" + name) << bytes;
    fs::last_write_time(root_ + "/" + name, fs::file_time_type{});
  }
  {
    Staging staging(attestation_, {root_});
    for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(staging.add(i, i < 2 ? "module" : "object"));
    ASSERT_TRUE(staging.publish());
  }
  EXPECT_EQ(names(), (Names{"other.mod", "same.mod", "same.o"}));
  EXPECT_EQ(content_of("other.mod"), "module");
  EXPECT_EQ(fs::last_write_time(root_ + "/same.mod"), fs::file_time_type{});
  EXPECT_NE(fs::last_write_time(root_ + "/other.mod"), fs::file_time_type{});
  EXPECT_NE(fs::last_write_time(root_ + "/same.o"), fs::file_time_type{});
}

TEST_F(StagingTest, OneThatIsGivenUpLeavesNothing) {
  attest("a.o", "object");
  {
    Staging staging(attestation_, {root_});
    ASSERT_TRUE(staging.add(0, "obj"));
    EXPECT_EQ(names().size(), 1u);
  }
  EXPECT_EQ(names(), Names{});
}

TEST_F(StagingTest, PartsThatDoNotMakeTheAttestedFileAreRefused) {
  attest("a.o", "object");
  for (const auto& parts : std::vector<Names>{{"obj"}, {"obj", "ects"}, {"ect", "obj"}, {}}) {
    {
      Staging staging(attestation_, {root_});
      for (const auto& part : parts) ASSERT_TRUE(staging.add(0, part));
      const auto published = staging.publish();
      ASSERT_FALSE(published);
      EXPECT_EQ(published.error().code, ErrorCode::kRefused);
    }
    EXPECT_EQ(names(), Names{});
  }
}

// One by another name of the same folder, which is swept when it is first written to.
TEST_F(StagingTest, TwoAtATimeInOneFolderDoNotDisturbEachOther) {
  fs::create_directory(root_ + "/real");
  fs::create_directory_symlink("real", root_ + "/alias");
  attest("real/a.o", "object");
  Attestation others{{}, {attestation_.outputs[0]}};
  others.outputs[0].path = root_ + "/alias/a.o";
  Staging staging(attestation_, {root_}), other(others, {root_});
  ASSERT_TRUE(staging.add(0, "object"));
  ASSERT_TRUE(other.add(0, "object"));
  ASSERT_TRUE(other.publish());
  const auto published = staging.publish();
  EXPECT_TRUE(published) << published.error().message;
  EXPECT_EQ(content_of("real/a.o"), "object");
}

TEST_F(StagingTest, AFolderThatTheResultMakesIsNotThereBeforeItIsWhole) {
  attestation_.outputs.push_back({root_ + "/d", OutputKind::kFolder, 0755, 0, {}, ""});
  attest("d/a.o", "object");
  Staging staging(attestation_, {root_});
  ASSERT_TRUE(staging.add(1, "object"));
  EXPECT_FALSE(fs::exists(root_ + "/d"));
  ASSERT_TRUE(staging.publish());
  EXPECT_EQ(names(), Names{"d"});
  EXPECT_EQ(content_of("d/a.o"), "object");
}

}  // namespace
}  // namespace extfarm::artifacts
