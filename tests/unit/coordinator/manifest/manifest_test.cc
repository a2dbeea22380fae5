// What a manifest says, and that reading it needs no more memory when it is long.
#include "coordinator/manifest/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "coordinator/manifest/order.h"
#include "tests/unit/coordinator/manifest/written_file.h"

namespace extfarm::manifest {
namespace {

using Strings = std::vector<std::string>;

class ManifestTest : public WrittenFile {};

TEST_F(ManifestTest, GivesEveryFieldOfEveryAction) {
  const auto steps = manifest(R"({"schema": 1, "cwd": "sub/../top", "environment": {"PATH": "/bin", "E": ""},
 "actions": [
  {"id": "a", "kind": "link", "group": "g", "argv": ["cc", "", "x y"], "cwd": "d", "stdin": "in\u0000", "environment": {"K": "v=w"},
   "inputs": ["../i", "/abs//j"], "outputs": ["o"], "after": ["b"], "default": false},
  {"argv": ["true"]}]})");
  ASSERT_TRUE(steps) << steps.error().message;
  EXPECT_EQ(header_.cwd, folder_ + "/top");
  EXPECT_TRUE(header_.has_environment);
  EXPECT_EQ(header_.environment, (Environment{{"PATH", "/bin"}, {"E", ""}}));
  ASSERT_EQ(steps->size(), 2u);
  const auto& a = steps->at(0);
  EXPECT_EQ(a.id, "a");
  EXPECT_EQ(a.place.number, 1u);
  EXPECT_EQ(a.place.line, 3u);
  EXPECT_TRUE(a.has_kind);
  EXPECT_EQ(a.kind, ActionKind::kLink);
  EXPECT_EQ(a.group, "g");
  EXPECT_EQ(a.argv, (Strings{"cc", "", "x y"}));
  EXPECT_EQ(a.cwd, folder_ + "/top/d");
  EXPECT_EQ(a.stdin_bytes, std::string("in\0", 3));
  EXPECT_EQ(a.environment, (Environment{{"K", "v=w"}}));
  EXPECT_EQ(a.inputs, (Strings{folder_ + "/top/i", "/abs/j"}));
  EXPECT_EQ(a.outputs, (Strings{folder_ + "/top/d/o"}));
  EXPECT_EQ(a.after, (Strings{"b"}));
  EXPECT_FALSE(a.is_default);
  // Nothing of the first is left in the second.
  const auto& b = steps->at(1);
  EXPECT_EQ(b.place.number, 2u);
  EXPECT_EQ(b.place.line, 5u);
  EXPECT_EQ(b.argv, Strings{"true"});
  EXPECT_EQ(b.cwd, folder_ + "/top");
  EXPECT_TRUE(b.is_default);
  EXPECT_FALSE(b.has_kind);
  EXPECT_TRUE(b.id.empty() && b.group.empty() && b.stdin_bytes.empty() && b.environment.empty() &&
              b.inputs.empty() && b.outputs.empty() && b.after.empty());
}

TEST_F(ManifestTest, KnowsEveryKind) {
  for (auto kind : {ActionKind::kCompile, ActionKind::kLink, ActionKind::kArchive, ActionKind::kCythonize,
                    ActionKind::kOther}) {
    const auto steps = manifest_of(std::string("{\"argv\": [\"x\"], \"kind\": \"") + name_of(kind) + "\"}");
    ASSERT_TRUE(steps) << steps.error().message;
    EXPECT_TRUE(steps->at(0).has_kind);
    EXPECT_EQ(steps->at(0).kind, kind);
  }
}

TEST_F(ManifestTest, BytesThatAreNoUtf8ComeAsBase64Anywhere) {
  const auto steps =
      manifest_of(R"({"id": {"base64": "/w=="}, "argv": ["é", {"base64": "/w=="}, {"base64": ""}],
    "stdin": {"base64": "AP8B"}, "environment": {"A": {"base64": "/w=="}}, "outputs": [{"base64": "L/8="}]})");
  ASSERT_TRUE(steps) << steps.error().message;
  const auto& step = steps->at(0);
  EXPECT_EQ(step.id, "\xff");
  EXPECT_EQ(step.argv, (Strings{"é", "\xff", ""}));
  EXPECT_EQ(step.stdin_bytes, std::string("\0\xff\1", 3));
  EXPECT_EQ(step.environment.at("A"), "\xff");
  EXPECT_EQ(step.outputs, Strings{"/\xff"});
}

TEST_F(ManifestTest, NoActionsAreAnEmptyBuild) {
  EXPECT_EQ(manifest_of("")->size(), 0u);
  EXPECT_EQ(manifest("\xEF\xBB\xBF{\"schema\":1,\"actions\":[]}\n")->size(), 0u) << "a byte order mark";
}

TEST_F(ManifestTest, WithoutEnvironmentTheCallersHolds) {
  ASSERT_TRUE(manifest_of(R"({"argv": ["x"]})"));
  EXPECT_FALSE(header_.has_environment);
  ASSERT_TRUE(manifest(R"({"schema": 1, "environment": {}, "actions": [{"argv": ["x"]}]})"));
  EXPECT_TRUE(header_.has_environment) << "an empty one replaces it too";
}

