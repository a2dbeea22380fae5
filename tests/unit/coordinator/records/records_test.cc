// What Records remembers across openings, and what it does with a bad file.
#include "coordinator/records/records.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace extfarm::records {
namespace {

namespace fs = std::filesystem;

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    char name[] = "/tmp/extfarm-records-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/.extfarm/state.sqlite";
  }
  ~RecordsTest() override { fs::remove_all(folder_); }

  std::unique_ptr<Records> open() {
    auto opened = Records::open(path_);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    return opened ? std::move(*opened) : nullptr;
  }
  void run_sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  void expect_set_aside_once() {
    const auto records = open();
    ASSERT_NE(records, nullptr);
    EXPECT_NE(records->warning().find(path_ + ".damaged-1"), std::string::npos) << records->warning();
    EXPECT_TRUE(fs::exists(path_ + ".damaged-1"));
    EXPECT_EQ(records->predicted_seconds(digest_of("a")), std::nullopt);
    records->add_run(digest_of("a"), 2, 0);
    records->flush();
    EXPECT_EQ(records->predicted_seconds(digest_of("a")), 2);
  }
  std::string folder_, path_;
};

TEST_F(RecordsTest, PeakMemoryIsTheLargestOfTheLastRuns) {
  const auto records = open();
  EXPECT_EQ(records->peak_memory_bytes(digest_of("a")), 0u);
  for (const std::uint64_t peak : {300, 900, 500}) records->add_run(digest_of("a"), 1, peak);
  EXPECT_EQ(records->peak_memory_bytes(digest_of("a")), 900u);
  for (int run = 0; run < 9; ++run) records->add_run(digest_of("a"), 1, 400);
  EXPECT_EQ(records->peak_memory_bytes(digest_of("a")), 400u) << "old runs are forgotten";
}

TEST_F(RecordsTest, AHostsSpeedIsTheMedianOfItsLastBuilds) {
  const auto records = open();
  EXPECT_EQ(records->host_speed("lab01"), std::nullopt);
  for (const double speed : {0.6, 0.5, 0.9}) records->add_host_speed("lab01", speed);
  EXPECT_EQ(records->host_speed("lab01"), 0.6);
  EXPECT_EQ(records->host_speed("lab02"), std::nullopt);
}

TEST_F(RecordsTest, MakesTheFolderAndKnowsNothingAtFirst) {
  const auto records = open();
  EXPECT_TRUE(fs::exists(path_));
  EXPECT_EQ(records->warning(), "");
  EXPECT_EQ(records->predicted_seconds(digest_of("a")), std::nullopt);
  EXPECT_EQ(records->tail_seconds(digest_of("a")), 0);
  EXPECT_FALSE(records->published(digest_of("a")));
}

TEST_F(RecordsTest, PredictsTheMedianOfTheLastNineRuns) {
  const auto records = open();
  for (int i = 0; i < 20; ++i) records->add_run(digest_of("a"), 1000, 0);
  for (const double s : {9, 1, 8, 2, 7, 3, 6, 4, 5}) records->add_run(digest_of("a"), s, 0);
  EXPECT_EQ(records->predicted_seconds(digest_of("a")), 5);
  records->add_run(digest_of("b"), 1, 0);
  records->add_run(digest_of("b"), 2, 0);
  EXPECT_EQ(records->predicted_seconds(digest_of("b")), 1.5);
}

TEST_F(RecordsTest, RemembersAResultByteForByte) {
  const std::string content("nul \0 byte \xff", 12);
  const std::string path = "/src/\xff.h";
  {
    const auto records = open();
    records->set_published(digest_of("a"), "first");
    records->set_published(digest_of("a"), content);
    records->set_file(7, path, content);
    records->set_search(3, content);
    records->set_toolchain(digest_of("t"), content);
    records->flush();
  }
  const auto records = open();
  EXPECT_EQ(records->published(digest_of("a")), content);
  EXPECT_EQ(records->toolchain(digest_of("t")), content);
  int count = 0;
  records->for_each_file([&](std::uint32_t id, const std::string& read, std::string_view bytes) {
    ++count;
    EXPECT_EQ(id, 7u);
    EXPECT_EQ(read, path);
    EXPECT_EQ(bytes, content);
  });
  records->for_each_search([&](std::uint32_t id, const std::string&, std::string_view bytes) {
    ++count;
    EXPECT_EQ(id, 3u);
    EXPECT_EQ(bytes, content);
  });
  EXPECT_EQ(count, 2);
}

