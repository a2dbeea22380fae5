// What is handed to the writer lies in the store afterwards, unless it changed meanwhile.
#include "coordinator/store/store_writer.h"

#include "tests/unit/coordinator/store/store_fixture.h"

namespace extfarm::store {
namespace {

class StoreWriterTest : public StoreFixture {
 protected:
  StoredResult published(const std::string& source, const std::string& object) {
    auto result = compiled(source, object);
    result.outputs[0].path = base_ + "/" + to_hex(digest_of(object)) + ".o";
    write(result.outputs[0].path, object);
    return result;
  }
};

TEST_F(StoreWriterTest, WhatWasAddedIsStoredWhenItFinishes) {
  StoreWriter writer(open());
  for (int i = 0; i < 50; ++i) {
    const auto number = std::to_string(i);
    writer.add(digest_of("key " + number), published("source " + number, "object " + number));
  }
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(writer.stored_count(), 50u);
  const auto store = open();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(store->results(digest_of("key " + std::to_string(i))).size(), 1u);
    EXPECT_EQ(content(*store, "object " + std::to_string(i)), "object " + std::to_string(i));
  }
}

TEST_F(StoreWriterTest, AnOutputThatWasChangedMeanwhileIsNotStored) {
  auto result = published("source", "object");
  write(result.outputs[0].path, "edited");
  StoreWriter writer(open());
  writer.add(digest_of("key"), result);
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(writer.stored_count(), 0u);
  EXPECT_TRUE(open()->results(digest_of("key")).empty());
}

TEST_F(StoreWriterTest, AStoreThatCannotBeWrittenIsTold) {
  auto store = open();
  fs::remove_all(folder_);
  write(folder_, "in the way");
  StoreWriter writer(std::move(store));
  writer.add(digest_of("key"), published("source", "object"));
  const auto finished = writer.finish();
  EXPECT_EQ(code_of(finished), ErrorCode::kIo);
}

TEST_F(StoreWriterTest, ItTrimsAfterwards) {
  StoreWriter writer(open(4096));
  for (unsigned i = 0; i < 8; ++i) writer.add(digest_of(std::to_string(i)), published(std::to_string(i), noise(2000, i)));
  ASSERT_TRUE(writer.finish());
  std::uint64_t total_bytes = 0;
  for (const auto& file : files()) total_bytes += fs::file_size(file);
  EXPECT_LE(total_bytes, 4096u);
}

}  // namespace
}  // namespace extfarm::store
