#include "coordinator/shell/compile_commands.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <unordered_set>

#include "coordinator/shell/new_file.h"

namespace extfarm {
namespace {

using manifest::CompilationEntries;
using manifest::CompilationEntry;

// Whether the file has a line for each entry, as it would be written.
bool has_all(const std::string& path, const CompilationEntries& wanted) {
  std::ifstream file(path);
  std::set<Digest> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with(',')) line.pop_back();
    lines.insert(digest_of(line));
  }
  if (lines.empty()) return false;
  bool has = true;
  const auto told = for_each_compilation_line(
      wanted, [&](const std::string& line) { has = has && lines.contains(digest_of(line)); });
  return told && has;
}

// Of earlier builds: those whose source is still there and whose output is none of these.
std::vector<CompilationEntry> kept_of(const std::string& path, const CompilationEntries& own) {
  std::unordered_set<std::string_view> made;
  for (std::size_t i = 0; i < own.count; ++i) made.insert(own.names(i).output);
  std::vector<CompilationEntry> kept;
  const auto read = manifest::read_compilation_database(path, [&](const manifest::Header&, manifest::Step&& step) {
    const bool is_complete = !step.outputs.empty() && !step.inputs.empty();
    std::error_code unknown;  // a name that cannot be looked at is not there
    if (is_complete && !made.contains(step.outputs.front()) && std::filesystem::exists(step.inputs.front(), unknown))
      kept.push_back({step.cwd, step.argv, step.inputs.front(), step.outputs.front()});
    return Result<void>{};
  });
  if (!read) kept.clear();  // there is none yet, or somebody else's
  return kept;
}

CompilationEntries joined(const CompilationEntries& first, const std::vector<CompilationEntry>& second) {
  CompilationEntries out;
  out.count = first.count + second.size();
  out.names = [&](std::size_t i) -> CompilationEntries::Names {
    if (i < first.count) return first.names(i);
    return {second[i - first.count].output, second[i - first.count].source};
  };
  out.entry = [&](std::size_t i) -> Result<CompilationEntry> {
    return i < first.count ? first.entry(i) : second[i - first.count];
  };
  return out;
}

// A line at a time: of very many the whole text would fill the memory.
Result<void> write(const std::string& path, const CompilationEntries& entries) {
  return write_new_file(path, [&](std::ostream& file) {
    std::string_view before = "[\n";
    auto told = for_each_compilation_line(entries, [&](const std::string& line) {
      file << std::exchange(before, ",\n") << line;
    });
    file << (before == "[\n" ? "[" : "") << "\n]\n";
    return told;
  });
}

}  // namespace

std::string compile_commands_path(const BuildTree& tree) { return tree.state + "/compile_commands.json"; }

void write_compile_commands(const CompilationEntries& own, BuildTree& tree, Terminal& terminal) {
  if (own.count == 0) return;
  const std::string path = compile_commands_path(tree);
  if (has_all(path, own)) return;
  const auto kept = kept_of(path, own);
  if (const auto written = write(path, joined(own, kept)); !written) terminal.warn(written.error().message);
}

CompilationEntries entries_of(const std::vector<reporting::LoggedCompile>& compiles) {
  CompilationEntries out;
  out.count = compiles.size();
  out.names = [&](std::size_t i) { return CompilationEntries::Names{compiles[i].output, compiles[i].source}; };
  out.entry = [&](std::size_t i) -> Result<CompilationEntry> {
    const auto& compile = compiles[i];
    return CompilationEntry{compile.cwd, compile.argv, compile.source, compile.output};
  };
  return out;
}

}  // namespace extfarm