TEST_F(RecordsTest, FindsAnActionByEachOfItsNames) {
  const auto records = open();
  records->set_command(digest_of("a"), "command of a", {"/src/a.c", "/src/a.o", "pkg.a"});
  records->set_command(digest_of("b"), "command of b", {"/src/a.o", "/src/a.so", "pkg.a"});
  EXPECT_EQ(records->identities_named("/src/a.c"), std::vector{digest_of("a")});
  EXPECT_EQ(records->identities_named("pkg.a").size(), 2u);
  EXPECT_TRUE(records->identities_named("pkg").empty());
  EXPECT_EQ(records->command(digest_of("b")), "command of b");
}

TEST_F(RecordsTest, TellsTheVerdictsOfTheLastBuild) {
  const auto records = open();
  const auto first = records->begin_build();
  records->set_verdict(digest_of("a"), {first, "a.h changed", true});
  records->set_fresh(first, {digest_of("b"), digest_of("c")});
  records->flush();
  const auto second = open()->begin_build();
  EXPECT_EQ(second, first + 1);
  EXPECT_EQ(records->last_build(), second);
  EXPECT_EQ(records->verdict(digest_of("a"))->build, first);
  EXPECT_EQ(records->verdict(digest_of("a"))->reason, "a.h changed");
  EXPECT_TRUE(records->verdict(digest_of("a"))->is_restored);
  EXPECT_FALSE(records->was_fresh(second, digest_of("c")));
  records->set_fresh(second, {digest_of("c")});
  EXPECT_TRUE(records->was_fresh(second, digest_of("c")));
  EXPECT_FALSE(records->was_fresh(second, digest_of("b")));
}

TEST_F(RecordsTest, TheTailIsTheLongestChainBehind) {
  const auto records = open();
  const auto add = [&](const char* name, double run) { records->add_run(digest_of(name), run, 0); };
  add("cythonize", 1), add("compile", 10), add("link", 2), add("copy", 11.5);
  records->set_edge(digest_of("cythonize"), digest_of("compile"));
  records->set_edge(digest_of("compile"), digest_of("link"));
  records->set_edge(digest_of("cythonize"), digest_of("copy"));
  records->set_edge(digest_of("compile"), digest_of("link"));  // seen in every build
  records->flush();
  EXPECT_DOUBLE_EQ(records->tail_seconds(digest_of("cythonize")), 12);
  EXPECT_DOUBLE_EQ(records->tail_seconds(digest_of("compile")), 2);
  EXPECT_DOUBLE_EQ(records->tail_seconds(digest_of("link")), 0);
}

TEST_F(RecordsTest, EdgesInACircleEnd) {
  const auto records = open();
  records->add_run(digest_of("a"), 1, 0);
  records->add_run(digest_of("b"), 2, 0);
  records->set_edge(digest_of("a"), digest_of("b"));
  records->set_edge(digest_of("b"), digest_of("a"));
  EXPECT_DOUBLE_EQ(records->tail_seconds(digest_of("a")), 3);
}

TEST_F(RecordsTest, AnotherOpeningSeesATurnsWritesOnceItIsFlushed) {
  const auto writer = open();
  const auto reader = open();
  writer->add_run(digest_of("a"), 3, 0);
  writer->add_run(digest_of("b"), 4, 0);
  EXPECT_EQ(reader->predicted_seconds(digest_of("a")), std::nullopt);
  writer->flush();
  EXPECT_EQ(reader->predicted_seconds(digest_of("a")), 3);
  EXPECT_EQ(reader->predicted_seconds(digest_of("b")), 4);
}

TEST_F(RecordsTest, TheEndOfTheProcessFlushes) {
  open()->add_run(digest_of("a"), 3, 0);
  EXPECT_EQ(open()->predicted_seconds(digest_of("a")), 3);
}

TEST_F(RecordsTest, WritesThatCannotBeMadeAreDroppedWithAWarning) {
  const auto first = open();
  const auto second = open();
  first->add_run(digest_of("a"), 1, 0);  // holds the write lock until it flushes
  second->add_run(digest_of("b"), 2, 0);
  EXPECT_NE(second->warning().find("could not write"), std::string::npos);
  second->flush();
  first->flush();
  second->add_run(digest_of("c"), 3, 0);
  second->flush();
  EXPECT_EQ(first->predicted_seconds(digest_of("b")), std::nullopt);
  EXPECT_EQ(first->predicted_seconds(digest_of("c")), 3);
}

