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

}  // namespace
}  // namespace extfarm
