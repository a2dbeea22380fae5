// Texts that are nearly those of text_of.
#include "coordinator/store/stored_result.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace extfarm::store {
namespace {

using nlohmann::json;

json whole() {
  StoredResult result;
  result.inputs = {{"/w/a.c", digest_of("a")}};
  result.outputs = {{"/w/a.o", OutputKind::kFile, 0644, 3, digest_of("o"), ""}};
  result.bystanders = {7};
  return json::parse(text_of(Digest{}, {result}));
}

bool is_read(const json& text) { return results_from(text.dump(), Digest{}).has_value(); }

TEST(StoredResult, WhatTextOfWritesIsRead) { EXPECT_TRUE(is_read(whole())); }

TEST(StoredResult, AnEntryWithAFieldMoreOrLessIsMalformed) {
  auto text = whole();
  text["inputs"][0].push_back("more");
  EXPECT_FALSE(is_read(text));
  text = whole();
  text["results"][0]["outputs"][0].push_back("more");
  EXPECT_FALSE(is_read(text));
  text["results"][0]["outputs"][0] = {"/w/a.o", 0};
  EXPECT_FALSE(is_read(text));
}

TEST(StoredResult, AListIsAList) {
  for (const char* list : {"inputs", "outputs", "bystanders"}) {
    auto text = whole();
    text["results"][0][list] = {{"a", 0}};
    EXPECT_FALSE(is_read(text)) << list;
  }
  auto text = whole();
  text["results"] = {{"a", text["results"][0]}};
  EXPECT_FALSE(is_read(text));
}

TEST(StoredResult, ANumberIsWholeAndFits) {
  for (const json& number : {json(-1), json(0.5), json(true), json(4294967296)}) {
    auto text = whole();
    text["results"][0]["outputs"][0][1] = number;
    EXPECT_FALSE(is_read(text)) << "kind " << number;
    text = whole();
    text["results"][0]["outputs"][0][2] = number;
    EXPECT_FALSE(is_read(text)) << "mode " << number;
    text = whole();
    text["results"][0]["inputs"][0] = number;
    EXPECT_FALSE(is_read(text)) << "index " << number;
  }
  for (const json& number : {json(-1), json(0.5), json(true)}) {
    auto text = whole();
    text["results"][0]["outputs"][0][3] = number;
    EXPECT_FALSE(is_read(text)) << "size " << number;
    text = whole();
    text["results"][0]["bystanders"][0] = number;
    EXPECT_FALSE(is_read(text)) << "bystander " << number;
  }
  auto text = whole();
  text["results"][0]["run_seconds"] = "1";
  EXPECT_FALSE(is_read(text));
}

// A text within its limit could otherwise become terabytes.
TEST(StoredResult, ALongPathThatIsReadTimeAndAgainIsMalformed) {
  auto text = whole();
  text["inputs"][0][0] = "/" + std::string(1 << 20, 'a');
  text["results"][0]["inputs"] = std::vector<int>(300, 0);
  EXPECT_FALSE(is_read(text));
}

}  // namespace
}  // namespace extfarm::store