TEST_F(RecordsTest, AFileThatIsNoDatabaseIsSetAside) {
  fs::create_directories(folder_ + "/.extfarm");
  std::ofstream(path_) << "this is no database, but long enough to look at: " << std::string(4096, 'x');
  expect_set_aside_once();
  std::ifstream aside(path_ + ".damaged-1");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(aside), {}).substr(0, 10), "this is no");
}

TEST_F(RecordsTest, ATruncatedDatabaseIsSetAside) {
  {
    const auto records = open();
    for (int i = 0; i < 2000; ++i) records->add_run(digest_of(std::to_string(i)), 1, 0);
  }
  fs::resize_file(path_, fs::file_size(path_) / 2);
  expect_set_aside_once();
}

TEST_F(RecordsTest, ADamagedPageIsSetAsideWhenItIsMet) {
  {
    const auto records = open();
    for (int i = 0; i < 2000; ++i) records->add_run(digest_of(std::to_string(i)), 1, 0);
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8192);
  for (int page = 2; page < 40; ++page) file << std::string(4096, '\x5a');
  file.close();
  {
    const auto records = open();
    ASSERT_NE(records, nullptr);
    for (int i = 0; i < 2000; ++i) static_cast<void>(records->predicted_seconds(digest_of(std::to_string(i))));
    records->flush();
    EXPECT_NE(records->warning().find(path_ + ".damaged-1"), std::string::npos) << records->warning();
    records->add_run(digest_of("a"), 2, 0);  // goes nowhere
    records->flush();
  }
  const auto anew = open();
  EXPECT_EQ(anew->warning(), "");
  EXPECT_EQ(anew->predicted_seconds(digest_of("1")), std::nullopt);
}

TEST_F(RecordsTest, ALaterVersionIsSetAside) {
  open();
  run_sql("PRAGMA user_version = 6");
  expect_set_aside_once();
}

TEST_F(RecordsTest, AVersionWithoutRestoredVerdictsKeepsThemAll) {
  open()->set_published(digest_of("a"), "result");
  run_sql("ALTER TABLE verdicts DROP COLUMN is_restored");
  run_sql("INSERT INTO verdicts VALUES ('" + to_hex(digest_of("a")) + "', 7, 'a.h changed')");
  run_sql("DROP TABLE results");
  run_sql("ALTER TABLE runs DROP COLUMN host");
  run_sql("PRAGMA user_version = 2");
  const auto records = open();
  EXPECT_EQ(records->warning(), "");
  EXPECT_EQ(records->published(digest_of("a")), "result");
  ASSERT_TRUE(records->verdict(digest_of("a")));
  EXPECT_EQ(records->verdict(digest_of("a"))->build, 7);
  EXPECT_FALSE(records->verdict(digest_of("a"))->is_restored);
}

TEST_F(RecordsTest, AVersionWithoutStatesOfResultsGetsThem) {
  {
    const auto records = open();
    records->set_published(digest_of("a"), "result");
    records->flush();
  }
  run_sql("DROP TABLE results");
  run_sql("ALTER TABLE runs DROP COLUMN host");
  run_sql("PRAGMA user_version = 3");
  const auto records = open();
  EXPECT_EQ(records->warning(), "");
  EXPECT_EQ(records->published(digest_of("a")), "result");
  EXPECT_EQ(records->results_state(), 0);
}

TEST_F(RecordsTest, AVersionWithoutHostsKeepsItsRuns) {
  open()->add_run(digest_of("a"), 3, 700);
  run_sql("ALTER TABLE runs DROP COLUMN host");
  run_sql("PRAGMA user_version = 4");
  const auto records = open();
  EXPECT_EQ(records->warning(), "");
  records->add_run(digest_of("a"), 2, 0, "lab01");
  const auto runs = records->runs(digest_of("a"));
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].run_seconds, 3);
  EXPECT_EQ(runs[0].peak_memory_bytes, 700u);
  EXPECT_EQ(runs[0].host, "");
  EXPECT_EQ(runs[1].host, "lab01");
}

TEST_F(RecordsTest, HostsAreThoseWhoseSpeedIsKnown) {
  const auto records = open();
  records->add_run(digest_of("a"), 2, 0, "lab03");
  for (const char* host : {"lab02", "lab01", "lab02"}) records->add_host_speed(host, 0.5);
  EXPECT_EQ(records->hosts(), (std::vector<std::string>{"lab01", "lab02"}));
}

