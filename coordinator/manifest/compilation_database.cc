#include "coordinator/manifest/compilation_database.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>
#include <utility>

#include "common/model/byte_strings.h"
#include "coordinator/manifest/record_reader.h"
#include "coordinator/manifest/shell_words.h"
#include "coordinator/manifest/wording.h"

namespace extfarm::manifest {
namespace {

// An entry as it stands in the file.
struct EntryDraft {
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

Shape shape_of(EntryDraft& draft, const Header& header) {
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
  shape.begin_record = [&draft](const RecordPlace& place) {
    draft = EntryDraft{};
    draft.step.place = place;
  };
  shape.end_record = [&draft, &header] { return draft.finish(header); };
  return shape;
}

bool is_utf8(const std::string& bytes) { return bytes_to(bytes).is_string(); }

}  // namespace

Result<void> read_compilation_database(const std::string& path, const TakeStep& take) {
  const auto folder = folder_of(path);
  if (!folder) return tl::unexpected(folder.error());
  const Header header{*folder, false, {}};
  EntryDraft draft;
  Shape shape = shape_of(draft, header);
  shape.take_record = [&] { return take(header, std::move(draft.step)); };
  return read_records(path, std::move(shape));
}

Result<Step> read_compilation_database_step(ByteSource& source, const Header& header, const RecordPlace& place) {
  EntryDraft draft;
  Shape shape = shape_of(draft, header);
  shape.take_record = [] { return Result<void>{}; };
  if (auto read = read_record(source, place, std::move(shape)); !read) return tl::unexpected(read.error());
  return std::move(draft.step);
}

std::string compilation_line(const CompilationEntry& entry) {
  if (!is_utf8(entry.output) || !is_utf8(entry.source) || !is_utf8(entry.cwd)) return {};
  nlohmann::ordered_json line;
  line["directory"] = entry.cwd;
  line["arguments"] = entry.argv;
  line["file"] = entry.source;
  line["output"] = entry.output;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<void> for_each_compilation_line(const CompilationEntries& entries,
                                       const std::function<void(const std::string&)>& take) {
  std::vector<std::uint32_t> order(entries.count);
  std::iota(order.begin(), order.end(), 0u);
  const auto key = [&](std::uint32_t at) {
    const auto names = entries.names(at);
    return std::make_tuple(names.output, names.source);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i + 1 < order.size() && key(order[i]) == key(order[i + 1])) continue;
    const auto entry = entries.entry(order[i]);
    if (!entry) return tl::unexpected(entry.error());
    if (const auto line = compilation_line(*entry); !line.empty()) take(line);
  }
  return {};
}

}  // namespace extfarm::manifest
