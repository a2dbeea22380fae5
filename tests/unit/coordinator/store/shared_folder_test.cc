// The sentences of shared_folder.h that a Store cannot show one by one.
#include "coordinator/store/shared_folder.h"

#include "store_fixture.h"

namespace extfarm::store {
namespace {

class SharedFolderTest : public StoreFixture {
 protected:
  SharedFolderTest() : shared_(*SharedFolder::open(folder_, {"part", "tmp"})) {}
  SharedFolder shared_;
};

TEST_F(SharedFolderTest, AFileThatIsGoneCountsAsRemoved) {
  EXPECT_TRUE(shared_.remove("part/none"));
  EXPECT_TRUE(shared_.remove("none/none"));
}

TEST_F(SharedFolderTest, WhatCannotBeRemovedIsAnError) {
  fs::create_directory(folder_ + "/part/folder");
  const auto removed = shared_.remove("part/folder");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::kIo);
  EXPECT_NE(removed.error().message.find(folder_ + "/part/folder"), std::string::npos);
}

TEST_F(SharedFolderTest, AFolderIsNoFile) {
  EXPECT_EQ(code_of(shared_.read("part", 1 << 20)), ErrorCode::kMalformed);
  EXPECT_FALSE(shared_.note_use("part", std::chrono::seconds(0)));
}

TEST_F(SharedFolderTest, AFileIsReadUpToItsBound) {
  write(folder_ + "/part/file", "12345");
  EXPECT_EQ(shared_.read("part/file", 5), "12345");
  EXPECT_EQ(code_of(shared_.read("part/file", 4)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(shared_.read("part/none", 4)), ErrorCode::kNotFound);
}

TEST_F(SharedFolderTest, FilesAtTheAskedDepthAreListed) {
  fs::create_directories(folder_ + "/part/ab/cd");
  for (const auto* name : {"/part/shallow", "/part/ab/file", "/part/ab/.nfs0001", "/part/ab/cd/deep"})
    write(folder_ + name, "12345");
  std::vector<SharedFolder::Found> found;
  const auto keep = [&](const SharedFolder::Found& file) { found.push_back(file); };
  ASSERT_TRUE(shared_.list("part", 1, keep));
  ASSERT_TRUE(shared_.list("none", 1, keep));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().name, "part/ab/file");
  EXPECT_EQ(found.front().size_bytes, 5u);
  EXPECT_LT(std::abs(SharedFolder::age_seconds(found.front().mtime_ns)), 60);
}

TEST_F(SharedFolderTest, WhatIsNotPublishedVanishes) {
  {
    Staging staging(shared_);
    ASSERT_TRUE(staging.add("part/file", "bytes"));
    EXPECT_EQ(files().size(), 1u);
    EXPECT_FALSE(fs::exists(folder_ + "/part/file"));
  }
  EXPECT_TRUE(files().empty());
}

TEST_F(SharedFolderTest, ATemporaryNameThatIsTakenIsLeftAlone) {
  std::string taken;
  {
    Staging staging(shared_);
    ASSERT_TRUE(staging.add("part/file", "bytes"));
    taken = files().at(0);
  }
  // The names of the next files of this process, as if a dead one had left them.
  const auto dash = taken.rfind('-');
  const int number = std::stoi(taken.substr(dash + 1));
  for (int i = 1; i <= 3; ++i) write(taken.substr(0, dash + 1) + std::to_string(number + i), "left");
  Staging staging(shared_);
  ASSERT_TRUE(staging.add("part/file", "bytes"));
  ASSERT_TRUE(staging.publish());
  EXPECT_EQ(bytes_of(folder_ + "/part/file"), "bytes");
  EXPECT_EQ(files().size(), 4u);
}

}  // namespace
}  // namespace extfarm::store
