#include "coordinator/freshness/file_versions.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace extfarm::freshness {
namespace {

using State = FileVersions::State;

class FileVersionsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) {
    ASSERT_TRUE(filesystem_.write_atomically(file(), text, 0644));
    versions_.look_again();
  }
  std::string file() const { return folder_ + "/f"; }

  std::string folder_ = "/tmp/file-versions-XXXXXX";
  PosixFilesystem filesystem_;
  DigestCache digests_{filesystem_};
  FileVersions versions_{filesystem_, digests_};
};

TEST_F(FileVersionsTest, AVersionThatComesBackHasItsNumberAgain) {
  const auto one = versions_.intern("/f", digest_of("one"));
  const auto two = versions_.intern("/f", digest_of("two")), other = versions_.intern("/g", digest_of("one"));
  EXPECT_EQ(versions_.intern("/f", digest_of("one")), one);
  EXPECT_EQ(versions_.intern("/f", digest_of("two")), two);
  EXPECT_NE(other, one);
  EXPECT_EQ(versions_.path_index(one), versions_.path_index(two));
  EXPECT_EQ(versions_.path(other), "/g");
  EXPECT_EQ(versions_.take_unsaved().size(), 3u);
}

TEST_F(FileVersionsTest, OfAllVersionsOfAFileTheOneThatLiesThereIsTheSame) {
  const std::string path = file();
  const auto one = versions_.intern(path, digest_of("one")), two = versions_.intern(path, digest_of("two"));
  const auto none = versions_.intern(path, Digest{});
  EXPECT_EQ(versions_.state(none), State::kSame);
  EXPECT_EQ(versions_.state(one), State::kGone);
  write("one");
  EXPECT_EQ(versions_.state(one), State::kSame);
  EXPECT_EQ(versions_.state(two), State::kChanged);
  EXPECT_EQ(versions_.state(none), State::kAppeared);
  EXPECT_EQ(versions_.digest_now(path), digest_of("one"));
  write("two");
  EXPECT_EQ(versions_.state(one), State::kChanged);
  EXPECT_EQ(versions_.state(two), State::kSame);
  EXPECT_EQ(versions_.digest_now(path), digest_of("two"));
}

TEST_F(FileVersionsTest, WhatWasWrittenIsLookedAtAgainWithinOneLook) {
  const std::string path = file();
  const auto one = versions_.intern(path, digest_of("one")), two = versions_.intern(path, digest_of("two"));
  ASSERT_TRUE(filesystem_.write_atomically(path, "one", 0644));
  EXPECT_EQ(versions_.state(one), State::kSame);
  ASSERT_TRUE(filesystem_.write_atomically(path, "two", 0644));
  versions_.forget(path);
  EXPECT_EQ(versions_.state(one), State::kChanged);
  EXPECT_EQ(versions_.state(two), State::kSame);
}

}  // namespace
}  // namespace extfarm::freshness
