// A copy is the tree, and what differs between two trees is found, whatever it is.
#include "coordinator/verification/tree_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "coordinator/verification/findings.h"

namespace extfarm::verification {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class TreeCopy : public testing::Test {
 protected:
  TreeCopy() {
    std::string name = testing::TempDir() + "tree-copy-XXXXXX";
    top_ = ::mkdtemp(name.data());
    write("a/pkg/mod.c", "int x;");
    write("a/run.sh", "exit 0");
    fs::permissions(top_ + "/a/run.sh", fs::perms::owner_all);
    fs::create_symlink("pkg/mod.c", top_ + "/a/link");
    fs::create_directory(top_ + "/a/empty");
    write("a/.extfarm/lock", "");
  }
  ~TreeCopy() override { fs::remove_all(top_); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(top_ + "/" + path).parent_path());
    std::ofstream(top_ + "/" + path) << text;
  }
  Listing list(const std::string& name) { return list_tree(top_ + "/" + name, {".extfarm"}).value(); }
  std::vector<std::string> differing() {
    std::vector<std::string> paths;
    const auto found = differences_between(top_ + "/a", list("a"), top_ + "/b", list("b")).value();
    for (const auto& difference : found) paths.push_back(difference.path);
    return paths;
  }
  std::string top_;
};

TEST_F(TreeCopy, HasEverythingWithModesTimesAndLinksButWhatIsLeftOut) {
  ASSERT_TRUE(copy_tree(top_ + "/a", top_ + "/b", {".extfarm"}));
  EXPECT_THAT(differing(), IsEmpty());
  EXPECT_FALSE(fs::exists(top_ + "/b/.extfarm"));
  EXPECT_THAT(written_between(list("a"), list("b")), IsEmpty()) << "times and modes are the original's";
  EXPECT_EQ(list("b").at("link").target, "pkg/mod.c");
}

TEST_F(TreeCopy, OfATreeThatCannotBeReadSaysWhere) {
  const auto copied = copy_tree(top_ + "/none", top_ + "/b", {});
  ASSERT_FALSE(copied);
  EXPECT_THAT(copied.error().message, testing::HasSubstr("/none"));
}

TEST_F(TreeCopy, DifferencesAreBytesModesLinksAndWhatIsMissing) {
  ASSERT_TRUE(copy_tree(top_ + "/a", top_ + "/b", {".extfarm"}));
  write("b/pkg/mod.c", "int y;");  // as long as before
  fs::permissions(top_ + "/b/run.sh", fs::perms::owner_read);
  fs::remove(top_ + "/b/link");
  fs::create_symlink("pkg", top_ + "/b/link");
  fs::remove(top_ + "/b/empty");
  write("b/new/deep.o", "o");
  EXPECT_THAT(differing(), ElementsAre("empty", "link", "new/deep.o", "pkg/mod.c", "run.sh"));
  EXPECT_THAT(written_between(list("a"), list("b")), ElementsAre("link", "new/deep.o", "pkg/mod.c", "run.sh"));
}

class Findings : public TreeCopy {
 protected:
  Findings() { EXPECT_TRUE(copy_tree(top_ + "/a", top_ + "/b", {".extfarm"})); }
  BuiltTree tree() { return {"/project", top_ + "/a", top_ + "/b", {}, list("a"), list("b")}; }
  std::vector<Finding> found() { return find_differences(tree(), {}, {}).value(); }
};

TEST_F(Findings, ABuildIdThatDiffersAloneIsUnexplained) {
  const std::string note = std::string("\x7f" "ELF....") + std::string("\x04\0\0\0\x08\0\0\0\x03\0\0\0GNU\0", 16);
  write("a/x.so", note + "AAAAAAAA");
  write("b/x.so", note + "BBBBBBBB");
  EXPECT_TRUE(has_unknown(found()));
  const std::string gzip("\x1f\x8b\x08\x00", 4), rest("\x00\x03payload", 9);
  write("a/x.gz", gzip + "AAAA" + rest);
  write("b/x.gz", gzip + "BBBB" + rest);
  EXPECT_FALSE(has_unknown(found())) << "it follows from the other";
}

TEST_F(Findings, ASecondPlainBuildExcusesWhatItDoesNotMakeAgainEither) {
  write("a/chance", "1");
  write("b/chance", "2");
  write("b/pkg/mod.c", "int y;");
  ASSERT_TRUE(copy_tree(top_ + "/a", top_ + "/c", {".extfarm"}));
  write("c/chance", "3");
  auto findings = found();
  ASSERT_TRUE(ask_second_plain(findings, tree(), {}, top_ + "/c", list("c"), {}));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_TRUE(findings[0].is_known) << findings[0].difference.path;
  EXPECT_FALSE(findings[1].is_known) << findings[1].difference.path;
}

TEST_F(Findings, ASecondPlainBuildWhoseDifferenceHasANameExcusesNothingElse) {
  const std::string gzip("\x1f\x8b\x08\x00", 4);
  write("a/x.gz", gzip + "AAAA..payload");
  write("b/x.gz", gzip + "BBBB..paylOad");
  ASSERT_TRUE(copy_tree(top_ + "/a", top_ + "/c", {".extfarm"}));
  write("c/x.gz", gzip + "CCCC..payload");
  auto findings = found();
  ASSERT_TRUE(ask_second_plain(findings, tree(), {}, top_ + "/c", list("c"), {}));
  EXPECT_TRUE(has_unknown(findings));
}

TEST_F(Findings, ObjectsKeptApartAreOneLineWithTheirCountAndAllOthersALineEach) {
  for (const std::string name : {"first", "second", "third"}) {
    write("a/temp/src/" + name + ".o", "shared");
    write("b/temp/src/" + name + ".o", "shared");
    write("b/temp/extfarm/pkg.one/src/" + name + ".o", "of its own");
  }
  write("b/temp/extfarm/pkg.one/src/stray.o", "in no plain build");
  write("b/pkg/mod.c", "int y;");
  const auto told = report(found(), {});
  EXPECT_THAT(told, testing::HasSubstr("known causes            3\n  unexplained             2\n"));
  EXPECT_THAT(told, testing::ContainsRegex("pkg.one/src/first.o +an extension's own object; .* \\(2 more like it\\)\n"));
  EXPECT_THAT(told, testing::Not(testing::HasSubstr("pkg.one/src/second.o")));
  EXPECT_THAT(told, testing::ContainsRegex("stray.o +only the farmed build has it\n"));
  EXPECT_THAT(told, testing::ContainsRegex("mod.c +differs from byte"));
}

}  // namespace
}  // namespace extfarm::verification
