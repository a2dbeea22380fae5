// What Records remembers across openings, and what it does with a bad file.
#include "coordinator/records/records.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

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

TEST_F(RecordsTest, RemembersAPublishedResultByteForByte) {
  Published published;
  published.fingerprint_of_command = digest_of("command");
  published.inputs = {{"/src/a.c", digest_of("a")}, {std::string("/src/\xff.h"), digest_of("h")}};
  published.outputs = {{"/src/a.o", OutputKind::kFile, 0640, 7, digest_of("o"), ""},
                       {"/src/l", OutputKind::kSymlink, 0777, 0, digest_of("t"), "t"},
                       {"/src/gone", OutputKind::kRemoved, 0, 0, {}, ""}};
  published.stdout_bytes = std::string("nul \0 byte", 10);
  published.stderr_bytes = "a.c:1: warning: \xE2\x80\x98x\xE2\x80\x99 <\xff>\n";
  {
    const auto records = open();
    records->set_published(digest_of("a"), published);
    records->flush();
  }
  const auto read = open()->published(digest_of("a"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->fingerprint_of_command, published.fingerprint_of_command);
  EXPECT_EQ(read->inputs, published.inputs);
  ASSERT_EQ(read->outputs.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read->outputs[i].path, published.outputs[i].path);
    EXPECT_EQ(read->outputs[i].kind, published.outputs[i].kind);
    EXPECT_EQ(read->outputs[i].mode, published.outputs[i].mode);
    EXPECT_EQ(read->outputs[i].size_bytes, published.outputs[i].size_bytes);
    EXPECT_EQ(read->outputs[i].digest, published.outputs[i].digest);
    EXPECT_EQ(read->outputs[i].link_target, published.outputs[i].link_target);
  }
  EXPECT_EQ(read->stdout_bytes, published.stdout_bytes);
  EXPECT_EQ(read->stderr_bytes, published.stderr_bytes);
}

TEST_F(RecordsTest, TheLastPublishedResultReplacesTheOneBefore) {
  const auto records = open();
  Published published;
  published.stdout_bytes = "first";
  records->set_published(digest_of("a"), published);
  published.stdout_bytes = "second";
  records->set_published(digest_of("a"), published);
  EXPECT_EQ(records->published(digest_of("a"))->stdout_bytes, "second");
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

TEST_F(RecordsTest, ADamagedPageIsSetAside) {
  {
    const auto records = open();
    for (int i = 0; i < 2000; ++i) records->add_run(digest_of(std::to_string(i)), 1, 0);
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(8192, '\x5a');
  file.close();
  expect_set_aside_once();
}

TEST_F(RecordsTest, AnotherVersionIsSetAside) {
  open();
  run_sql("PRAGMA user_version = 2");
  expect_set_aside_once();
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

TEST_F(RecordsTest, AnUnreadableEntryMeansNeverBuilt) {
  {
    const auto records = open();
    records->set_published(digest_of("a"), {});
  }
  run_sql("UPDATE published SET content = '{\"command\": \"no digest\"}'");
  EXPECT_FALSE(open()->published(digest_of("a")));
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
