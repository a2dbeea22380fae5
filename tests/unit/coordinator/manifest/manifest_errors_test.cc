// What a user is told about a manifest that is wrong.
#include <gmock/gmock.h>

#include "tests/unit/coordinator/manifest/written_file.h"

namespace extfarm::manifest {
namespace {

using testing::HasSubstr;

class ManifestErrorTest : public WrittenFile {};

TEST_F(ManifestErrorTest, WhatIsWrongInAnAction) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"id": "x", "argw": []})",
       R"(1:44: action 1 ("x"): unknown key "argw"; the keys here are id, kind, group, argv, cwd, stdin, environment, inputs, outputs, after, default)"},
      {R"({"id": "x"})", R"(1:27: action 1 ("x"): "argv" is missing; add it)"},
      {R"({"argv": []})", R"(1:27: action 1: "argv" names no program; its first word is the program to run)"},
      {R"({"argv": [""]})",
       R"(1:27: action 1: "argv" names no program; its first word is the program to run)"},
      {R"({"argv": ["a"]}, {"argv": "gcc -c"})",
       R"(1:60: action 2: "argv" is a string; it must be a list of strings)"},
      {R"({"argv": ["a", ["b"]]})", R"(1:42: action 1: "argv" holds a list; it must be a list of strings)"},
      {R"({"argv": ["a", null]})", R"(1:45: action 1: "argv" holds null; it must be a list of strings)"},
      {R"({"argv": ["a", -1]})", R"(1:43: action 1: "argv" holds a number; it must be a list of strings)"},
      {R"({"argv": ["a", 1.5]})", R"(1:44: action 1: "argv" holds a number; it must be a list of strings)"},
      {R"({"argv": ["a\u0000b"]})",
       R"(1:46: action 1: "argv" holds a NUL byte, which no command can be given; remove it)"},
      {R"({"argv": {"a": "b"}})", R"(1:36: action 1: "argv" is an object; it must be a list of strings)"},
      {R"({"argv": ["a"], "argv": ["b"]})", R"(1:48: action 1: the key "argv" appears twice; remove one)"},
      {R"({"argv": ["a"], "kind": "compiled"})",
       R"(1:27: action 1: "kind" is "compiled"; it is one of compile, link, archive, cythonize, other)"},
      {R"({"argv": ["a"], "kind": ""})",
       R"(1:27: action 1: "kind" is ""; it is one of compile, link, archive, cythonize, other)"},
      {R"({"argv": ["a"], "default": "yes"})",
       R"(1:58: action 1: "default" is a string; it must be true or false)"},
      {R"({"argv": ["a"], "group": true})", R"(1:55: action 1: "group" is true; it must be a string)"},
      {R"({"argv": ["a"], "cwd": ["d"]})", R"(1:50: action 1: "cwd" is a list; it must be a string)"},
      {R"({"argv": ["a"], "cwd": ""})",
       R"(1:51: action 1: "cwd" holds an empty string; fill it in or leave it out)"},
      {R"({"argv": ["a"], "outputs": ["a", ""]})",
       R"(1:61: action 1: "outputs" holds an empty string; fill it in or leave it out)"},
      {R"({"argv": ["a"], "environment": ["A=b"]})",
       R"(1:58: action 1: "environment" is a list; it must be an object of strings)"},
      {R"({"argv": ["a"], "environment": {"A": 1}})",
       R"(1:64: action 1: "A" in "environment" is a number; it must be a string)"},
      {R"({"argv": ["a"], "environment": {"A": "1", "A": "2"}})",
       R"(1:76: action 1: the name "A" appears twice in "environment"; remove one)"},
      {R"({"argv": ["a"], "environment": {"A=B": "1"}})",
       R"(1:63: action 1: "environment" holds the name "A=B"; a name is not empty and has no '=' and no NUL byte)"},
      {R"({"argv": ["a"], "environment": {"": "1"}})",
       R"(1:60: action 1: "environment" holds the name ""; a name is not empty and has no '=' and no NUL byte)"},
      {R"({"argv": [{"base64": "?"}]})",
       R"(1:51: action 1: "argv" holds "?", which is not base64 (RFC 4648, padded))"},
      {R"({"argv": [{"base64": "YQ"}]})",
       R"(1:52: action 1: "argv" holds "YQ", which is not base64 (RFC 4648, padded))"},
      {R"({"argv": [{"base64": "====" }]})",
       R"(1:55: action 1: "argv" holds "====", which is not base64 (RFC 4648, padded))"},
      {R"({"argv": [{"base64": "AA=="}]})",
       R"(1:54: action 1: "argv" holds a NUL byte, which no command can be given; remove it)"},
      {R"({"argv": [{}]})",
       R"(1:38: action 1: "argv" holds {} where a string or {"base64": …} was expected)"},
      {R"({"argv": [{"base46": "YQ=="}]})",
       R"(1:45: action 1: "argv" holds an object with "base46" where a string or {"base64": …} was expected)"},
      {R"({"argv": [{"base64": "YQ==", "base64": "YQ=="}]})",
       R"(1:63: action 1: "argv" holds an object with "base64" where a string or {"base64": …} was expected)"},
      {R"({"argv": [{"base64": ["YQ=="]}]})",
       R"(1:48: action 1: {"base64": …} in "argv" must hold one string, not a list)"},
      {R"({"argv": ["a"]}, "b")", R"(1:46: found a string where an object was expected: action 2)"},
      {R"(["gcc"])", R"(1:27: found a list where an object was expected: action 1)"},
  };
  for (const auto& [action, expected] : kCases) EXPECT_EQ(complaint(manifest_of(action)), expected) << action;
}

