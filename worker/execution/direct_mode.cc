#include "worker/execution/direct_mode.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "common/compiler/command_line.h"

namespace extfarm {
namespace {

// Options that write files beside the output, or its name into it.
constexpr std::string_view kSideFiles[] = {"--coverage",      "-coverage",       "-ftest-coverage", "-fprofile",
                                           "-gsplit-dwarf",   "-save-temps",     "--save-temps",    "-fstack-usage",
                                           "-fcallgraph-info", "-fdump-",        "-fopt-info",      "-ftime-trace",
                                           "-fsave-optimization-record", "-dump", "-J",             "-Wl,-Map",
                                           "-Wl,--Map",       "-Wl,-M",          "-Wl,--out-implib", "-Wl,--dependency-file",
                                           "-Wa,-a",          "-Wa,--MD",        "-aux-info",       "-Xlinker"};

}  // namespace

Result<RedirectedOutput> redirect_output(const Action& action, const std::string& folder,
                                         std::vector<std::string>& argv) {
  const auto refuse = [](const std::string& why) {
    return failure(ErrorCode::kRefused, "this worker has no private views, and without them " + why);
  };
  const auto reading = read_command_line(action.argv);
  if (reading.kind != ActionKind::kCompile && reading.kind != ActionKind::kLink)
    return refuse("runs only compiles and links");
  if (reading.dependency_style != DependencyStyle::kNone) return refuse("writes no dependency file (-MD)");
  for (const auto& word : action.argv) {
    for (const auto option : kSideFiles) {
      if (word.starts_with(option)) return refuse("cannot return what " + word + " writes");
    }
  }
  const auto option = std::find(argv.begin(), argv.end(), "-o");
  if (option == argv.end() || option + 1 == argv.end()) return refuse("needs a separate -o FILE");
  const std::filesystem::path meant = (std::filesystem::path(action.cwd) / *(option + 1)).lexically_normal();
  RedirectedOutput out{meant.string(), folder + "/" + meant.filename().string()};
  *(option + 1) = out.stored_at;
  return out;
}

}  // namespace extfarm
