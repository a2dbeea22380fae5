#include "coordinator/manifest/compilation_database.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/model/byte_strings.h"
#include "coordinator/manifest/record_reader.h"
#include "coordinator/manifest/shell_words.h"
#include "coordinator/manifest/wording.h"

namespace extfarm::manifest {
namespace {

// An entry as it stands in the file.
struct Draft {
  std::string directory, file, command, output;
  std::vector<std::string> arguments;
  Step step;

  Result<void> finish(const Header& header) {
    if (arguments.empty()) {
      if (command.empty())
        return failure(ErrorCode::kMalformed, "it has neither \"arguments\" nor \"command\"; add one");
      auto words = split_command(command);
      if (!words) return failure(ErrorCode::kMalformed, "in \"command\", " + words.error().message);
      arguments = std::move(*words);
    }
    if (arguments.empty() || arguments[0].empty())
      return failure(ErrorCode::kMalformed,
                     "the command names no program; its first word is the program to run");
    step.argv = std::move(arguments);
    step.cwd = absolute_normal(directory, header.cwd);
    step.inputs = {absolute_normal(file, step.cwd)};
    if (!output.empty()) step.outputs = {absolute_normal(output, step.cwd)};
    return {};
  }
};

bool is_utf8(const std::string& bytes) { return bytes_to(bytes).is_string(); }

}  // namespace

Result<void> read_compilation_database(const std::string& path, const TakeStep& take) {
  const auto folder = folder_of(path);
  if (!folder) return tl::unexpected(folder.error());
  const Header header{*folder, false, {}};
  Draft draft;
  Shape shape;
  shape.record = {{.name = "directory", .target = &draft.directory, .required = true, .never_empty = true},
                  {.name = "file", .target = &draft.file, .required = true, .never_empty = true},
                  {.name = "arguments", .target = &draft.arguments},
                  {.name = "command", .target = &draft.command},
                  {.name = "output", .target = &draft.output}};
  shape.ignores_unknown_keys = true;
  shape.noun = "entry";
  shape.name = &draft.file;
  shape.if_not_json =
      "a compilation database is clang's compile_commands.json (a manifest goes with --manifest)";
  shape.top_is_read = [] { return Result<void>{}; };
  shape.begin_record = [&](std::size_t number, Place place) {
    draft = Draft{};
    draft.step.number = number;
    draft.step.line = place.line;
  };
  shape.end_record = [&] { return draft.finish(header); };
  shape.take_record = [&] { return take(header, std::move(draft.step)); };
  return read_records(path, std::move(shape));
}

std::string compilation_database(const std::vector<CompilationEntry>& entries) {
  std::map<std::pair<std::string, std::string>, const CompilationEntry*> sorted;  // by output, source
  for (const auto& entry : entries) {
    auto output = absolute_normal(entry.output, entry.cwd), source = absolute_normal(entry.source, entry.cwd);
    if (is_utf8(output) && is_utf8(source) && is_utf8(entry.cwd))
      sorted[{std::move(output), std::move(source)}] = &entry;
  }
  std::string out = "[";
  for (const auto& [names, entry] : sorted) {
    nlohmann::ordered_json line;
    line["directory"] = entry->cwd;
    line["arguments"] = entry->argv;
    line["file"] = names.second;
    line["output"] = names.first;
    out += out.size() > 1 ? ",\n" : "\n";
    out += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return out + "\n]\n";
}

}  // namespace extfarm::manifest
