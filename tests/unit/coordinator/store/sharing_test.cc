// Several stores on one folder at the same time, and the rights of what they make.
#include <grp.h>

#include <thread>

#include "store_fixture.h"

namespace extfarm::store {
namespace {

constexpr int kRounds = 150;

class SharingTest : public StoreFixture {
 protected:
  // What differs from the expected, "" for nothing.
  static std::string use(Store& store, unsigned seed) {
    for (int round = 0; round < kRounds; ++round) {
      // Both users meet at the same commands and the same objects.
      const unsigned number = (static_cast<unsigned>(round) * 7 + seed) % 12;
      const std::string object = noise(2000 + number, number);
      const Digest key = digest_of("key " + std::to_string(number % 4));
      const auto added = store.add(key, compiled("source " + std::to_string(number), object), {object});
      if (!added) return added.error().message;
      for (const auto& result : store.results(key)) {
        const auto& output = result.outputs.at(0);
        const auto found = store.content(output.digest, output.size_bytes);
        if (!found && found.error().code != ErrorCode::kNotFound) return found.error().message;
        if (found && digest_of(*found) != output.digest) return "other bytes";
      }
      if (round % 5 != 0) continue;
      if (const auto trimmed = store.trim(); !trimmed) return trimmed.error().message;
    }
    if (store.counts().objects_poisoned != 0) return "poisoned objects";
    if (store.counts().results_unreadable != 0) return "unreadable results";
    if (store.counts().objects_removed == 0) return "nothing was trimmed";
    return "";
  }
  void expect_sound() {
    const auto store = open();
    std::size_t result_count = 0;
    for (int number = 0; number < 4; ++number)
      result_count += store->results(digest_of("key " + std::to_string(number))).size();
    EXPECT_GT(result_count, 0u);
    EXPECT_EQ(store->counts().results_unreadable, 0u);
    for (unsigned number = 0; number < 12; ++number) {
      const std::string object = noise(2000 + number, number);
      EXPECT_EQ(content(*store, object).has_value(), fs::exists(object_path(object)));
    }
    EXPECT_EQ(store->counts().objects_poisoned, 0u);
    EXPECT_TRUE(fs::is_empty(folder_ + "/tmp"));
  }
};

TEST_F(SharingTest, TwoThreadsAddAndTrimAtOnce) {
  const auto one = open(14'000), other = open(14'000);
  std::string problem;
  std::thread thread([&] { problem = use(*one, 0); });
  EXPECT_EQ(use(*other, 3), "");
  thread.join();
  EXPECT_EQ(problem, "");
  expect_sound();
}

TEST_F(SharingTest, TwoProcessesAddAndTrimAtOnce) {
  const pid_t child = in_child([&] {
    const std::string problem = use(*open(14'000), 0);
    if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
    return problem.empty() ? 0 : 1;
  });
  const auto store = open(14'000);
  EXPECT_EQ(use(*store, 3), "");
  EXPECT_EQ(exit_status(child), 0);
  expect_sound();
}

TEST_F(SharingTest, OnesOwnFolderFollowsTheUmask) {
  const mode_t before = ::umask(077);
  add(*open(), "key", "source", "object");
  ::umask(before);
  EXPECT_EQ(mode_of(object_path("object")), 0600u);
  EXPECT_EQ(mode_of(fs::path(object_path("object")).parent_path()), 0700u);
}

TEST_F(SharingTest, AFolderThatIsNotTheGroupsGivesItNoRights) {
  fs::create_directory(folder_);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const mode_t before = ::umask(077);
  add(*open(), "key", "source", "object");
  ::umask(before);
  EXPECT_EQ(mode_of(object_path("object")), 0600u);
  EXPECT_EQ(mode_of(fs::path(object_path("object")).parent_path()), 0700u);
}

TEST_F(SharingTest, AGroupsFolderIsTheGroupsWhateverTheUmask) {
  fs::create_directory(folder_);
  ASSERT_EQ(::chmod(folder_.c_str(), 02770), 0);
  const mode_t before = ::umask(077);
  add(*open(), "key", "source", "object");
  ::umask(before);
  EXPECT_EQ(mode_of(object_path("object")), 0660u);
  EXPECT_EQ(mode_of(results_path("key")), 0660u);
  EXPECT_EQ(mode_of(folder_ + "/tmp"), 02770u);
  EXPECT_EQ(mode_of(fs::path(object_path("object")).parent_path()), 02770u);
}

TEST_F(SharingTest, ASetgidFolderThatTheGroupMayOnlyReadStaysSo) {
  fs::create_directory(folder_);
  ASSERT_EQ(::chmod(folder_.c_str(), 02750), 0);
  const mode_t before = ::umask(077);
  add(*open(), "key", "source", "object");
  ::umask(before);
  EXPECT_EQ(mode_of(object_path("object")), 0640u);
  EXPECT_EQ(mode_of(fs::path(object_path("object")).parent_path()), 02750u);
}

TEST_F(SharingTest, AnotherUserOfTheGroupFindsAddsRecordsAndRemoves) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user takes root";
  constexpr uid_t kOther = 65533;
  constexpr gid_t kGroup = 65532;
  fs::permissions(base_, fs::perms(0755));
  fs::create_directory(folder_);
  ASSERT_EQ(::chown(folder_.c_str(), 0, kGroup), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 02770), 0);
  add(*open(), "key", "source", "object");
  make_older(object_path("object"), 5000);
  const pid_t child = in_child([&] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(kGroup) != 0 || ::setuid(kOther) != 0) return 2;
    auto opened = Store::open(folder_, 0);
    if (!opened) return 3;
    Store& store = **opened;
    if (store.results(digest_of("key")).size() != 1 || !content(store, "object")) return 4;
    if (age_of(object_path("object")) > 1000) return 5;
    if (!store.add(digest_of("key"), compiled("other source", "object 2"), {"object 2"})) return 6;
    if (store.results(digest_of("key")).size() != 2) return 7;
    return store.trim() && store.counts().objects_removed == 2 ? 0 : 8;
  });
  EXPECT_EQ(exit_status(child), 0);
  EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace extfarm::store
