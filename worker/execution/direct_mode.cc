#include "worker/execution/direct_mode.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "common/compiler/command_line.h"
#include "common/compiler/driver_options.h"
#include "worker/execution/option_words.h"
#include "worker/execution/system_calls.h"
#include "worker/execution/write_fence.h"

namespace extfarm {
namespace {

using Words = std::vector<std::string>;

// Options that write files beside the output, or its name into it.
constexpr std::string_view kSideFiles[] = {
    "--coverage",      "-coverage",       "-ftest-coverage", "-fprofile-arcs", "-fprofile-generate", "-fprofile-use",
    "-gsplit-dwarf",   "-save-temps",     "--save-temps",    "-fstack-usage",  "-fcallgraph-info",   "-fdump-",
    "-fopt-info",      "-ftime-trace",    "-fsave-optimization-record", "-foptimization-record", "-dump", "-d", "-J",
    "-Wl,-Map",        "-Wl,--Map",       "-Wl,-M",          "-Wl,--out-implib", "-Wl,--dependency-file", "-Wa,-a",
    "-Wa,--MD",        "-aux-info",       "-Xlinker",        "-Xassembler",    "-fcompare-debug", "-ggnu-pubnames-file",
    "-fmodule",        "-frepo",          "--serialize-diagnostics", "-serialize-diagnostics", "-Xclang", "-fplugin",
    "-wrapper"};

std::string in_scratch(const std::string& folder, const std::string& path) {
  return folder + "/" + std::filesystem::path(path).filename().string();
}

// Takes every "OPTION VALUE" and "OPTIONVALUE" out.
void take_out(Words& argv, std::string_view option) {
  for (auto word = argv.begin() + 1; word != argv.end() && *word != "--";) {
    const bool has_next = takes_next_word(*word) && word + 1 != argv.end();
    if (word->starts_with(option))
      word = argv.erase(word, word + (has_next ? 2 : 1));
    else
      word += has_next ? 2 : 1;
  }
}

// What the driver names in the list when nobody tells it: the object, also of an -S without -o.
std::string target_of(const CommandReading& reading, bool has_output) {
  const std::filesystem::path output = reading.outputs.front();
  return has_output ? output.string() : output.stem().string() + ".o";
}

// The list keeps the target it would have had, and its place is scratch.
void redirect_list(const CommandReading& reading, bool is_clang, bool has_output, const std::string& stored_at,
                   Words& argv) {
  if (!has_word(argv, "-MT") && !has_word(argv, "-MQ") &&
      (is_clang || reading.dependency_style != DependencyStyle::kThroughPreprocessor))
    add_options(argv, {"-MQ", target_of(reading, has_output)});
  if (reading.dependency_style == DependencyStyle::kThroughPreprocessor) {
    for (auto& word : argv) {
      if (!word.starts_with("-Wp,-MD,") && !word.starts_with("-Wp,-MMD,")) continue;
      const auto start = word.find(',', 4) + 1, end = std::min(word.find(',', start), word.size());
      word.replace(start, end - start, stored_at);
    }
    return;
  }
  take_out(argv, "-MF");
  add_options(argv, {"-MF", stored_at});
}

}  // namespace

Result<std::vector<RedirectedOutput>> redirect_outputs(const Action& action, const std::string& program,
                                                       const std::string& folder, Words& argv) {
  const auto refuse = [](const std::string& why) {
    return failure(ErrorCode::kRefused, "this worker has no private views, and without them " + why);
  };
  const auto reading = read_command_line(action.argv);
  if (reading.kind != ActionKind::kCompile && reading.kind != ActionKind::kLink)
    return refuse("runs only compiles and links");
  const auto is_output = [](const std::string& word) { return word.starts_with("-o"); };
  if (reading.outputs.size() > 1 || std::count_if(action.argv.begin() + 1, action.argv.end(), is_output) > 1)
    return refuse("makes one output only");
  for (std::size_t i = 1; i < action.argv.size(); ++i) {
    const auto& word = action.argv[i];
    for (const auto option : kSideFiles) {
      if (word.starts_with(option)) return refuse("cannot return what " + word + " writes");
    }
    if (takes_next_word(word)) ++i;
  }
  const auto absolute = [&](const std::string& path) {
    return (std::filesystem::path(action.cwd) / path).lexically_normal().string();
  };
  std::vector<RedirectedOutput> out;
  const bool is_list_written = reading.dependency_style != DependencyStyle::kNone;
  if (is_list_written && (reading.outputs.empty() || reading.kind == ActionKind::kLink))
    return refuse("writes no dependency file beside nothing else");
  if (is_list_written && reading.fortran != Fortran::kNone) return refuse("would not get Fortran's dependency file as it is");
  if (!reading.outputs.empty() && reading.outputs.front() != "/dev/null") {
    const auto& named = reading.outputs.front();
    out.push_back({absolute(named), in_scratch(folder, named)});
    take_out(argv, "-o");
    add_options(argv, {"-o", out.back().stored_at});
  } else if (is_list_written) {
    return refuse("writes no dependency file beside nothing else");
  }
  if (is_list_written && reading.depfile != "/dev/null") {
    out.push_back({absolute(reading.depfile), in_scratch(folder, reading.depfile + ".list")});
    const bool is_clang = program.find("clang") != std::string::npos;
    redirect_list(reading, is_clang, has_word(action.argv, "-o"), out.back().stored_at, argv);
  }
  for (const auto& redirected : out) {
    std::error_code unknown;
    const auto parent = std::filesystem::path(redirected.path).parent_path();
    if (!std::filesystem::is_directory(parent, unknown)) return refuse("would not see that " + parent.string() + " is not there");
  }
  return out;
}

int confine_directly(const Limits& limits, const std::string& folder) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  be_killed_first();
  if (const int error = fence_writes(folder); error != 0) return error;
  if (const int error = set_limits(limits, false); error != 0) return error;
  return forbid_system_calls(TraceRule::kForbidden);
}

}  // namespace extfarm
