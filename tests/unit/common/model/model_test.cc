#include <gtest/gtest.h>

#include "common/model/byte_strings.h"
#include "common/model/environment.h"

namespace extfarm {
namespace {

TEST(Environment, KeepsWhatACompilerReads) {
  const auto kept =
      environment_that_matters({{"CPATH", "/x"}, {"LC_ALL", "C"}, {"SHELL", "/bin/sh"}, {"PWD", "/p"}});
  const std::vector<std::pair<std::string, std::string>> expected{
      {"CPATH", "/x"}, {"LC_ALL", "C"}, {"PWD", "/p"}};
  EXPECT_EQ(kept, expected);
}

TEST(Environment, NeverForwardsWhatLoadsCode) {
  for (const char* name : {"LD_PRELOAD", "GCC_EXEC_PREFIX", "COMPILER_PATH", "PYTHONSTARTUP"}) {
    EXPECT_FALSE(environment_matters(name)) << name;
  }
}

TEST(ByteStrings, TextStaysTextAndOtherBytesSurvive) {
  EXPECT_EQ(bytes_to("naïve"), nlohmann::json("naïve"));
  for (const std::string& bytes : {std::string("\xff"), std::string("a\x80"), std::string("\xfe\x00z", 3)}) {
    const auto json = bytes_to(bytes);
    EXPECT_TRUE(json.is_object());
    EXPECT_EQ(bytes_from(nlohmann::json::parse(json.dump())), bytes);
  }
}

TEST(ByteStrings, OnlyBase64AsItIsWrittenIsTaken) {
  const auto taken = [](const char* text) { return bytes_from(nlohmann::json::parse(text)); };
  EXPECT_EQ(taken(R"({"base64": "YQ=="})"), "a");
  for (const char* bad : {R"({"base64": "YQ"})", R"({"base64": "YQ=="  , "x": 1})", R"({"base64": "YQ==YQ=="})",
                          R"({"base64": "YR=="})", R"({"base64": "===="})", R"({"base64": "Y==="})", R"({})", "7",
                          R"(["a"])"}) {
    EXPECT_ANY_THROW(taken(bad)) << bad;
  }
}

TEST(ByteStrings, AListOfThemIsAList) {
  EXPECT_EQ(byte_strings_from({"a", {{"base64", "YQ=="}}}), (std::vector<std::string>{"a", "a"}));
  EXPECT_ANY_THROW(byte_strings_from("a"));
  EXPECT_ANY_THROW(byte_strings_from({{"a", "b"}, {"c", "d"}}));
}

}  // namespace
}  // namespace extfarm
