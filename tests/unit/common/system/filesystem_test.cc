// The POSIX file system as its interface promises it, and the digest cache.
#include "common/system/filesystem.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "common/system/clock.h"
#include "common/system/file_digest.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class FilesystemTest : public testing::Test {
 protected:
  FilesystemTest() {
    char name[] = "/tmp/extfarm-files-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~FilesystemTest() override { fs::remove_all(root_); }
  std::size_t file_count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(root_), fs::directory_iterator()));
  }
  std::string root_;
  PosixFilesystem filesystem_;
};

TEST_F(FilesystemTest, WritesWhatItReadsAndMakesTheParents) {
  const std::string bytes = std::string("a\0b\xff", 4) + std::string(300000, 'x');
  ASSERT_TRUE(filesystem_.write_atomically(root_ + "/a/b/c", bytes, 0640));
  const auto read = filesystem_.read(root_ + "/a/b/c");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, bytes);
  EXPECT_EQ(filesystem_.stat(root_ + "/a/b/c")->mode, 0640u);
  EXPECT_EQ(filesystem_.stat(root_ + "/a/b/c")->size_bytes, bytes.size());
}

TEST_F(FilesystemTest, ADigestIsThatOfTheBytesHoweverLargeTheFile) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{300001}}) {
    const std::string bytes(size, 'x');
    ASSERT_TRUE(filesystem_.write_atomically(root_ + "/f", bytes, 0644));
    const auto found = digest_of_file(root_ + "/f");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->digest, digest_of(bytes)) << size;
    EXPECT_EQ(found->size_bytes, size);
  }
  EXPECT_EQ(digest_of_file(root_ + "/absent").error().code, ErrorCode::kNotFound);
}

