// What goes into a store comes out again, and only that.
#include "coordinator/store/store.h"

#include <cmath>

#include "store_fixture.h"

namespace extfarm::store {
namespace {

using StoreTest = StoreFixture;

void expect_equal(const StoredResult& read, const StoredResult& written) {
  EXPECT_EQ(read.inputs, written.inputs);
  ASSERT_EQ(read.outputs.size(), written.outputs.size());
  for (std::size_t i = 0; i < read.outputs.size(); ++i) {
    const auto &a = read.outputs[i], &b = written.outputs[i];
    EXPECT_EQ(a.path, b.path);
    EXPECT_EQ(a.kind, b.kind) << b.path;
    EXPECT_EQ(a.mode, b.mode) << b.path;
    EXPECT_EQ(a.size_bytes, b.size_bytes) << b.path;
    EXPECT_EQ(a.digest, b.digest) << b.path;
    EXPECT_EQ(a.link_target, b.link_target) << b.path;
  }
  EXPECT_EQ(read.stdout_bytes, written.stdout_bytes);
  EXPECT_EQ(read.stderr_bytes, written.stderr_bytes);
  EXPECT_EQ(read.run_seconds, written.run_seconds);
}

TEST_F(StoreTest, AnEmptyStoreKnowsNothing) {
  const auto store = open();
  EXPECT_TRUE(store->results(digest_of("key")).empty());
  const auto found = content(*store, "bytes");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_NE(found.error().message.find(to_hex(digest_of("bytes"))), std::string::npos)
      << found.error().message;
}

TEST_F(StoreTest, AResultComesBackByteForByteInAnotherProcess) {
  const std::string binary(
      "\x7f"
      "ELF\0\xff\r\n",
      8),
      empty;
  StoredResult result;
  result.inputs = {{"/src/z.h", digest_of("z")}, {std::string("/src/\xff \".h"), digest_of("a")}};
  result.outputs = {file("/src/a.o", binary),
                    {"/src/l", OutputKind::kSymlink, 0777, 0, digest_of("\xfe"), "\xfe"},
                    file(std::string("/src/\xff.d"), empty),
                    {"/src/folder", OutputKind::kFolder, 0750, 0, {}, ""},
                    {"/src/gone", OutputKind::kRemoved, 0, 0, {}, ""}};
  result.outputs[0].mode = 0755;
  result.stdout_bytes = std::string("nul \0 byte", 10);
  result.stderr_bytes = "a.c:1: \xE2\x80\x98x\xE2\x80\x99 <\xff>\n";
  result.run_seconds = 0.1 + 0.2;
  const auto added = open()->add(digest_of("key"), result, {binary, "", empty, "", ""});
  ASSERT_TRUE(added) << added.error().message;

  const auto store = open();
  const auto found = store->results(digest_of("key"));
  ASSERT_EQ(found.size(), 1u);
  expect_equal(found[0], result);
  EXPECT_EQ(content(*store, binary), binary);
  EXPECT_EQ(content(*store, empty), empty);
  EXPECT_TRUE(store->results(digest_of("another key")).empty());
}

TEST_F(StoreTest, ResultsWithOtherInputsAreKeptNewestFirst) {
  const auto store = open();
  add(*store, "key", "main", "object of main");
  add(*store, "key", "branch", "object of branch");
  const auto found = store->results(digest_of("key"));
  ASSERT_EQ(found.size(), 2u);
  expect_equal(found[0], compiled("branch", "object of branch"));
  expect_equal(found[1], compiled("main", "object of main"));
  EXPECT_EQ(content(*store, "object of main"), "object of main");
  EXPECT_EQ(content(*store, "object of branch"), "object of branch");
}

TEST_F(StoreTest, ResultsThatShareSomeInputsKeepTheirOwn) {
  const auto store = open();
  StoredResult first, second;
  first.inputs = {{"/a.c", digest_of("a")}, {"/a.h", digest_of("old")}};
  second.inputs = {{"/a.h", digest_of("new")}, {"/b.h", digest_of("b")}, {"/a.c", digest_of("a")}};
  ASSERT_TRUE(store->add(digest_of("key"), first, {}));
  ASSERT_TRUE(store->add(digest_of("key"), second, {}));
  const auto found = store->results(digest_of("key"));
  ASSERT_EQ(found.size(), 2u);
  expect_equal(found[0], second);
  expect_equal(found[1], first);
}

TEST_F(StoreTest, TheSameInputsInAnotherOrderReplaceTheOlderResult) {
  const auto store = open();
  StoredResult result;
  result.inputs = {{"/a.c", digest_of("a")}, {"/b.h", digest_of("b")}};
  result.stderr_bytes = "first";
  ASSERT_TRUE(store->add(digest_of("key"), result, {}));
  add(*store, "key", "between", "object");
  std::swap(result.inputs[0], result.inputs[1]);
  result.stderr_bytes = "second";
  ASSERT_TRUE(store->add(digest_of("key"), result, {}));
  const auto found = store->results(digest_of("key"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].stderr_bytes, "second");
  expect_equal(found[1], compiled("between", "object"));
}

TEST_F(StoreTest, OnlyTheSixteenNewestResultsAreKept) {
  const auto store = open();
  for (int i = 0; i < 18; ++i) add(*store, "key", "source " + std::to_string(i), "object");
  const auto found = store->results(digest_of("key"));
  ASSERT_EQ(found.size(), 16u);
  EXPECT_EQ(found.front().inputs[0].digest, digest_of("source 17"));
  EXPECT_EQ(found.back().inputs[0].digest, digest_of("source 2"));
}

TEST_F(StoreTest, TheOldestResultsGoWhenTheirTextGetsTooLong) {
  StorePolicy policy;
  policy.largest_results_bytes = 1000;
  const auto store = open(kPlentyBytes, policy);
  StoredResult result = compiled("first", "object");
  result.stderr_bytes = std::string(500, 'w');
  ASSERT_TRUE(store->add(digest_of("key"), result, {"object"}));
  result.inputs[0].digest = digest_of("second");
  ASSERT_TRUE(store->add(digest_of("key"), result, {"object"}));
  const auto found = store->results(digest_of("key"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].inputs[0].digest, digest_of("second"));

  result.inputs[0].digest = digest_of("third");
  result.stderr_bytes = std::string(1000, 'w');
  EXPECT_TRUE(store->add(digest_of("key"), result, {"object"}));
  EXPECT_EQ(store->counts().results_too_large, 1u);
  ASSERT_EQ(store->results(digest_of("key")).size(), 1u);
  EXPECT_EQ(store->results(digest_of("key"))[0].inputs[0].digest, digest_of("second"));
}

TEST_F(StoreTest, AResultWithAnOutputThatIsTooLargeIsNotStored) {
  StorePolicy policy;
  policy.largest_output_bytes = 100;
  const auto store = open(kPlentyBytes, policy);
  add(*store, "fits", "source", std::string(100, 'x'));
  EXPECT_EQ(store->counts().results_too_large, 0u);
  EXPECT_EQ(store->results(digest_of("fits")).size(), 1u);
  const auto before = files();
  add(*store, "exceeds", "source", std::string(101, 'x'));
  EXPECT_EQ(store->counts().results_too_large, 1u);
  EXPECT_EQ(files(), before);
}

TEST_F(StoreTest, ContentsThatDoNotAgreeWithTheResultAreRefused) {
  const auto store = open();
  const StoredResult result = compiled("source", "object");
  for (const std::vector<std::string>& contents :
       {std::vector<std::string>{}, {"object", "more"}, {"OBJECT"}, {"objec"}}) {
    const auto added = store->add(digest_of("key"), result, contents);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::kInvalid);
  }
  EXPECT_TRUE(files().empty());
}

TEST_F(StoreTest, EqualContentsAreStoredOnceAndSmall) {
  const auto store = open();
  const std::string object(100'000, 'x');
  StoredResult result = compiled("source", object);
  result.outputs.push_back(file("/src/b.o", object));
  ASSERT_TRUE(store->add(digest_of("key"), result, {object, object}));
  add(*store, "another key", "source", object);
  EXPECT_EQ(files(), (std::vector<std::string>{object_path(object),
                                               std::min(results_path("key"), results_path("another key")),
                                               std::max(results_path("key"), results_path("another key"))}));
  EXPECT_LT(fs::file_size(object_path(object)), 1000u);
}

TEST_F(StoreTest, AnObjectThatIsThereIsNotWrittenAgain) {
  const auto store = open();
  add(*store, "key", "source", "object");
  const std::string kept = "the same file: what is wrong with it is found when it is read";
  write(object_path("object"), kept);
  add(*store, "key", "another source", "object");
  EXPECT_EQ(bytes_of(object_path("object")), kept);
}

TEST_F(StoreTest, ARunTimeThatIsNoNumberDoesNotSpoilTheOthers) {
  const auto store = open();
  StoredResult result = compiled("source", "object");
  result.run_seconds = std::nan("");
  ASSERT_TRUE(store->add(digest_of("key"), result, {"object"}));
  ASSERT_EQ(store->results(digest_of("key")).size(), 1u);
  EXPECT_EQ(store->results(digest_of("key"))[0].run_seconds, 0);
}

TEST_F(StoreTest, AStoreThatWasDeletedMeanwhileIsMadeAgain) {
  const auto store = open();
  add(*store, "key", "source", "object");
  fs::remove_all(folder_);
  EXPECT_TRUE(store->results(digest_of("key")).empty());
  EXPECT_TRUE(store->trim());
  add(*store, "key", "source", "object");
  EXPECT_EQ(store->results(digest_of("key")).size(), 1u);
  EXPECT_EQ(content(*store, "object"), "object");
}

}  // namespace
}  // namespace extfarm::store