TEST_F(ManifestErrorTest, WhatIsWrongAroundTheActions) {
  const std::string kElse =
      "a manifest is described in doc/manifest.md (a compile_commands.json goes with --compdb)";
  const std::pair<std::string, std::string> kCases[] = {
      {R"({"actions": []})",
       R"(1:13: "schema" is missing; it must come before the list, which is taken as it is read)"},
      {R"({"schema": 2, "actions": []})",
       R"(1:26: this is schema 2, and this extfarm reads schema 1; write "schema": 1 or use the matching extfarm)"},
      {R"({"schema": "1", "actions": []})", R"(1:14: "schema" is a string; it must be a whole number)"},
      {R"({"schema": -1, "actions": []})", R"(1:13: "schema" is a number; it must be a whole number)"},
      {R"({"schema": 1})", R"(1:13: "actions" is missing; add it)"},
      {"{}", R"(1:2: "schema" is missing; add it)"},
      {R"({"schema": 1, "actions": {}})", R"(1:26: "actions" is an object; it must be a list of objects)"},
      {R"({"schema": 1, "actions": [], "cwd": "x"})",
       R"(1:34: "cwd" comes after the actions, which are taken as they are read; move it before them)"},
      {R"({"schema": 1, "actions": [], "actions": []})",
       R"(1:38: the key "actions" appears twice; remove one)"},
      {R"({"schema": 1, "schema": 1, "actions": []})", R"(1:22: the key "schema" appears twice; remove one)"},
      {R"({"schema": 1, "Actions": []})",
       R"(1:23: unknown key "Actions"; the keys here are schema, cwd, environment, actions)"},
      {R"([{"directory": "/"}])", "1:1: the file is a list where an object was expected; " + kElse},
      {"3", "1:1: the file is a number where an object was expected; " + kElse},
  };
  for (const auto& [file, expected] : kCases) EXPECT_EQ(complaint(manifest(file)), expected) << file;
}

