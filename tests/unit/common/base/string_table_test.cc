#include "common/base/string_table.h"

#include <gtest/gtest.h>

#include <string>

namespace extfarm {
namespace {

using Added = std::pair<std::uint32_t, bool>;

TEST(StringTableTest, EachStringHasOneNumberInTheOrderOfTheirComing) {
  StringTable table;
  EXPECT_EQ(table.find("a"), std::nullopt);
  EXPECT_EQ(table.add("a"), Added(0, true));
  EXPECT_EQ(table.add(""), Added(1, true));
  EXPECT_EQ(table.add("a"), Added(0, false));
  EXPECT_EQ(table.find(""), 1u);
  EXPECT_EQ(table.find("b"), std::nullopt);
  EXPECT_EQ(table.size(), 2u);
}

TEST(StringTableTest, ThousandsKeepTheirNumbersAndBytesAsItGrows) {
  StringTable table;
  const auto text = [](int i) { return "folder/" + std::string(i % 97, 'x') + std::to_string(i); };
  const auto first = table[table.add(text(0)).first];
  for (int i = 1; i < 20'000; ++i) table.add(text(i));
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(table.find(text(i)), static_cast<std::uint32_t>(i));
    ASSERT_EQ(table[i], text(i));
  }
  EXPECT_EQ(first, text(0)) << "a view outlives what came after it";
}

TEST(StringTableTest, AStringMayBeLongerThanABlockAndHoldAnyByte) {
  StringTable table;
  const std::string large(200'000, 'y'), odd("a\0b\xff", 4);
  table.add(large);
  table.add(odd);
  EXPECT_EQ(table[0], large);
  EXPECT_EQ(table[1], odd);
  EXPECT_EQ(table.find(std::string_view("a\0b", 3)), std::nullopt);
}

}  // namespace
}  // namespace extfarm
