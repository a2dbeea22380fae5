// In which order a graph can run, and what is said about one that cannot.
#include "coordinator/manifest/order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace extfarm::manifest {
namespace {

using Strings = std::vector<std::string>;
using Order = std::vector<std::size_t>;

struct Node {
  std::string id;
  Strings inputs, outputs, after;
};

Result<Order> order(const std::vector<Node>& nodes) {
  std::vector<Links> links;
  for (const auto& node : nodes) links.push_back({node.id, node.inputs, node.outputs, node.after});
  return order_of(links);
}

std::string complaint(const std::vector<Node>& nodes) {
  const auto found = order(nodes);
  if (found) return "no error";
  EXPECT_EQ(found.error().code, ErrorCode::kInvalid);
  return found.error().message;
}

TEST(OrderOf, KeepsTheFilesOrderWhereItCan) {
  EXPECT_EQ(*order({}), Order{});
  EXPECT_EQ(*order({{}, {}, {}}), (Order{0, 1, 2}));
  EXPECT_EQ(*order({{"", {"/b"}, {}, {}}, {"", {}, {"/a"}, {}}, {"", {"/a"}, {"/b"}, {}}, {}}),
            (Order{1, 2, 0, 3}));
  EXPECT_EQ(*order({{"x", {}, {}, {"z"}}, {"y", {}, {}, {}}, {"z", {}, {}, {"y", "y"}}}), (Order{1, 2, 0}));
}

TEST(OrderOf, FilesThatNobodyMakesAndOutputsNamedTwiceAreNoTrouble) {
  EXPECT_EQ(*order({{"", {"/there", "/o", "/o"}, {}, {}}, {"", {}, {"/o", "/o"}, {}}}), (Order{1, 0}));
}

TEST(OrderOf, NamesBothMakersOfAFile) {
  EXPECT_EQ(complaint({{"a", {}, {"/x", "/o"}, {}}, {}, {"", {}, {"/o"}, {}}}),
            "action 1 (\"a\") and action 3 both make /o; let one of them write elsewhere");
}

TEST(OrderOf, NamesAnIdThatIsGivenTwiceOrNever) {
  EXPECT_EQ(complaint({{"a", {}, {}, {}}, {}, {"a", {}, {}, {}}}),
            "actions 1 and 3 have the same id \"a\"; give one of them another");
  EXPECT_EQ(
      complaint({{"a", {}, {}, {"b"}}}),
      "action 1 (\"a\") comes after \"b\", but no action has that id; give it to the action that is meant");
  EXPECT_EQ(complaint({{"", {}, {}, {""}}}),
            "action 1 comes after \"\", but no action has that id; give it to the action that is meant");
}

TEST(OrderOf, ListsTheMembersOfACycleAndNobodyElse) {
  // 1 waits for the cycle, 5 comes before it; neither is one of it.
  EXPECT_EQ(complaint({{"waits", {"/c"}, {}, {}},
                       {"a", {"/c"}, {"/a"}, {}},
                       {"", {"/a", "/e"}, {"/b"}, {}},
                       {"c", {"/b"}, {"/c"}, {"first"}},
                       {"first", {}, {"/e"}, {}}}),
            "these actions wait for each other: action 4 (\"c\") needs /b of action 3, action 3 needs /a of "
            "action 2 "
            "(\"a\"), action 2 (\"a\") needs /c of action 4 (\"c\"); remove one of these");
  EXPECT_EQ(complaint({{"a", {}, {}, {"b"}}, {"b", {}, {}, {"a"}}}),
            "these actions wait for each other: action 1 (\"a\") comes after action 2 (\"b\"), action 2 "
            "(\"b\") comes after "
            "action 1 (\"a\"); remove one of these");
}

TEST(OrderOf, AStepThatWaitsForItselfIsTold) {
  EXPECT_EQ(complaint({{"a", {"/x"}, {"/x"}, {}}}),
            "action 1 (\"a\") makes its own input /x; drop it from the inputs, or write elsewhere");
  EXPECT_EQ(complaint({{"a", {}, {}, {"a"}}}),
            "these actions wait for each other: action 1 (\"a\") comes after action 1 (\"a\"); remove one of "
            "these");
}

TEST(OrderOf, ALongCycleIsShownInPart) {
  std::vector<Node> ring(1000);
  for (std::size_t i = 0; i < ring.size(); ++i)
    ring[i] = {"", {"/" + std::to_string((i + 1) % ring.size())}, {"/" + std::to_string(i)}, {}};
  const auto said = complaint(ring);
  EXPECT_LT(said.size(), 1000u);
  EXPECT_NE(said.find("action 20 needs /20 of … (980 more) … back to action 1; remove one of these"),
            std::string::npos)
      << said;
}

TEST(OrderOf, SortsAHundredThousandStepsInAnyFileOrder) {
  constexpr std::size_t kCount = 100000;
  std::vector<Node> nodes(kCount);
  std::vector<std::size_t> place(kCount);  // where in the file step i stands
  for (std::size_t i = 0; i < kCount; ++i) place[i] = i;
  std::mt19937 random(7);
  std::shuffle(place.begin(), place.end(), random);
  for (std::size_t i = 0; i < kCount; ++i) {
    auto& node = nodes[place[i]];
    node.id = std::to_string(i);
    node.outputs = {"/o" + std::to_string(i)};
    if (i > 0) node.inputs = {"/o" + std::to_string(i - 1), "/o" + std::to_string(i / 2)};
    if (i > 10) node.after = {std::to_string(i - 10)};
  }
  const auto found = order(nodes);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, place);  // one chain: there is but one order
}

}  // namespace
}  // namespace extfarm::manifest
