#include "coordinator/shell/compile_commands.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <unordered_set>

#include "coordinator/manifest/compilation_database.h"

namespace extfarm {
namespace {

// The entries of a written database, which are its lines.
std::unordered_set<std::string_view> lines_of(std::string_view text) {
  std::unordered_set<std::string_view> lines;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with(',')) line.remove_suffix(1);
    lines.insert(line);
  }
  return lines;
}

bool has_all_lines(std::string_view text, std::string_view wanted) {
  const auto lines = lines_of(text);
  for (const auto line : lines_of(wanted)) {
    if (!lines.contains(line)) return false;
  }
  return true;
}

}  // namespace

std::string compile_commands_path(const BuildTree& tree) { return tree.state + "/compile_commands.json"; }

void write_compile_commands(const std::vector<reporting::LoggedCompile>& compiles, BuildTree& tree,
                            Terminal& terminal) {
  if (compiles.empty()) return;
  const std::string path = compile_commands_path(tree);
  std::set<std::string> made;
  std::vector<manifest::CompilationEntry> entries;
  for (const auto& compile : compiles) {
    made.insert(compile.output);
    entries.push_back({compile.cwd, compile.argv, compile.source, compile.output});
  }
  const auto before = tree.filesystem.read(path);
  if (before && has_all_lines(*before, manifest::compilation_database(entries))) return;
  const auto own_count = static_cast<std::ptrdiff_t>(entries.size());
  const auto kept = manifest::read_compilation_database(path, [&](const manifest::Header&, manifest::Step&& step) {
    const bool is_complete = !step.outputs.empty() && !step.inputs.empty();
    if (is_complete && !made.contains(step.outputs.front()) && std::filesystem::exists(step.inputs.front()))
      entries.push_back({step.cwd, step.argv, step.inputs.front(), step.outputs.front()});
    return Result<void>{};
  });
  if (!kept) entries.erase(entries.begin() + own_count, entries.end());  // there is none yet, or somebody else's
  const auto text = manifest::compilation_database(entries);
  if (const auto written = tree.filesystem.write_atomically(path, text, 0644); !written)
    terminal.warn(written.error().message);
}

}  // namespace extfarm
