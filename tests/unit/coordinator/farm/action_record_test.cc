// Actions as text: what comes back is one that can be judged.
#include "coordinator/farm/action_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace extfarm {
namespace {

using nlohmann::json;

json whole() {
  Action action;
  action.kind = ActionKind::kCompile;
  action.argv = {"gcc", "-c", "\xff.c"};
  action.environment = {{"PATH", "/bin"}};
  action.inputs = {"/w/a.c"};
  return json::parse(text_of(action));
}

TEST(ActionRecord, ComesBackAsItWas) {
  const auto action = action_from(whole().dump());
  ASSERT_TRUE(action);
  EXPECT_EQ(action->argv[2], "\xff.c");
  EXPECT_EQ(json::parse(text_of(*action)), whole());
}

TEST(ActionRecord, OneWithoutACommandIsNone) {
  auto text = whole();
  text["argv"] = json::array();
  EXPECT_FALSE(action_from(text.dump()));
}

TEST(ActionRecord, AListIsAListAndAKindAWholeNumber) {
  for (const char* list : {"argv", "inputs", "outputs", "extra_paths", "environment"}) {
    auto text = whole();
    text[list] = {{"a", "b"}};
    EXPECT_FALSE(action_from(text.dump())) << list;
  }
  for (const json& kind : {json(1.5), json(true), json(4294967296), json(-1), json(5)}) {
    auto text = whole();
    text["kind"] = kind;
    EXPECT_FALSE(action_from(text.dump())) << kind;
  }
  auto text = whole();
  text["environment"] = {{"PATH", "/bin", "more"}};
  EXPECT_FALSE(action_from(text.dump()));
}

TEST(ActionRecord, ComponentsAreTripletsOrNone) {
  const std::vector<ToolchainComponent> components = {{"cc1", "/usr/lib/cc1", digest_of("cc1")}};
  const auto text = json::parse(text_of(components));
  EXPECT_EQ(components_from(text.dump()).size(), 1u);
  auto longer = text;
  longer[0].push_back("more");
  EXPECT_TRUE(components_from(longer.dump()).empty());
  EXPECT_TRUE(components_from(json{{"a", text[0]}}.dump()).empty());
}

}  // namespace
}  // namespace extfarm