TEST_F(ManifestErrorTest, WhatIsNoJson) {
  const std::string kStart = "{\"schema\": 1, \"actions\": [{\"id\": \"a\",\n \"argv\": [";
  const std::pair<std::string, std::string> kCases[] = {
      {kStart + "\"x\"",
       "2:13: action 1 (\"a\"): this is not JSON: syntax error while parsing array - unexpected end of "
       "input; expected ']'; the file ends too early: write it again"},
      {kStart + "\"x",
       "2:12: action 1 (\"a\"): this is not JSON: syntax error while parsing value - invalid string: missing "
       "closing quote, last read: \"\\\"x\"; the file ends too early: write it again"},
      {"",
       "1:1: this is not JSON: syntax error while parsing value - unexpected end of input; expected '[', "
       "'{', or a "
       "literal; the file ends too early: write it again"},
      {kStart + "\"\xff\"",
       "2:12: action 1 (\"a\"): this is not JSON: syntax error while parsing value - invalid string: "
       "ill-formed UTF-8 byte, last read: \"\\\"\uFFFD\"; write bytes that are no UTF-8 as {\"base64\": "
       "\"…\"}"},
  };
  for (const auto& [file, expected] : kCases) EXPECT_EQ(complaint(manifest(file)), expected) << file;
  EXPECT_THAT(complaint(manifest(kStart + "\"\\ud800\"]}]}")),
              HasSubstr("2:18: action 1 (\"a\"): this is not JSON: "));
  EXPECT_THAT(complaint(manifest(kStart + "'x']}]}")), HasSubstr("invalid literal, last read: "));
  EXPECT_THAT(complaint(manifest(kStart + "1e999]}]}")), HasSubstr("number overflow"));
  EXPECT_THAT(complaint(manifest("{\"schema\": 1, \"actions\": []} x")),
              HasSubstr("1:30: this is not JSON: "));
  EXPECT_THAT(complaint(manifest("{\"schema\": 1, \"actions\": [{\"argv\": [\"a\"]},]}")),
              HasSubstr("this is not JSON: "));
}

TEST_F(ManifestErrorTest, EveryFileThatIsCutOffIsRefused) {
  const std::string whole =
      R"({"schema": 1, "environment": {"A": "b"}, "actions": [{"argv": ["é", {"base64": "YQ=="}]}]})";
  ASSERT_TRUE(manifest(whole));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_THAT(complaint(manifest(whole.substr(0, length))), HasSubstr("not JSON")) << length;
}

TEST_F(ManifestErrorTest, DeepNestingEndsAtItsFirstWrongBracket) {
  const std::string brackets(5 << 20, '[');
  EXPECT_THAT(complaint(manifest_of("{\"argv\": [" + brackets)),
              HasSubstr("1:37: action 1: \"argv\" holds a list"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"base64\":";
  EXPECT_THAT(complaint(manifest_of("{\"argv\": [" + objects)),
              HasSubstr("must hold one string, not an object"));
}

TEST_F(ManifestErrorTest, AnActionThatNeverEndsIsRefusedBeforeItFillsTheMemory) {
  const auto said =
      complaint(manifest_of("{\"id\": \"big\", \"argv\": [\"" + std::string(20 << 20, 'x') + "\"]}"));
  EXPECT_THAT(
      said,
      HasSubstr(": action 1 (\"big\"): this takes more than 16 MiB; have the command read a file instead"));
  EXPECT_LT(said.size(), 200u);
}

TEST_F(ManifestErrorTest, LongWordsAreShownInPart) {
  const std::string key(100000, 'k');
  EXPECT_LT(complaint(manifest_of("{\"" + key + "\": 1}")).size(), 400u);
  EXPECT_LT(complaint(manifest_of("{\"id\": \"" + key + "\"}")).size(), 400u);
  EXPECT_LT(complaint(manifest_of("{\"argv\": [\"" + key + "\xff\"")).size(), 400u);
}

TEST_F(ManifestErrorTest, AFileThatCannotBeReadIsNamed) {
  std::vector<Step> steps;
  const auto absent = read_manifest(folder_ + "/absent", keep_in(steps));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kIo);
  EXPECT_EQ(absent.error().message,
            "cannot open " + folder_ + "/absent: No such file or directory; name a file that exists");
  const auto is_folder = read_manifest(folder_, keep_in(steps));
  ASSERT_FALSE(is_folder);
  EXPECT_EQ(is_folder.error().code, ErrorCode::kIo);
  EXPECT_EQ(is_folder.error().message, "cannot read " + folder_ + ": Is a directory; name a file in it");
}

}  // namespace
}  // namespace extfarm::manifest
