#include "coordinator/farm/guesses.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "coordinator/freshness/include_lines.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 16;
constexpr std::uintmax_t kMostRead = 16 << 10;   // of each: includes come first
constexpr std::uintmax_t kLargeFile = 64 << 10;  // what such a one includes from beside it adds little

double size_of(const fs::path& file) {
  std::error_code absent;
  const auto size = fs::is_regular_file(file, absent) ? fs::file_size(file, absent) : 0;
  return absent ? 0 : static_cast<double>(size);
}

std::string beginning_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kMostRead, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// Bytes of what `source` includes by quoted names beside it, directly or not.
double included_bytes(const std::string& source) {
  std::vector<fs::path> files{fs::path(source).lexically_normal()};
  double bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const double size = size_of(files[i]);
    if (i > 0) bytes += size;
    if (size == 0 || size > static_cast<double>(kLargeFile)) continue;
    for (const auto& line : freshness::read_include_lines(beginning_of(files[i])).lines) {
      if (!line.is_quoted || line.is_question || files.size() > kMostFiles) continue;
      const fs::path included = (files[i].parent_path() / line.name).lexically_normal();
      if (std::find(files.begin(), files.end(), included) == files.end()) files.push_back(included);
    }
  }
  return bytes;
}

}  // namespace

double guess_seconds(const Action& action) {
  // Seconds per MiB of source on a desktop core, rounded: only their order matters.
  constexpr double kCompile = 8, kCythonize = 20, kLink = 0.2;
  double bytes = 0;
  for (const auto& input : action.inputs) bytes += size_of(input);
  const bool is_compile = action.kind == ActionKind::kCompile;
  if (is_compile && !action.inputs.empty()) bytes += included_bytes(action.inputs.back());
  const double rate = is_compile ? kCompile : action.kind == ActionKind::kCythonize ? kCythonize : kLink;
  return 0.05 + rate * bytes / (1 << 20);
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
