// What comes earlier in a search, while files come and go.
#include "coordinator/freshness/search_order.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace extfarm::freshness {
namespace {

// Folders of names; a change of one gives it another stamp.
class Folders : public Filesystem {
 public:
  std::optional<FileStamp> stat(const std::string& path) const override {
    FileStamp out;
    if (!names.contains(path)) {
      const auto slash = path.rfind('/');
      const auto folder = names.find(path.substr(0, slash));
      if (folder == names.end() || !folder->second.contains(path.substr(slash + 1))) return std::nullopt;
      return out;
    }
    out.is_folder = true;
    out.mtime_ns = 1 + changes.at(path);
    return out;
  }
  Result<std::string> read(const std::string&) const override { return failure(ErrorCode::kIo, "folders alone"); }
  std::optional<std::vector<std::string>> list(const std::string& folder) const override {
    ++lists;
    const auto it = names.find(folder);
    if (it == names.end()) return std::nullopt;
    return std::vector<std::string>(it->second.begin(), it->second.end());
  }
  Result<void> write_atomically(const std::string&, std::string_view, std::uint32_t) override { return {}; }
  void add(const std::string& folder, const std::string& name) {
    names[folder].insert(name);
    ++changes[folder];
  }
  std::map<std::string, std::set<std::string>> names;
  std::map<std::string, std::int64_t> changes;
  mutable int lists = 0;
};

class SearchOrderTest : public testing::Test {
 protected:
  SearchOrderTest() {
    disk_.add("/near", "other.h");
    disk_.add("/far", "a.h");
    disk_.add("/far", "package");
    search_ = order_.intern({{"/near", "/far"}, 0});
  }
  std::vector<std::string> earlier_than(const std::string& path) {
    std::vector<std::string> out;
    for (const auto& earlier : order_.earlier_than(search_, path, path == "/far/a.h" ? 0 : 1)) out.push_back(earlier.path());
    return out;
  }
  using Paths = std::vector<std::string>;
  Folders disk_;
  SearchOrder order_{disk_};
  SearchId search_ = 0;
};

TEST_F(SearchOrderTest, AFileOfAnotherNameChangesNoAnswerAndOneThatWasAskedForDoes) {
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
  disk_.add("/near", "b.o");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
  disk_.add("/near", "a.h");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{"/near/a.h"});
  disk_.names["/near"].erase("a.h");
  disk_.add("/near", "c.o");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
}

TEST_F(SearchOrderTest, AFolderThatIsNewMayHoldWhatWasAskedFor) {
  EXPECT_EQ(earlier_than("/far/package/b.h"), Paths{});
  disk_.add("/near", "package");
  disk_.add("/near/package", "b.h");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/package/b.h"), Paths{"/near/package/b.h"});
}

TEST_F(SearchOrderTest, WhatThisBuildWroteIsSeenAtOnceAndListedOnceForAll) {
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
  disk_.lists = 0;
  for (const char* name : {"b.o", "c.o", "a.h"}) {
    disk_.add("/near", name);
    order_.forget(std::string("/near/") + name);
  }
  EXPECT_EQ(disk_.lists, 0);
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{"/near/a.h"});
  EXPECT_TRUE(order_.exists("/near", "b.o"));
  EXPECT_EQ(disk_.lists, 1);
}

TEST_F(SearchOrderTest, WhatWasWrittenExistsForTheNextQuestion) {
  EXPECT_FALSE(order_.exists("/near", "b.h"));
  disk_.add("/near", "b.h");
  order_.forget("/near/b.h");
  EXPECT_TRUE(order_.exists("/near", "b.h"));
}

// A folder of so many names that each is asked for by itself.
class CrowdedFolder : public SearchOrderTest {
 protected:
  CrowdedFolder() {
    for (int i = 0; i < 1000; ++i) disk_.add("/near", "s" + std::to_string(i) + ".c");
    EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
    disk_.lists = 0;
  }
  ~CrowdedFolder() override { EXPECT_EQ(disk_.lists, 0); }
};

TEST_F(CrowdedFolder, ANameThatWasAskedForChangesTheAnswerWhenItComesAndWhenItGoes) {
  disk_.add("/near", "a.h");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{"/near/a.h"});
  disk_.names["/near"].erase("a.h");
  disk_.add("/near", "b.o");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
}

TEST_F(CrowdedFolder, WhatThisBuildWroteIsSeenAtOnce) {
  disk_.add("/near", "b.o");
  order_.forget("/near/b.o");
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
  disk_.add("/near", "a.h");
  order_.forget("/near/a.h");
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{"/near/a.h"});
}

TEST_F(CrowdedFolder, ANameThatCameBeforeItWasAskedForIsFound) {
  disk_.add("/near", "package");
  disk_.add("/near/package", "b.h");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/package/b.h"), Paths{"/near/package/b.h"});
  disk_.lists = 0;  // of the folder in it
}

TEST_F(SearchOrderTest, AFolderThatBecomesCrowdedKeepsNoAnswer) {
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
  for (int i = 0; i < 1000; ++i) disk_.add("/near", "s" + std::to_string(i) + ".c");
  disk_.add("/near", "a.h");
  order_.look_again();
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{"/near/a.h"});
}

// What a later build compares with is all that is there, not what was asked for.
TEST_F(SearchOrderTest, ACrowdedFolderIsWatchedWithAllItsNames) {
  const auto has_changed = [&] {
    WatchList list;
    order_.watch(list);
    ++disk_.changes["/near"];  // a stamp alone says nothing
    return list.look(disk_).has_changed_folders;
  };
  for (int i = 0; i < 1000; ++i) disk_.add("/near", "s" + std::to_string(i) + ".c");
  EXPECT_EQ(earlier_than("/far/a.h"), Paths{});
  EXPECT_FALSE(has_changed());
  WatchList list;
  order_.watch(list);
  disk_.add("/near", "t.c");
  EXPECT_TRUE(list.look(disk_).has_changed_folders);
  disk_.add("/near", "a.h");  // which nobody has looked at since
  EXPECT_TRUE(has_changed());
}

}  // namespace
}  // namespace extfarm::freshness
