// Command lines are split as /bin/sh splits them, or refused.
#include "coordinator/manifest/shell_words.h"

#include <gtest/gtest.h>
#include <stdio.h>

#include <random>

namespace extfarm::manifest {
namespace {

using Strings = std::vector<std::string>;

// The words that /bin/sh makes of `command`, which has at least one.
Strings split_by_shell(const std::string& command) {
  ::FILE* shell = ::popen(("printf '%s\\0' " + command).c_str(), "r");
  std::string bytes;
  char chunk[4096];
  for (std::size_t n; (n = std::fread(chunk, 1, sizeof chunk, shell)) > 0;) bytes.append(chunk, n);
  EXPECT_EQ(::pclose(shell), 0) << command;
  Strings words;
  for (std::size_t at = 0; at < bytes.size();) {
    words.emplace_back(bytes.c_str() + at);
    at += words.back().size() + 1;
  }
  return words;
}

TEST(SplitCommand, SplitsAsTheShellDoes) {
  const std::pair<const char*, Strings> kCases[] = {
      {"gcc -c a.c", {"gcc", "-c", "a.c"}},
      {"  gcc\t -c  a.c  ", {"gcc", "-c", "a.c"}},
      {"a\\ b c", {"a b", "c"}},
      {"'a b' \"c d\"", {"a b", "c d"}},
      {"a'b'\"c\"d", {"abcd"}},
      {"'' \"\" a''", {"", "", "a"}},
      {"-DV='\"1.0\"'", {"-DV=\"1.0\""}},
      {"-DV=\\\"1.0\\\"", {"-DV=\"1.0\""}},
      {"\"-DV=\\\"1 0\\\"\"", {"-DV=\"1 0\""}},
      {"'-DQ='\\''x'\\'''", {"-DQ='x'"}},
      {"\"\\$HOME \\`x\\` \\\\\"", {"$HOME `x` \\"}},
      {"\"\\a \\' \\n\"", {"\\a \\' \\n"}},
      {"'$HOME `x` \\ \"'", {"$HOME `x` \\ \""}},
      {"\\$HOME \\| \\& \\; \\* \\~", {"$HOME", "|", "&", ";", "*", "~"}},
      {"a\\\nb", {"ab"}},
      {"a \\\n  b", {"a", "b"}},
      {"\"a\\\nb\"", {"ab"}},
      {"'a\nb' \"c\nd\"", {"a\nb", "c\nd"}},
      {"x a#b -Wl,~x", {"x", "a#b", "-Wl,~x"}},
      {"x a=b {} !x ] ^ % @ , : é", {"x", "a=b", "{}", "!x", "]", "^", "%", "@", ",", ":", "é"}},
      {"x\n", {"x"}},
      {"x \\\n", {"x"}},
  };
  for (const auto& [command, expected] : kCases) {
    const auto words = split_command(command);
    ASSERT_TRUE(words) << command << ": " << words.error().message;
    EXPECT_EQ(*words, expected) << command;
    EXPECT_EQ(split_by_shell(command), expected) << command;
  }
  EXPECT_EQ(*split_command("'A=b' x"), (Strings{"A=b", "x"})) << "a quoted name is no assignment";
  EXPECT_EQ(*split_command("A\\B=b"), Strings{"AB=b"});
  EXPECT_EQ(*split_command("./a=b"), Strings{"./a=b"});
  EXPECT_EQ(*split_command(""), Strings{});
  EXPECT_EQ(*split_command(" \t\n"), Strings{});
}

TEST(SplitCommand, WhateverItAcceptsTheShellReadsAlike) {
  const std::string kPieces[] = {"a", "b", " ", " ",    "'", "\"", "\\", "\\\"",
                                 "#", "~", "=", "\\\n", "$", "/",  "''", "-D"};
  std::mt19937 random(20240607);
  std::uniform_int_distribution<std::size_t> piece(0, std::size(kPieces) - 1);
  int accepted = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string command = "x ";
    for (int i = 0; i < 8; ++i) command += kPieces[piece(random)];
    const auto words = split_command(command);
    if (!words) continue;
    ++accepted;
    ASSERT_EQ(split_by_shell(command), *words) << command;
  }
  EXPECT_GT(accepted, 150);
}

TEST(SplitCommand, RefusesWhatNeedsAShellAndNamesTheCharacter) {
  const std::pair<std::string, std::string> kCases[] = {
      {"a && b", "character 3, \"&\""},
      {"a | b", "character 3, \"|\""},
      {"a; b", "character 2, \";\""},
      {"a > b", "character 3, \">\""},
      {"a <b", "character 3, \"<\""},
      {"(a)", "character 1, \"(\""},
      {"a )", "character 3, \")\""},
      {"a $B", "character 3, \"$\""},
      {"a \"x $B\"", "character 6, \"$\""},
      {"a `b`", "character 3, \"`\""},
      {"a \"`b`\"", "character 4, \"`\""},
      {"a *.o", "character 3, \"*\""},
      {"a b?", "character 4, \"?\""},
      {"a [b]", "character 3, \"[\""},
      {"~/a", "character 1, \"~\""},
      {"a #b", "character 3, \"#\""},
      {"A_1=b c", "character 4, \"=\""},
      {"a\nb", "character 2, \"\\n\""},
      {std::string("a\0b", 3), "character 2, \"\\u0000\""},
  };
  for (const auto& [command, expected] : kCases) {
    const auto words = split_command(command);
    ASSERT_FALSE(words) << command;
    EXPECT_EQ(words.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(words.error().message,
              expected +
                  ", would need a shell; quote it if it is meant as it stands, else run the "
                  "command through sh -c");
  }
}

TEST(SplitCommand, RefusesWhatIsNeverClosed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"a 'b", "the quote at character 3 is never closed; close it or quote it"},
      {"a \"b", "the quote at character 3 is never closed; close it or quote it"},
      {"a \"b\\", "the quote at character 3 is never closed; close it or quote it"},
      {"a \"b\\\"", "the quote at character 3 is never closed; close it or quote it"},
      {"a\\", "the backslash at character 2 is never closed; close it or quote it"},
  };
  for (const auto& [command, expected] : kCases) {
    const auto words = split_command(command);
    ASSERT_FALSE(words) << command;
    EXPECT_EQ(words.error().message, expected);
  }
}

}  // namespace
}  // namespace extfarm::manifest
