#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "coordinator/clusters/demand_board.h"

namespace extfarm::clusters {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class Demand : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { fs::remove_all(folder_); }
  static Timestamp at(int second) { return {seconds(second)}; }
  DemandNote note(double queued) {
    DemandNote out;
    out.queued_seconds = queued;
    out.width = 3;
    out.workers = {{"lab01-7-9", 4, 2}};
    return out;
  }
  std::string folder_ = (fs::temp_directory_path() / "extfarm-demand-XXXXXX").string();
  PosixFilesystem files_;
};

TEST_F(Demand, IsReadAsItWasPut) {
  auto board = DemandBoard::open(folder_, files_);
  DemandPost post(folder_, "head-1-2", files_);
  ASSERT_TRUE(post.is_due(at(0)));
  post.put(note(7.5));
  const auto read = board->read(at(0));
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].build, "head-1-2");
  EXPECT_EQ(read[0].queued_seconds, 7.5);
  ASSERT_EQ(read[0].workers.size(), 1u);
  EXPECT_EQ(read[0].workers[0].leases, 2u);
}

TEST_F(Demand, IsNotPutWhereNobodyReadsIt) {
  DemandPost post(folder_, "b", files_);
  EXPECT_FALSE(post.is_due(at(0)));
  const auto board = DemandBoard::open(folder_, files_);
  EXPECT_FALSE(post.is_due(at(0))) << "it has just looked";
  EXPECT_TRUE(post.is_due(at(1)));
}

TEST_F(Demand, OfABuildThatNoLongerWritesIsForgottenAndRemoved) {
  auto board = DemandBoard::open(folder_, files_);
  DemandPost post(folder_, "b", files_);
  post.is_due(at(0));
  post.put(note(1));
  EXPECT_EQ(board->read(at(0)).size(), 1u);
  EXPECT_EQ(board->read(at(89)).size(), 1u);
  EXPECT_EQ(board->read(at(90)).size(), 0u);
  EXPECT_FALSE(fs::exists(board->folder() + "/b.json"));
}

TEST_F(Demand, AnOfferCountsWhileItIsRenewed) {
  auto board = DemandBoard::open(folder_, files_);
  board->offer(12);
  DemandPost post(folder_, "b", files_);
  post.is_due(at(0));
  EXPECT_EQ(post.offered_slots(), 12u);
  post.is_due(at(89));
  EXPECT_EQ(post.offered_slots(), 12u);
  post.is_due(at(91));
  EXPECT_EQ(post.offered_slots(), 0u) << "whoever offered it was killed";
  board->offer(8);
  post.is_due(at(93));
  EXPECT_EQ(post.offered_slots(), 8u);
}

TEST_F(Demand, NothingStaysWhenBothHaveLeft) {
  for (const bool board_leaves_first : {true, false}) {
    auto board = DemandBoard::open(folder_, files_);
    board->offer(1);
    auto post = std::make_unique<DemandPost>(folder_, "b", files_);
    post->is_due(at(0));
    post->put(note(1));
    if (board_leaves_first) board->close();
    post.reset();
    if (!board_leaves_first) board->close();
    EXPECT_TRUE(fs::is_empty(folder_)) << board_leaves_first;
  }
}

TEST_F(Demand, WhatIsNoNoteIsNotRead) {
  const std::string good = text_of([&] {
    auto out = note(2);
    out.build = "b";
    return out;
  }());
  ASSERT_TRUE(read_demand_note(good)) << good;
  for (const auto& [old, other] : {std::pair("\"width\":3", "\"width\":-3"), std::pair("\"width\":3", "\"width\":true"),
                                   std::pair("2.0", "-2.0"), std::pair("2.0", "1e300"), std::pair("2.0", "\"2\""),
                                   std::pair("\"b\"", "\"\""), std::pair("[{", "[[{")}) {
    auto bad = good;
    ASSERT_NE(bad.find(old), std::string::npos) << old << " in " << good;
    EXPECT_FALSE(read_demand_note(bad.replace(bad.find(old), std::string(old).size(), other))) << bad;
  }
  EXPECT_FALSE(read_offer(R"({"sequence": 1, "slots": 2.5})"));
  EXPECT_FALSE(read_offer("[]"));
}

}  // namespace
}  // namespace extfarm::clusters