TEST_F(RecordsTest, EachStateOfTheResultsHasItsOwnNumber) {
  std::set<std::int64_t> seen = {0};
  for (int round = 0; round < 3; ++round) {
    const auto records = open();
    const auto before = records->results_state();
    records->set_verdict(digest_of("a"), {1, "a.h changed", false});
    records->set_fresh(1, {digest_of("a")});
    records->flush();
    EXPECT_EQ(records->results_state(), before) << "no result was recorded";
    records->set_published(digest_of("a"), "result");
    records->flush();
    EXPECT_TRUE(seen.insert(records->results_state()).second);
    EXPECT_EQ(open()->results_state(), records->results_state());
  }
}

TEST_F(RecordsTest, TheLastBuildsFreshActionsAreKnownByOneDigest) {
  const auto records = open();
  const std::vector<Identity> fresh = {digest_of("a"), digest_of("b")};
  EXPECT_NE(records->last_fresh(), Records::digest_of_fresh(fresh));
  records->set_fresh(records->begin_build(), fresh);
  EXPECT_EQ(records->last_fresh(), Records::digest_of_fresh(fresh));
  records->begin_build();
  EXPECT_NE(records->last_fresh(), Records::digest_of_fresh(fresh));
}

TEST_F(RecordsTest, AnEarlierVersionKeepsItsHistory) {
  fs::create_directories(folder_ + "/.extfarm");
  run_sql(R"(
CREATE TABLE runs (identity TEXT NOT NULL, run_seconds REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL);
CREATE INDEX runs_by_identity ON runs (identity);
CREATE TABLE edges (producer TEXT NOT NULL, consumer TEXT NOT NULL, PRIMARY KEY (producer, consumer)) WITHOUT ROWID;
CREATE TABLE published (identity TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO published VALUES ('x', '{}');
PRAGMA user_version = 1;)");
  run_sql("INSERT INTO runs VALUES ('" + to_hex(digest_of("a")) + "', 12.5, 0)");
  const auto records = open();
  EXPECT_NE(records->warning().find("earlier extfarm"), std::string::npos);
  EXPECT_EQ(records->predicted_seconds(digest_of("a")), 12.5);
  EXPECT_EQ(open()->warning(), "");
  EXPECT_FALSE(fs::exists(path_ + ".damaged-1"));
}

TEST_F(RecordsTest, ReadingOnlyNeitherMakesNorMendsAFile) {
  EXPECT_EQ(Records::open(path_, Database::Access::kReadOnly).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(path_));
  open()->add_run(digest_of("a"), 3, 0);
  const auto reader = Records::open(path_, Database::Access::kReadOnly);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->predicted_seconds(digest_of("a")), 3);
  std::ofstream(path_, std::ios::trunc) << std::string(8192, 'x');
  EXPECT_FALSE(Records::open(path_, Database::Access::kReadOnly));
  EXPECT_FALSE(fs::exists(path_ + ".damaged-1"));
}

TEST_F(RecordsTest, AMissingTableIsSetAside) {
  open();
  run_sql("DROP TABLE edges");
  expect_set_aside_once();
}

TEST_F(RecordsTest, ASecondDamagedFileDoesNotReplaceTheFirst) {
  fs::create_directories(folder_ + "/.extfarm");
  for (const char* content : {"first damaged file", "second damaged file"}) {
    std::ofstream(path_) << content << std::string(4096, 'x');
    open();
  }
  EXPECT_TRUE(fs::exists(path_ + ".damaged-1"));
  EXPECT_TRUE(fs::exists(path_ + ".damaged-2"));
}

TEST_F(RecordsTest, ALockedDatabaseIsNotTakenForADamagedOne) {
  open();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM edges", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  const auto opened = Records::open(path_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
  EXPECT_FALSE(fs::exists(path_ + ".damaged-1"));
  sqlite3_close(db);
  EXPECT_EQ(open()->warning(), "");
}

TEST_F(RecordsTest, APlaceThatCannotBeWrittenIsAnErrorThatNamesIt) {
  std::ofstream(folder_ + "/file") << "in the way";
  const auto opened = Records::open(folder_ + "/file/state.sqlite");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
  EXPECT_NE(opened.error().message.find(folder_ + "/file/state.sqlite"), std::string::npos);
}

}  // namespace
}  // namespace extfarm::records
