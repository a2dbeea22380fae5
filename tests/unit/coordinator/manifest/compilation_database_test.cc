// compile_commands.json, read and written.
#include "coordinator/manifest/compilation_database.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/unit/coordinator/manifest/written_file.h"

namespace extfarm::manifest {
namespace {

using Strings = std::vector<std::string>;
using nlohmann::json;

// The whole file.
std::string compilation_database(const std::vector<CompilationEntry>& entries) {
  CompilationEntries all;
  all.count = entries.size();
  all.names = [&](std::size_t i) { return CompilationEntries::Names{entries[i].output, entries[i].source}; };
  all.entry = [&](std::size_t i) -> Result<CompilationEntry> { return entries[i]; };
  std::string out = "[";
  EXPECT_TRUE(for_each_compilation_line(all, [&](const std::string& line) {
    out += (out.size() > 1 ? "," : "") + line;
  }));
  return out + "]";
}

class CompilationDatabaseTest : public WrittenFile {};

TEST_F(CompilationDatabaseTest, GivesAStepForEachEntry) {
  const auto steps = database(R"([
{"directory": "/b", "command": "gcc -DV='\"1 0\"' -c ../s/a.c -o a.o", "file": "../s/a.c", "output": "a.o"},
{"directory": "sub", "arguments": ["cc", "-c", "x y.c"], "file": "x y.c", "command": "not | this"}
])");
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 2u);
  EXPECT_EQ(steps->at(0).argv, (Strings{"gcc", "-DV=\"1 0\"", "-c", "../s/a.c", "-o", "a.o"}));
  EXPECT_EQ(steps->at(0).cwd, "/b");
  EXPECT_EQ(steps->at(0).inputs, Strings{"/s/a.c"});
  EXPECT_EQ(steps->at(0).outputs, Strings{"/b/a.o"});
  EXPECT_EQ(steps->at(0).place.line, 2u);
  EXPECT_FALSE(steps->at(0).has_kind);
  EXPECT_TRUE(steps->at(0).id.empty());
  EXPECT_EQ(steps->at(1).argv, (Strings{"cc", "-c", "x y.c"}));
  EXPECT_EQ(steps->at(1).cwd, folder_ + "/sub");
  EXPECT_EQ(steps->at(1).inputs, Strings{folder_ + "/sub/x y.c"});
  EXPECT_TRUE(steps->at(1).outputs.empty());
  EXPECT_EQ(steps->at(1).place.number, 2u);
  EXPECT_EQ(header_.cwd, folder_);
  EXPECT_FALSE(header_.has_environment);
}

TEST_F(CompilationDatabaseTest, PassesOverKeysOfOtherPrograms) {
  const auto steps = database(
      R"([{"x": 1, "directory": "/", "y": {"a": [{}, [[]], {"b": {}}], "file": 2}, "file": "a", "z": [], "n": null,
          "s": "t", "b": false, "e": {}, "f": -1.5, "arguments": ["cc"]}, {"directory": "/", "file": "b", "command": "cc"}])");
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 2u);
  EXPECT_EQ(steps->at(0).inputs, Strings{"/a"});
  EXPECT_EQ(database("[]")->size(), 0u);
  const std::string deep(1 << 20, '[');
  EXPECT_NE(complaint(database("[{\"x\": " + deep)).find("ends too early"), std::string::npos);
}

TEST_F(CompilationDatabaseTest, SaysWhichEntryIsWrongAndHow) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"([{"file": "a.c", "command": "cc"}])", R"(1:2: entry 1 ("a.c"): "directory" is missing; add it)"},
      {R"([{"directory": "/", "command": "cc"}])", R"(1:2: entry 1: "file" is missing; add it)"},
      {R"([{"directory": "/", "file": ""}])",
       R"(1:30: entry 1: "file" holds an empty string; fill it in or leave it out)"},
      {R"([{"directory": "/", "file": "a.c"}])",
       R"(1:2: entry 1 ("a.c"): it has neither "arguments" nor "command"; add one)"},
      {R"([{"directory": "/", "file": "a.c", "command": " "}])",
       R"(1:2: entry 1 ("a.c"): the command names no program; its first word is the program to run)"},
      {R"([{"directory": "/", "file": "a.c", "arguments": [""]}])",
       R"(1:2: entry 1 ("a.c"): the command names no program; its first word is the program to run)"},
      {R"([{"directory": "/", "file": "a.c", "command": "cd x && cc"}])",
       R"(1:2: entry 1 ("a.c"): in "command", character 6, "&", would need a shell; quote it if it is meant as it stands, else run the command through sh -c)"},
      {R"([{"directory": "/", "file": "a.c", "file": "b.c"}])",
       R"(1:41: entry 1 ("a.c"): the key "file" appears twice; remove one)"},
      {R"({"schema": 1})",
       R"(1:1: the file is an object where a list was expected; a compilation database is clang's compile_commands.json (a manifest goes with --manifest))"},
  };
  for (const auto& [file, expected] : kCases) EXPECT_EQ(complaint(database(file)), expected) << file;
}