TEST_F(ManifestTest, RelativePathsOfThePipesContentStartFromTheCurrentFolder) {
  const auto pipe = folder_ + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << R"({"schema": 1, "actions": [{"argv": ["x"]}]})"; });
  std::vector<Step> steps;
  const auto read = read_manifest(pipe, keep_in(steps));
  writer.join();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(steps.at(0).cwd, std::filesystem::current_path().string());
}

TEST_F(ManifestTest, TheFirstErrorOfTheCallerEndsTheReadingAndComesBackAsItIs) {
  write(R"({"schema": 1, "actions": [{"argv": ["1"]}, {"argv": ["2"]}, {"argv": ["3"]}, nonsense)");
  int count = 0;
  const auto read = read_manifest(path_, [&](const Header&, Step&&) -> Result<void> {
    if (++count == 2) return failure(ErrorCode::kRefused, "enough");
    return {};
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kRefused);
  EXPECT_EQ(read.error().message, "enough");
  EXPECT_EQ(count, 2);
}

TEST_F(ManifestTest, TheExampleInTheDocumentationIsAGraphThatCanRun) {
  std::ifstream file(std::string(EXTFARM_SOURCE_DIR) + "/doc/manifest.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto begin = text.find("```json\n") + 8;
  const auto steps = manifest(text.substr(begin, text.find("```", begin) - begin));
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 5u);
  EXPECT_EQ(steps->at(2).outputs, Strings{folder_ + "/build/fast.o"});
  EXPECT_EQ(steps->at(4).argv[2], "n\xe9.c");
  std::vector<Links> links;
  for (const auto& step : *steps) links.push_back({step.id, step.inputs, step.outputs, step.after});
  const auto order = order_of(links);
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(*order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST_F(ManifestTest, WordsAcrossTheBordersOfChunksAreWhole) {
  // Chunks are 64 KiB; each length puts another byte of the escapes on a border.
  for (std::size_t length = 65480; length < 65520; ++length) {
    const std::string filler(length, 'x');
    const auto steps = manifest_of("{\"argv\": [\"" + filler + "\", \"\\u00e9\\n\"]}, {\"argv\": [\"y\"]}");
    ASSERT_TRUE(steps) << steps.error().message;
    ASSERT_EQ(steps->at(0).argv, (Strings{filler, "é\n"}));
    ASSERT_EQ(complaint(manifest_of("\n\n{\"argv\": [\"" + filler + "\", 7]}")),
              "3:" + std::to_string(length + 15) +
                  ": action 1: \"argv\" holds a number; it must be a list of strings");
  }
}

TEST_F(ManifestTest, AHugeStringIsReadWhole) {
  const std::string huge(4 << 20, 'z');
  const auto steps = manifest_of("{\"argv\": [\"cat\"], \"stdin\": \"" + huge + "\"}");
  ASSERT_TRUE(steps) << steps.error().message;
  EXPECT_EQ(steps->at(0).stdin_bytes, huge);
}

std::size_t resident_bytes() {
  std::size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_F(ManifestTest, AHundredThousandActionsNeedNoMoreMemoryThanAThousand) {
  constexpr std::size_t kCount = 100000;
  {
    std::ofstream file(path_);
    file << "{\"schema\": 1, \"actions\": [\n";
    for (std::size_t i = 0; i < kCount; ++i) {
      file << (i ? ",\n" : "") << R"({"id": ")" << i
           << R"(", "argv": ["gcc", "-O2", "-Wall", "-Iinclude/some/where", "-c", "m)" << i
           << R"(.c", "-o", "m)" << i << R"(.o"], "inputs": ["m)" << i << R"(.c"], "outputs": ["m)" << i
           << R"(.o"]})";
    }
    file << "]}\n";
  }
  std::size_t count = 0, early = 0, most = 0;
  const auto read = read_manifest(path_, [&](const Header&, Step&& step) -> Result<void> {
    EXPECT_EQ(step.id, std::to_string(count));
    if (++count % 1000 == 0) most = std::max(most, resident_bytes());
    if (count == 1000) early = most;
    return {};
  });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(count, kCount);
  EXPECT_GT(std::filesystem::file_size(path_), 10u << 20);
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory for a while
  EXPECT_LT(most - early, 1u << 20) << "of a file of " << std::filesystem::file_size(path_) << " bytes";
#endif
}

TEST(AbsoluteNormal, TakesOutWhatNamesNothing) {
  EXPECT_EQ(absolute_normal("a/./b//c/", "/f"), "/f/a/b/c");
  EXPECT_EQ(absolute_normal("../../../x", "/f/g"), "/x");
  EXPECT_EQ(absolute_normal("/a/../..", "/f"), "/");
  EXPECT_EQ(absolute_normal("", "/f"), "/f");
  EXPECT_EQ(absolute_normal("x", "/"), "/x");
  EXPECT_EQ(absolute_normal(".", "/"), "/");
  EXPECT_EQ(absolute_normal("...", "/f"), "/f/...");
}

}  // namespace
}  // namespace extfarm::manifest
