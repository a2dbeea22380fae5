#include "coordinator/manifest/manifest.h"

#include "coordinator/manifest/record_reader.h"
#include "coordinator/manifest/wording.h"

namespace extfarm::manifest {
namespace {

constexpr std::uint64_t kSchema = 1;

// The manifest as it is being read.
struct Draft {
  Header header;
  Step step;
  std::uint64_t schema = 0;
  std::string kind;

  Result<void> finish_header(const std::string& folder) {
    if (schema != kSchema)
      return failure(ErrorCode::kMalformed, "this is schema " + std::to_string(schema) +
                                                ", and this extfarm reads schema " + std::to_string(kSchema) +
                                                "; write \"schema\": 1 or use the matching extfarm");
    header.cwd = absolute_normal(header.cwd, folder);
    return {};
  }

  Result<void> finish_step() {
    if (step.argv.empty() || step.argv[0].empty())
      return failure(ErrorCode::kMalformed,
                     "\"argv\" names no program; its first word is the program to run");
    step.cwd = absolute_normal(step.cwd, header.cwd);
    for (auto* paths : {&step.inputs, &step.outputs})
      for (auto& path : *paths) path = absolute_normal(path, step.cwd);
    return step.has_kind ? set_kind() : Result<void>{};
  }

  Result<void> set_kind() {
    for (auto known : {ActionKind::kCompile, ActionKind::kLink, ActionKind::kArchive, ActionKind::kCythonize,
                       ActionKind::kOther}) {
      step.kind = known;
      if (kind == name_of(known)) return {};
    }
    return failure(ErrorCode::kMalformed, "\"kind\" is " + in_quotes(kind) +
                                              "; it is one of compile, link, archive, cythonize, other");
  }
};

Shape shape_of(Draft& draft) {
  auto& step = draft.step;
  Shape shape;
  shape.top = {
      {.name = "schema", .target = &draft.schema, .required = true},
      {.name = "cwd", .target = &draft.header.cwd, .never_empty = true},
      {.name = "environment", .target = &draft.header.environment, .given = &draft.header.has_environment},
      {.name = "actions", .target = Records{}, .required = true}};
  shape.record = {{.name = "id", .target = &step.id, .never_empty = true},
                  {.name = "kind", .target = &draft.kind, .given = &step.has_kind},
                  {.name = "group", .target = &step.group},
                  {.name = "argv", .target = &step.argv, .required = true},
                  {.name = "cwd", .target = &step.cwd, .never_empty = true},
                  {.name = "stdin", .target = &step.stdin_bytes, .may_hold_nul = true},
                  {.name = "environment", .target = &step.environment},
                  {.name = "inputs", .target = &step.inputs, .never_empty = true},
                  {.name = "outputs", .target = &step.outputs, .never_empty = true},
                  {.name = "after", .target = &step.after, .never_empty = true},
                  {.name = "default", .target = &step.is_default}};
  shape.noun = "action";
  shape.name = &step.id;
  shape.if_not_json =
      "a manifest is described in doc/manifest.md (a compile_commands.json goes with --compdb)";
  shape.begin_record = [&draft](const RecordPlace& place) {
    draft.step = Step{};
    draft.step.place = place;
    draft.kind.clear();
  };
  shape.end_record = [&draft] { return draft.finish_step(); };
  return shape;
}

}  // namespace

Result<void> read_manifest(const std::string& path, const TakeStep& take) {
  const auto folder = folder_of(path);
  if (!folder) return tl::unexpected(folder.error());
  Draft draft;
  Shape shape = shape_of(draft);
  shape.top_is_read = [&] { return draft.finish_header(*folder); };
  shape.take_record = [&] { return take(draft.header, std::move(draft.step)); };
  return read_records(path, std::move(shape));
}

Result<Step> read_manifest_step(ByteSource& source, const Header& header, const RecordPlace& place) {
  Draft draft;
  draft.header.cwd = header.cwd;
  Shape shape = shape_of(draft);
  shape.take_record = [] { return Result<void>{}; };
  if (auto read = read_record(source, place, std::move(shape)); !read) return tl::unexpected(read.error());
  return std::move(draft.step);
}

}  // namespace extfarm::manifest
