#include "coordinator/shell/compile_commands.h"

#include <filesystem>
#include <set>

#include "coordinator/manifest/compilation_database.h"

namespace extfarm {

void write_compile_commands(const std::vector<reporting::LoggedCompile>& compiles, BuildTree& tree,
                            Terminal& terminal) {
  if (compiles.empty()) return;
  const std::string path = tree.state + "/compile_commands.json";
  std::set<std::string> made;
  for (const auto& compile : compiles) made.insert(compile.output);
  std::vector<manifest::CompilationEntry> entries;
  const auto kept = manifest::read_compilation_database(path, [&](const manifest::Header&, manifest::Step&& step) {
    const bool is_complete = !step.outputs.empty() && !step.inputs.empty();
    if (is_complete && !made.contains(step.outputs.front()) && std::filesystem::exists(step.inputs.front()))
      entries.push_back({step.cwd, step.argv, step.inputs.front(), step.outputs.front()});
    return Result<void>{};
  });
  if (!kept) entries.clear();  // there is none yet, or somebody else's
  for (const auto& compile : compiles) entries.push_back({compile.cwd, compile.argv, compile.source, compile.output});
  const auto text = manifest::compilation_database(entries);
  if (tree.filesystem.read(path).value_or("") == text) return;
  if (const auto written = tree.filesystem.write_atomically(path, text, 0644); !written)
    terminal.warn(written.error().message);
}

}  // namespace extfarm