TEST_F(CompilationDatabaseTest, WhatIsWrittenAParserAndTheReaderReadAlike) {
  const std::vector<CompilationEntry> entries{
      {"/p", {"gcc", "-DQ=\"a\\b\"", "-c", "z.c", "-o", "b/z.o", "\n\t é '"}, "/p/z.c", "/p/b/z.o"},
      {"/p/sub", {"gcc", "-c", "../a.c", "-o", "../b/a.o"}, "/p/a.c", "/p/b/a.o"},
  };
  const auto text = compilation_database(entries);
  const auto parsed = json::parse(text);
  ASSERT_EQ(parsed.size(), 2u);
  EXPECT_EQ(parsed[0], (json{{"directory", "/p/sub"},
                             {"arguments", entries[1].argv},
                             {"file", "/p/a.c"},
                             {"output", "/p/b/a.o"}}));
  EXPECT_EQ(
      parsed[1],
      (json{
          {"directory", "/p"}, {"arguments", entries[0].argv}, {"file", "/p/z.c"}, {"output", "/p/b/z.o"}}));
  const auto steps = database(text);
  ASSERT_TRUE(steps) << steps.error().message;
  EXPECT_EQ(steps->at(1).argv, entries[0].argv);
  EXPECT_EQ(steps->at(1).cwd, "/p");
  EXPECT_EQ(steps->at(1).inputs, Strings{"/p/z.c"});
  EXPECT_EQ(steps->at(1).outputs, Strings{"/p/b/z.o"});
}

TEST_F(CompilationDatabaseTest, TheOrderOfTheEntriesDoesNotShow) {
  std::vector<CompilationEntry> entries;
  for (const char* output : {"b.o", "a.o", "c.o"})
    for (const char* source : {"2.c", "1.c"})
      entries.push_back({"/p", {"cc", source, output}, std::string("/p/") + source, std::string("/p/") + output});
  const auto text = compilation_database(entries);
  std::reverse(entries.begin(), entries.end());
  EXPECT_EQ(compilation_database(entries), text);
  std::string names;
  for (const auto& entry : json::parse(text))
    names += entry["output"].get<std::string>() + entry["file"].get<std::string>();
  EXPECT_EQ(names, "/p/a.o/p/1.c/p/a.o/p/2.c/p/b.o/p/1.c/p/b.o/p/2.c/p/c.o/p/1.c/p/c.o/p/2.c");
}

TEST_F(CompilationDatabaseTest, OfTwoCompilesOfOneSourceToOneOutputTheLastStays) {
  const auto parsed = json::parse(compilation_database(
      {{"/p", {"cc", "old"}, "/p/a.c", "/p/a.o"}, {"/p/q", {"cc", "new"}, "/p/a.c", "/p/a.o"}}));
  ASSERT_EQ(parsed.size(), 1u);
  EXPECT_EQ(parsed[0]["arguments"][1], "new");
  EXPECT_EQ(json::parse(compilation_database({})), json::array());
}

TEST_F(CompilationDatabaseTest, BytesThatAreNoUtf8LeaveTheFileValid) {
  const auto parsed = json::parse(compilation_database({{"/p", {"cc", "-DN=\"\xe9\""}, "a.c", "a.o"},
                                                        {"/p", {"cc", "\xe9.c"}, "\xe9.c", "b.o"},
                                                        {"/p", {"cc"}, "c.c", "\xe9.o"},
                                                        {"/\xe9", {"cc"}, "/d.c", "/d.o"}}));
  ASSERT_EQ(parsed.size(), 1u);
  EXPECT_EQ(parsed[0]["arguments"][1], "-DN=\"\uFFFD\"");
}

}  // namespace
}  // namespace extfarm::manifest