// A worker whose machine is short of memory looks at an output of gigabytes all the same.
TEST_F(FilesystemTest, ADigestTakesNoMemoryForTheFilesBytes) {
  if (::getenv("EXTFARM_SANITIZER") != nullptr) GTEST_SKIP() << "a sanitizer's own memory exceeds the limit";
  std::ofstream(root_ + "/holes") << "x";
  fs::resize_file(root_ + "/holes", 512 << 20);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit little{256 << 20, 256 << 20};
    if (::setrlimit(RLIMIT_DATA, &little) != 0) ::_exit(2);
    ::_exit(digest_of_file(root_ + "/holes") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST_F(FilesystemTest, StatTellsFilesFromFoldersAndFollowsSymlinks) {
  ASSERT_TRUE(filesystem_.write_atomically(root_ + "/f", "x", 0644));
  fs::create_symlink("f", root_ + "/to_file");
  fs::create_symlink("nowhere", root_ + "/dangling");
  EXPECT_TRUE(filesystem_.stat(root_ + "/f")->is_regular);
  EXPECT_TRUE(filesystem_.stat(root_)->is_folder);
  EXPECT_FALSE(filesystem_.stat(root_)->is_regular);
  EXPECT_EQ(filesystem_.stat(root_ + "/to_file"), filesystem_.stat(root_ + "/f"));
  EXPECT_EQ(filesystem_.stat(root_ + "/dangling"), std::nullopt);
  EXPECT_EQ(filesystem_.stat(root_ + "/absent"), std::nullopt);
}

TEST_F(FilesystemTest, ReadingAMissingFileIsNotFoundAndNamesIt) {
  const auto read = filesystem_.read(root_ + "/absent");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
  EXPECT_NE(read.error().message.find(root_ + "/absent"), std::string::npos);
}

TEST_F(FilesystemTest, ADigestIsThatOfTheBytesRead) {
  for (const std::size_t size : {0, 1, 65536, 300001}) {
    const std::string bytes(size, 'x');
    ASSERT_TRUE(filesystem_.write_atomically(root_ + "/f", bytes, 0644));
    EXPECT_EQ(filesystem_.digest(root_ + "/f").value(), digest_of(bytes)) << size;
  }
  EXPECT_EQ(filesystem_.digest(root_ + "/absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(filesystem_.digest(root_).error().code, ErrorCode::kIo);
}

TEST_F(FilesystemTest, AFolderIsListedWithHiddenNamesAndWithoutItself) {
  ASSERT_TRUE(filesystem_.write_atomically(root_ + "/.hidden", "", 0644));
  ASSERT_TRUE(filesystem_.write_atomically(root_ + "/folder/file", "", 0644));
  auto names = filesystem_.list(root_);
  ASSERT_TRUE(names);
  std::sort(names->begin(), names->end());
  EXPECT_EQ(*names, (std::vector<std::string>{".hidden", "folder"}));
  EXPECT_EQ(filesystem_.list(root_ + "/absent"), std::nullopt);
  EXPECT_EQ(filesystem_.list(root_ + "/.hidden"), std::nullopt);
}

TEST_F(FilesystemTest, ReadingAFolderIsAnError) {
  const auto read = filesystem_.read(root_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kIo);
}

TEST_F(FilesystemTest, AFailedWriteLeavesNoTemporaryFileAndTheOldOneInPlace) {
  fs::create_directories(root_ + "/folder/inside");
  const auto written = filesystem_.write_atomically(root_ + "/folder", "x", 0644);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find(root_ + "/folder"), std::string::npos);
  EXPECT_TRUE(fs::is_directory(root_ + "/folder/inside"));
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(FilesystemTest, AReaderSeesOneVersionOrTheOther) {
  const std::string versions[] = {std::string(200000, 'a'), std::string(100000, 'b')};
  ASSERT_TRUE(filesystem_.write_atomically(root_ + "/f", versions[0], 0644));
  std::atomic<bool> stop{false};
  std::atomic<bool> write_failed{false};
  std::thread writer([&] {
    PosixFilesystem filesystem;
    for (int i = 1; !stop; ++i)
      if (!filesystem.write_atomically(root_ + "/f", versions[i % 2], 0644)) write_failed = true;
  });
  int parts = 0;
  for (int i = 0; i < 300; ++i) {
    const auto read = filesystem_.read(root_ + "/f");
    if (!read || (*read != versions[0] && *read != versions[1])) ++parts;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(parts, 0);
  EXPECT_FALSE(write_failed);
  EXPECT_EQ(file_count(), 1u);
}

// A disk in memory that counts how often a file is read.
class CountingFilesystem : public Filesystem {
 public:
  struct File {
    FileStamp stamp;
    std::string content;
    bool readable = true;
  };
  std::optional<FileStamp> stat(const std::string& path) const override {
    ++stats;
    const auto it = files.find(path);
    return it == files.end() ? std::nullopt : std::optional(it->second.stamp);
  }
  Result<std::string> read(const std::string& path) const override {
    ++reads;
    if (!files.at(path).readable) return failure(ErrorCode::kIo, "cannot read " + path);
    return files.at(path).content;
  }
  std::optional<std::vector<std::string>> list(const std::string&) const override { return std::nullopt; }
  Result<void> write_atomically(const std::string& path, std::string_view bytes, std::uint32_t) override {
    File& file = files[path];
    file.content = bytes;
    file.stamp.is_regular = true;
    file.stamp.size_bytes = bytes.size();
    file.stamp.mtime_ns = ++ticks;
    return {};
  }
  std::map<std::string, File> files;
  mutable int reads = 0, stats = 0;
  std::int64_t ticks = 0;
};

TEST(DigestCacheTest, ReadsAFileOnceForEachStamp) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  EXPECT_EQ(disk.reads, 1);
  ASSERT_TRUE(disk.write_atomically("/f", "two", 0644));
  EXPECT_EQ(cache.digest("/f"), digest_of("two"));
  EXPECT_EQ(disk.reads, 2);
}

TEST(DigestCacheTest, EachPartOfTheStampThatChangesMeansReadingAgain) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  cache.digest("/f");
  auto& stamp = disk.files["/f"].stamp;
  int expected_reads = 1;
  for (auto* part : {&stamp.device, &stamp.inode, &stamp.size_bytes}) {
    ++*part;
    cache.digest("/f");
    EXPECT_EQ(disk.reads, ++expected_reads);
  }
  for (auto* part : {&stamp.mtime_ns, &stamp.ctime_ns}) {
    ++*part;
    cache.digest("/f");
    EXPECT_EQ(disk.reads, ++expected_reads);
  }
}

TEST(DigestCacheTest, AStampYoungerThanTheClocksTickIsNotBelieved) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  disk.files["/f"].stamp.mtime_ns = realtime_ns();
  EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  disk.files["/f"].content = "two";  // written again within the tick
  EXPECT_EQ(cache.digest("/f"), digest_of("two"));
}

TEST(DigestCacheTest, TellsSinceWhenAFileHasItsContent) {
  using Met = DigestCache::Met;
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  auto moment = cache.begin_moment();
  cache.digest("/f");
  EXPECT_EQ(cache.met_since("/f", moment), Met::kNewFile);
  EXPECT_EQ(cache.met_since("/never asked for", moment), Met::kNewFile);
  moment = cache.begin_moment();
  EXPECT_EQ(cache.met_since("/f", moment), Met::kBefore);
  ++disk.files["/f"].stamp.inode;  // as a network filesystem does for nothing
  cache.digest("/f");
  EXPECT_EQ(cache.met_since("/f", moment), Met::kBefore);
  const auto earlier = moment;
  moment = cache.begin_moment();
  ASSERT_TRUE(disk.write_atomically("/f", "two", 0644));
  cache.digest("/f");
  EXPECT_EQ(cache.met_since("/f", moment), Met::kNewContent);
  EXPECT_EQ(cache.met_since("/f", earlier), Met::kNewContent);
  EXPECT_EQ(cache.met_since("/f", cache.begin_moment()), Met::kBefore);
}

TEST(DigestCacheTest, TellsItOfFilesYoungerThanTheClocksTickToo) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  disk.files["/f"].stamp.mtime_ns = realtime_ns() + 3'600'000'000'000;  // by the clock of another host
  cache.digest("/f");
  const auto moment = cache.begin_moment();
  cache.digest("/f");
  EXPECT_EQ(cache.met_since("/f", moment), DigestCache::Met::kBefore);
  disk.files["/f"].content = "two";
  cache.digest("/f");
  EXPECT_EQ(cache.met_since("/f", moment), DigestCache::Met::kNewContent);
}

TEST(ClockSkew, IsNoneOnThisHostsOwnDiskAndLeavesNothing) {
  char name[] = "/tmp/extfarm-skew-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  EXPECT_EQ(clock_skew_ns(folder).value(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
  EXPECT_EQ(clock_skew_ns(folder).error().code, ErrorCode::kIo);
}

TEST(DigestCacheTest, InOneLookAFileIsAskedForItsStampOnce) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  cache.begin_look();
  const auto seen = disk.files["/f"].stamp;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  EXPECT_EQ(disk.stats, 2);  // before it was read, and once after that
  ASSERT_TRUE(disk.write_atomically("/f", "two", 0644));
  EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  EXPECT_EQ(cache.stamp("/f"), seen);
  EXPECT_EQ(disk.stats, 2);
  cache.begin_look();
  EXPECT_EQ(cache.stamp("/f"), disk.files["/f"].stamp);
  EXPECT_EQ(cache.digest("/f"), digest_of("two"));
  ASSERT_TRUE(disk.write_atomically("/f", "three", 0644));
  cache.was_written("/f");
  EXPECT_EQ(cache.digest("/f"), digest_of("three"));
  ASSERT_TRUE(disk.write_atomically("/f", "four", 0644));
  cache.forget("/f");
  EXPECT_EQ(cache.digest("/f"), digest_of("four"));
  ASSERT_TRUE(disk.write_atomically("/f", "five", 0644));
  cache.end_look();
  EXPECT_EQ(cache.stamp("/f"), disk.files["/f"].stamp);
  EXPECT_EQ(cache.digest("/f"), digest_of("five"));
}

