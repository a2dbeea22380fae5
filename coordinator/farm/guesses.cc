#include "coordinator/farm/guesses.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "common/compiler/search_folders.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

double size_of(const fs::path& file) {
  std::error_code absent;
  const auto size = fs::is_regular_file(file, absent) ? fs::file_size(file, absent) : 0;
  return absent ? 0 : static_cast<double>(size);
}

// The system's headers say little of how one source differs from another.
std::vector<std::string> project_folders(const Action& action) {
  auto out = own_include_folders(action);
  std::erase_if(out, [](const std::string& folder) { return folder.starts_with("/usr/"); });
  return out;
}

// Measured on desktop cores, rounded: only the order of guesses matters.
constexpr double kSeconds = 0.05, kCompilePerName = 120e-6, kCompilePerMiB = 8, kCythonizePerMiB = 20, kLinkPerMiB = 0.2;

}  // namespace

double guess_from_sizes(const Action& action) {
  double bytes = 0;
  for (const auto& input : action.inputs) bytes += size_of(input);
  const double rate = action.kind == ActionKind::kCompile     ? kCompilePerMiB
                      : action.kind == ActionKind::kCythonize ? kCythonizePerMiB
                                                              : kLinkPerMiB;
  return kSeconds + rate * bytes / (1 << 20);
}

double Guesses::seconds(const Action& action) {
  if (action.kind != ActionKind::kCompile || action.inputs.empty()) return guess_from_sizes(action);
  return kSeconds + kCompilePerName * text_.names_in(action.inputs.back(), project_folders(action));
}

// Cython's output takes about twice as long to compile as to make.
double guess_tail_seconds(const Action& action, double own_seconds) {
  return action.kind == ActionKind::kCythonize ? 2 * own_seconds : 0;
}

std::uint16_t guess_category(const Action& action) {
  const auto kind = static_cast<std::uint32_t>(action.kind);
  const std::string name = action.inputs.empty() ? "" : fs::path(action.inputs.back()).extension().string();
  static const char* const kLanguages[] = {".c", ".cpp", ".cc", ".cxx", ".f", ".f90", ".pyx", ".py"};
  std::uint32_t language = 0;
  for (const char* known : kLanguages) {
    ++language;
    if (name == known) return 16 * kind + language;
  }
  return 16 * kind;
}

}  // namespace extfarm
