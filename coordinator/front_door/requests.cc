#include "coordinator/front_door/requests.h"

#include <stdexcept>

#include "common/base/whole_number.h"
#include "common/model/byte_strings.h"

namespace extfarm::front_door {
namespace {

using nlohmann::json;

[[noreturn]] void malformed(const char* field, const char* why) {
  throw std::invalid_argument("\"" + std::string(field) + "\" " + why);
}

// As the system sees it, where a NUL byte ends a word.
std::string word_from(const json& value, const char* field) {
  auto out = bytes_from(value);
  if (out.find('\0') != std::string::npos) malformed(field, "holds a NUL byte");
  return out;
}

std::vector<std::string> words(const json& object, const char* field) {
  std::vector<std::string> out;
  if (!object.contains(field)) return out;
  if (!object.at(field).is_array()) malformed(field, "is no list");
  for (const auto& item : object.at(field)) out.push_back(word_from(item, field));
  return out;
}

std::string optional_bytes(const json& object, const char* field) {
  return object.contains(field) ? bytes_from(object.at(field)) : std::string{};
}

Environment environment_of(const json& request) {
  constexpr const char* kField = "environment";
  const json& object = request.at(kField);
  if (!object.is_object()) malformed(kField, "is no object");
  Environment out;
  for (const auto& [name, value] : object.items()) {
    if (name.find_first_of(std::string_view("=\0", 2)) != std::string::npos)
      malformed(kField, "holds a name with '=' or a NUL byte in it");
    out[name] = word_from(value, kField);
  }
  return out;
}

ToolchainSpec toolchain_of(const json& request) {
  ToolchainSpec out;
  if (!request.contains("toolchain")) return out;
  const json& object = request.at("toolchain");
  if (!object.is_object()) malformed("toolchain", "is no object");
  if (object.contains("driver")) out.driver = word_from(object.at("driver"), "driver");
  out.extra_paths = words(object, "extra_paths");
  return out;
}

ActionKind kind_from(const std::string& text) {
  for (auto kind : {ActionKind::kCythonize, ActionKind::kCompile, ActionKind::kLink, ActionKind::kArchive}) {
    if (text == name_of(kind)) return kind;
  }
  if (text == name_of(ActionKind::kOther)) return ActionKind::kOther;
  throw std::invalid_argument("\"kind\" is \"" + text + "\"");
}

SubmitRequest submit_from(const json& object) {
  SubmitRequest out;
  out.id = object.at("id").get<std::string>();
  out.kind = kind_from(object.at("kind").get<std::string>());
  out.group = optional_bytes(object, "group");
  out.argv = words(object, "argv");
  out.cwd = word_from(object.at("cwd"), "cwd");
  if (out.argv.empty()) malformed("argv", "is empty");
  if (out.cwd.empty() || out.cwd[0] != '/') malformed("cwd", "is not absolute");
  out.stdin_bytes = optional_bytes(object, "stdin");
  out.inputs = words(object, "inputs");
  out.outputs = words(object, "outputs");
  out.toolchain = toolchain_of(object);
  out.has_environment = object.contains("environment");
  if (out.has_environment) out.environment = environment_of(object);
  return out;
}

}  // namespace

Result<Request> parse_request(std::string_view line) {
  try {
    const json object = json::parse(line);
    const auto op = object.at("op").get<std::string>();
    if (op == "submit") return submit_from(object);
    if (op == "hello") {
      return HelloRequest{whole_number<std::uint32_t>(object.at("version")), object.value("client", ""),
                          environment_of(object)};
    }
    if (op == "local") {
      const double seconds = object.value("seconds", 0.0);
      if (seconds < 0) return failure(ErrorCode::kMalformed, "\"seconds\" is below 0");
      return LocalRequest{object.value("kind", "other"), object.value("reason", ""), seconds,
                          object.value("answered", false)};
    }
    if (op == "local_slot") return LocalSlotRequest{object.at("id").get<std::string>()};
    if (op == "jobs") return JobsRequest{object.at("id").get<std::string>()};
    if (op == "live") return LiveRequest{object.at("id").get<std::string>()};
    return failure(ErrorCode::kMalformed, "unknown \"op\": " + op);
  } catch (const std::exception& e) {
    return failure(ErrorCode::kMalformed, std::string("cannot read the request: ") + e.what());
  }
}

std::string welcome_line(const std::string& project_root, std::uint32_t slots) {
  const json message{
      {"op", "welcome"}, {"version", 1}, {"project_root", bytes_to(project_root)}, {"slots", slots}};
  return message.dump() + "\n";
}

std::string answer_line(const AnswerMessage& answer) {
  const json message{{"op", "answer"},
                     {"id", answer.id},
                     {"result", answer.result},
                     {"exit_code", answer.exit_code},
                     {"stdout", bytes_to(answer.stdout_bytes)},
                     {"stderr", bytes_to(answer.stderr_bytes)},
                     {"reason", bytes_to(answer.reason)}};
  return message.dump() + "\n";
}

std::string go_line(const std::string& id) { return json{{"op", "go"}, {"id", id}}.dump() + "\n"; }

std::string later_line(const std::string& id) { return json{{"op", "later"}, {"id", id}}.dump() + "\n"; }

std::string jobs_line(const std::string& id, std::size_t jobs) {
  return json{{"op", "jobs"}, {"id", id}, {"jobs", jobs}}.dump() + "\n";
}

std::string live_line(const std::string& id, const std::string& build_json) {
  return R"({"op":"live","id":)" + json(id).dump() + R"(,"build":)" + build_json + "}\n";
}

std::string error_line(const std::string& message) {
  return json{{"op", "error"}, {"message", bytes_to(message)}}.dump() + "\n";
}

}  // namespace extfarm::front_door