TEST(DigestCacheTest, AStampFromBeforeReadingIsNotWhatALookHasSeen) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  cache.begin_look();
  cache.digest("/f");
  disk.files["/f"].stamp.mtime_ns = 12345;  // as a network filesystem tells only after the file was opened
  EXPECT_EQ(cache.stamp("/f")->mtime_ns, 12345);
}

TEST(DigestCacheTest, ForgettingMeansReadingAgain) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  cache.digest("/f");
  disk.files["/f"].content = "two";  // behind the stamp's back, as a stale cache would
  EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  cache.forget("/f");
  EXPECT_EQ(cache.digest("/f"), digest_of("two"));
}

TEST(DigestCacheTest, OnlyWhatIsAskedForNowAndThenIsKeptOverManyThousandFiles) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  for (const char* name : {"/asked", "/once", "/forgotten"}) {
    ASSERT_TRUE(disk.write_atomically(name, "one", 0644));
    cache.digest(name);
  }
  for (int i = 0; i < 50'000; ++i) {
    const std::string other = "/" + std::to_string(i);
    ASSERT_TRUE(disk.write_atomically(other, other, 0644));
    cache.digest(other);
    if (i % 1'000 == 0) cache.digest("/asked");
    if (i != 20'000) continue;
    cache.forget("/forgotten");  // it is among the older ones by now
    disk.reads = 0;
    cache.digest("/forgotten");
    EXPECT_EQ(disk.reads, 1);
  }
  disk.reads = 0;
  cache.digest("/asked");
  EXPECT_EQ(disk.reads, 0);
  cache.digest("/once");
  EXPECT_EQ(disk.reads, 1);
}

TEST(DigestCacheTest, WhatIsNoReadableFileHasNoDigest) {
  CountingFilesystem disk;
  DigestCache cache(disk);
  EXPECT_EQ(cache.digest("/absent"), std::nullopt);
  ASSERT_TRUE(disk.write_atomically("/f", "one", 0644));
  disk.files["/f"].readable = false;
  EXPECT_EQ(cache.digest("/f"), std::nullopt);
  disk.files["/f"].readable = true;
  EXPECT_EQ(cache.digest("/f"), digest_of("one"));
  disk.files["/f"].stamp.is_regular = false;
  EXPECT_EQ(cache.digest("/f"), std::nullopt);
}

}  // namespace
}  // namespace extfarm
