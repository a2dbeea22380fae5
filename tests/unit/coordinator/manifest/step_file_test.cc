// A graph's file read whole, and its steps again, one at a time and in any order.
#include "coordinator/manifest/step_file.h"

#include <fstream>

#include "written_file.h"

namespace extfarm::manifest {
namespace {

class StepFileTest : public WrittenFile {
 protected:
  // What the file's steps say, in the order of the file, and again from its end to its beginning.
  static void expect_same_again(StepFile& file, std::size_t count) {
    std::vector<Step> whole;
    ASSERT_TRUE(file.read([&](const Header&, Step&& step) -> Result<void> {
      whole.push_back(std::move(step));
      return {};
    }));
    ASSERT_EQ(whole.size(), count);
    for (auto at = whole.rbegin(); at != whole.rend(); ++at) {
      const auto again = file.step(at->place);
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ(again->id, at->id);
      EXPECT_EQ(again->argv, at->argv);
      EXPECT_EQ(again->cwd, at->cwd);
      EXPECT_EQ(again->inputs, at->inputs);
      EXPECT_EQ(again->outputs, at->outputs);
      EXPECT_EQ(again->environment, at->environment);
      EXPECT_EQ(again->place.number, at->place.number);
    }
  }
};

// More than the reader holds at once.
std::string many_actions(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = std::to_string(i);
    out += (i > 0 ? ",\n" : "") + ("{\"id\": \"" + name + "\", \"argv\": [\"cc\", \"" + name + ".c\", \"é\\n\"], ") +
           "\"cwd\": \"sub\", \"environment\": {\"N\": \"" + name + "\"}, \"inputs\": [\"" + name +
           ".c\"], \"outputs\": [\"../" + name + ".o\"]}";
  }
  return out;
}

TEST_F(StepFileTest, EachActionOfAManifestReadsAlikeAgain) {
  write("{\"schema\": 1, \"cwd\": \"/p\", \"actions\": [" + many_actions(3000) + "]}");
  StepFile file(path_, StepFile::Format::kManifest);
  expect_same_again(file, 3000);
}

TEST_F(StepFileTest, EachEntryOfACompilationDatabaseReadsAlikeAgain) {
  write(R"([{"directory": "/p", "file": "a.c", "command": "cc -c a.c", "more": {"x": [1]}},
            {"file": "b.c", "directory": "q", "arguments": ["cc", "-c", "b.c"], "output": "b.o"}])");
  StepFile file(path_, StepFile::Format::kCompilationDatabase);
  expect_same_again(file, 2);
}

TEST_F(StepFileTest, AStepIsReadWithoutTheWholeFileHavingBeen) {
  const std::string before = "{\"schema\": 1, \"cwd\": \"/p\", \"actions\": [";
  write(before + many_actions(2) + "]}");
  StepFile file(path_, StepFile::Format::kManifest);
  const auto first = file.step({1, 1, before.size()});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->cwd, "/p/sub");
}

TEST_F(StepFileTest, AFileThatWasWrittenSinceIsRefused) {
  write("{\"schema\": 1, \"actions\": [" + many_actions(2) + "]}");
  StepFile file(path_, StepFile::Format::kManifest);
  RecordPlace place;
  ASSERT_TRUE(file.read([&](const Header&, Step&& step) -> Result<void> {
    place = step.place;
    return {};
  }));
  write("{\"schema\": 1, \"actions\": [" + many_actions(3) + "]}");
  const auto again = file.step(place);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, path_ + " changed while it was read; build again");
}

TEST_F(StepFileTest, AnotherFileByTheSameNameDoesNotMatter) {
  write("{\"schema\": 1, \"actions\": [" + many_actions(2) + "]}");
  StepFile file(path_, StepFile::Format::kManifest);
  RecordPlace place;
  ASSERT_TRUE(file.read([&](const Header&, Step&& step) -> Result<void> {
    place = step.place;
    return {};
  }));
  std::filesystem::rename(path_, path_ + ".old");
  write("{}");
  const auto again = file.step(place);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->id, "1");
}

}  // namespace
}  // namespace extfarm::manifest
