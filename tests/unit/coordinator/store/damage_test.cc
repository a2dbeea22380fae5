// Damaged files are told apart from good ones, removed, and counted; a write
// that fails leaves nothing.
#include <sys/resource.h>

#include <csignal>

#include "store_fixture.h"

namespace extfarm::store {
namespace {

class DamageTest : public StoreFixture {
 protected:
  DamageTest() : object_(noise(1000, 1) + std::string(1000, 'x')), store_(open()) {
    add(*store_, "key", "source", object_);
  }
  void expect_poisoned(const std::string& what) {
    const auto before = store_->counts().objects_poisoned;
    const auto found = content(*store_, object_);
    ASSERT_FALSE(found) << what;
    EXPECT_EQ(found.error().code, ErrorCode::kMalformed) << what;
    EXPECT_NE(found.error().message.find(object_path(object_)), std::string::npos) << found.error().message;
    EXPECT_FALSE(fs::exists(fs::symlink_status(object_path(object_)))) << what;
    EXPECT_EQ(store_->counts().objects_poisoned, before + 1) << what;
    EXPECT_EQ(code_of(content(*store_, object_)), ErrorCode::kNotFound) << what;
    add(*store_, "key", "source", object_);  // the rebuild
    EXPECT_EQ(content(*store_, object_), object_) << what;
  }
  void expect_unreadable(const std::string& what) {
    const auto before = store_->counts().results_unreadable;
    EXPECT_TRUE(store_->results(digest_of("key")).empty()) << what;
    EXPECT_EQ(store_->counts().results_unreadable, before + 1) << what;
    EXPECT_FALSE(fs::exists(fs::symlink_status(results_path("key")))) << what;
    add(*store_, "key", "source", object_);
    EXPECT_EQ(store_->results(digest_of("key")).size(), 1u) << what;
  }
  std::string object_;
  std::unique_ptr<Store> store_;
};

TEST_F(DamageTest, AnyFlippedBitOfAnObjectIsFound) {
  const std::string good = bytes_of(object_path(object_));
  for (std::size_t at = 0; at < good.size(); at += 1 + at / 8) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1 << at % 8);
    write(object_path(object_), bad);
    // A few bits of a frame's header say nothing about its content.
    if (content(*store_, object_) == object_) continue;
    write(object_path(object_), bad);
    expect_poisoned("byte " + std::to_string(at));
  }
  EXPECT_GT(store_->counts().objects_poisoned, 20u);
}

TEST_F(DamageTest, AnotherObjectsBytesAreFoundEvenOfTheSameSize) {
  const std::string other = noise(object_.size(), 2), longer = object_ + "x";
  add(*store_, "other", "source", other);
  add(*store_, "longer", "source", longer);
  write(object_path(object_), bytes_of(object_path(other)));
  expect_poisoned("same size");
  write(object_path(object_), bytes_of(object_path(longer)));
  expect_poisoned("longer");
}

TEST_F(DamageTest, ATruncatedOrExtendedObjectIsFound) {
  const std::string good = bytes_of(object_path(object_));
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{1}, std::size_t{5}, good.size() / 2, good.size() - 1}) {
    write(object_path(object_), good.substr(0, length));
    expect_poisoned(std::to_string(length) + " bytes");
  }
  write(object_path(object_), good + '\0');
  expect_poisoned("a byte behind");
  write(object_path(object_), good + good);
  expect_poisoned("twice");
}

TEST_F(DamageTest, AnObjectThatIsNoFileNeitherBlocksNorLeadsAway) {
  const std::string path = object_path(object_);
  fs::rename(path, base_ + "/elsewhere");
  fs::create_symlink(base_ + "/elsewhere", path);
  expect_poisoned("symlink");
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_poisoned("pipe");
}

TEST_F(DamageTest, TheSizeIsVerifiedToo) {
  const auto found = store_->content(digest_of(object_), object_.size() + 1);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(code_of(store_->content(digest_of(object_), ~0ull)), ErrorCode::kNotFound);
}

TEST_F(DamageTest, ADamagedResultsFileCountsAsNone) {
  const std::string good = bytes_of(results_path("key"));
  write(results_path("key"), "");
  expect_unreadable("empty");
  write(results_path("key"), "{\"command\": ");
  expect_unreadable("not compressed");
  write(results_path("key"), good.substr(0, good.size() - 1));
  expect_unreadable("truncated");
  for (std::size_t at = good.size() / 2; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    write(results_path("key"), bad);
    expect_unreadable("byte " + std::to_string(at));
  }
}

TEST_F(DamageTest, AnotherCommandsResultsAreNotTaken) {
  add(*store_, "other", "source", "object of the other");
  fs::copy_file(results_path("other"), results_path("key"), fs::copy_options::overwrite_existing);
  expect_unreadable("another's");
  EXPECT_EQ(store_->results(digest_of("other")).size(), 1u);
}

TEST_F(DamageTest, DamagedResultsDoNotKeepANewOneFromBeingAdded) {
  write(results_path("key"), "nonsense");
  add(*store_, "key", "new source", "new object");
  const auto found = store_->results(digest_of("key"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].outputs[0].digest, digest_of("new object"));
}

// While it lives, no file can grow beyond `largest_bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t largest_bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{largest_bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(DamageTest, AWriteThatFailsLeavesNothing) {
  const auto before = files();
  StoredResult result = compiled("new", "small");
  const std::string large = noise(100'000, 3);
  result.outputs.push_back(file("/src/large", large));
  Result<void> added;
  {
    const FileSizeLimit limit(5000);
    added = store_->add(digest_of("key"), result, {"small", large});
  }
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_NE(added.error().message.find(folder_), std::string::npos) << added.error().message;
  EXPECT_NE(added.error().message.find("make room"), std::string::npos) << added.error().message;
  EXPECT_EQ(files(), before);
  EXPECT_EQ(store_->results(digest_of("key")).size(), 1u);
  EXPECT_TRUE(store_->add(digest_of("key"), result, {"small", large}));
  EXPECT_EQ(content(*store_, large), large);
}

TEST_F(DamageTest, AResultIsNotPublishedWithoutItsContents) {
  const std::string object = "an object with no place";
  write(folder_ + "/objects/" + to_hex(digest_of(object)).substr(0, 2), "a file instead of the folder");
  const auto before = files();
  const auto added = store_->add(digest_of("new key"), compiled("source", object), {object});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_EQ(files(), before);
}

TEST_F(DamageTest, AFolderThatCannotBeMadeIsNamed) {
  write(base_ + "/file", "");
  const auto opened = Store::open(base_ + "/file/store", kPlentyBytes);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
  EXPECT_NE(opened.error().message.find(base_ + "/file/store: Not a directory"), std::string::npos)
      << opened.error().message;
}

TEST_F(DamageTest, AFolderInWhichOneMayNotWriteIsNamed) {
  fs::permissions(base_, fs::perms(0755));
  fs::permissions(folder_ + "/results", fs::perms(0555));
  const pid_t child = in_child([&] {
    if (!become_nobody()) return 2;
    const auto opened = Store::open(folder_, kPlentyBytes);
    if (opened) return 3;
    const bool is_named = opened.error().message.find(folder_ + "/") != std::string::npos &&
                          opened.error().message.find("Permission denied") != std::string::npos;
    return is_named && opened.error().code == ErrorCode::kIo ? 0 : 4;
  });
  EXPECT_EQ(exit_status(child), 0);
  fs::permissions(folder_ + "/results", fs::perms(0755));  // else its files could not be removed
}

}  // namespace
}  // namespace extfarm::store
