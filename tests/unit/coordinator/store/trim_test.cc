// What goes first when the store is full, and what counts as use.
#include "store_fixture.h"

namespace extfarm::store {
namespace {

class TrimTest : public StoreFixture {
 protected:
  // Ten objects of about 10 kB, which do not compress; object 0 is the oldest.
  void fill(Store& store) {
    for (unsigned i = 0; i < 10; ++i) {
      add(store, "key " + std::to_string(i), "source", object(i));
      make_older(object_path(object(i)), 10'000 - 100 * i);
    }
  }
  static std::string object(unsigned i) { return noise(10'000, i); }
  std::string surviving() const {
    std::string out;
    for (unsigned i = 0; i < 10; ++i)
      if (fs::exists(object_path(object(i)))) out += static_cast<char>('0' + i);
    return out;
  }
  std::uint64_t size_bytes() const {
    std::uint64_t out = 0;
    for (const auto& path : files()) out += fs::file_size(path);
    return out;
  }
};

TEST_F(TrimTest, BelowTheLimitNothingIsRemoved) {
  fill(*open());
  const auto before = files();
  const auto store = open(size_bytes());
  ASSERT_TRUE(store->trim());
  EXPECT_EQ(files(), before);
  EXPECT_EQ(store->counts().objects_removed + store->counts().results_removed, 0u);
}

TEST_F(TrimTest, TheLeastRecentlyUsedGoFirstDownToNineTenths) {
  fill(*open());
  const std::uint64_t before_bytes = size_bytes(), limit_bytes = before_bytes - 1;
  const auto store = open(limit_bytes);
  ASSERT_TRUE(store->trim());
  EXPECT_EQ(surviving(), "23456789");
  EXPECT_LE(size_bytes(), limit_bytes / 100 * 90);
  EXPECT_GT(size_bytes(), limit_bytes / 100 * 90 - 10'100);
  EXPECT_EQ(store->counts().objects_removed, 2u);
  EXPECT_EQ(store->counts().results_removed, 0u);
  EXPECT_EQ(store->counts().bytes_removed, before_bytes - size_bytes());
  EXPECT_EQ(code_of(content(*store, object(0))), ErrorCode::kNotFound);
  EXPECT_EQ(content(*store, object(2)), object(2));
}

TEST_F(TrimTest, WhenDueTheStoreIsListedOnlyWhereItMayBeAboveItsLimit) {
  fill(*open());
  const std::uint64_t limit_bytes = size_bytes() + 15'000;
  ASSERT_TRUE(open(limit_bytes)->trim_when_due());  // no sums yet: it is listed
  const std::string sums = folder_ + "/sums";
  const std::string listed = bytes_of(sums);

  auto store = open(limit_bytes);
  add(*store, "key 10", "source", noise(10'000, 10));
  ASSERT_TRUE(store->trim_when_due());
  EXPECT_EQ(surviving(), "0123456789");
  EXPECT_TRUE(bytes_of(sums).starts_with(listed) && bytes_of(sums).size() > listed.size()) << "added to, not listed";
  ASSERT_TRUE(open(limit_bytes)->trim_when_due());

  store = open(limit_bytes);
  add(*store, "key 11", "source", noise(10'000, 11));
  ASSERT_TRUE(store->trim_when_due());  // another store's addition and its own
  EXPECT_LT(surviving().size(), 10u);
  EXPECT_LE(size_bytes(), limit_bytes / 100 * 90);
}

TEST_F(TrimTest, SumsThatAreOldOrDamagedAreNotBelieved) {
  fill(*open());
  for (const std::string words : {"1 5\n", "99999999999 5\n", "words\n", "1 5\n-", ""}) {
    write(folder_ + "/sums", words);
    ASSERT_TRUE(open(size_bytes() - 1)->trim_when_due());
    EXPECT_NE(surviving(), "0123456789") << words;
    fill(*open());
  }
}

TEST_F(TrimTest, OldResultsGoLikeOldObjects) {
  fill(*open());
  make_older(results_path("key 5"), 20'000);
  const auto store = open(size_bytes() - 1);
  ASSERT_TRUE(store->trim());
  EXPECT_EQ(store->counts().results_removed, 1u);
  EXPECT_TRUE(store->results(digest_of("key 5")).empty());
  EXPECT_EQ(store->results(digest_of("key 6")).size(), 1u);
  EXPECT_EQ(store->counts().results_unreadable, 0u);
}

TEST_F(TrimTest, AnObjectThatWasReadOrAddedAgainStays) {
  {
    const auto store = open();
    fill(*store);
    ASSERT_TRUE(content(*store, object(0)));
    add(*store, "key 1", "source", object(1));
  }
  ASSERT_TRUE(open(size_bytes() - 1)->trim());
  EXPECT_EQ(surviving(), "01456789");
}

TEST_F(TrimTest, UseIsRecordedOnlyEverySomeMinutes) {
  const auto store = open();
  add(*store, "key", "source", "object");
  for (const auto& path : {object_path("object"), results_path("key")}) {
    make_older(path, 300);
    ASSERT_TRUE(content(*store, "object"));
    ASSERT_EQ(store->results(digest_of("key")).size(), 1u);
    EXPECT_GE(age_of(path), 300) << path;
    make_older(path, 900);
    ASSERT_TRUE(content(*store, "object"));
    ASSERT_EQ(store->results(digest_of("key")).size(), 1u);
    EXPECT_LT(age_of(path), 300) << path;
  }
}

TEST_F(TrimTest, TemporaryFilesOfTheDeadAreRemovedAndThoseOfTheLivingStay) {
  const auto store = open();
  write(folder_ + "/tmp/lab01-17-0", "half an obj");
  write(folder_ + "/tmp/lab02-18-0", "half an obj");
  make_older(folder_ + "/tmp/lab01-17-0", 3700);
  make_older(folder_ + "/tmp/lab02-18-0", 3500);
  ASSERT_TRUE(store->trim());
  EXPECT_EQ(files(), std::vector<std::string>{folder_ + "/tmp/lab02-18-0"});
  EXPECT_EQ(store->counts().temporaries_removed, 1u);
}

TEST_F(TrimTest, SomebodysOwnFilesStayAndDoNotCount) {
  const auto store = open(1000);
  add(*store, "key", "source", "object");
  const std::string own = folder_ + "/objects/ab/README";
  fs::create_directories(folder_ + "/objects/ab");
  write(own, noise(5000, 1));
  make_older(own, 100'000);
  ASSERT_TRUE(store->trim());
  EXPECT_EQ(files().size(), 3u);
}

TEST_F(TrimTest, ALimitOfNothingEmptiesTheStore) {
  fill(*open());
  ASSERT_TRUE(open(0)->trim());
  EXPECT_TRUE(files().empty());
}

TEST_F(TrimTest, WhatCannotBeRemovedIsNamedWhenTheStoreStaysTooLarge) {
  add(*open(), "key", "source", "object");
  fs::permissions(base_, fs::perms(0755));
  for (const auto* part : {"/objects", "/results", "/tmp"}) fs::permissions(folder_ + part, fs::perms(0777));
  const std::string closed = fs::path(object_path("object")).parent_path();
  fs::permissions(closed, fs::perms(0555));
  fs::permissions(fs::path(results_path("key")).parent_path(), fs::perms(0777));
  make_older(object_path("object"), 1000);
  const std::uint64_t limit_bytes = size_bytes() - 1;
  const pid_t child = in_child([&] {
    if (!become_nobody()) return 2;
    if (!(*Store::open(folder_, limit_bytes))->trim()) return 5;  // others could be removed instead
    const auto trimmed = (*Store::open(folder_, 0))->trim();
    if (trimmed || trimmed.error().code != ErrorCode::kIo) return 3;
    return trimmed.error().message.find(folder_) != std::string::npos ? 0 : 4;
  });
  EXPECT_EQ(exit_status(child), 0);
  fs::permissions(closed, fs::perms(0755));
  EXPECT_EQ(files(), std::vector<std::string>{object_path("object")});
}

}  // namespace
}  // namespace extfarm::store
