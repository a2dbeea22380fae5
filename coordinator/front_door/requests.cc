#include "coordinator/front_door/requests.h"

#include "common/model/byte_strings.h"

namespace extfarm::front_door {
namespace {

using nlohmann::json;

std::vector<std::string> byte_strings(const json& object, const char* field) {
  std::vector<std::string> out;
  if (!object.contains(field)) return out;
  for (const auto& item : object.at(field)) out.push_back(bytes_from(item));
  return out;
}

std::string optional_bytes(const json& object, const char* field) {
  return object.contains(field) ? bytes_from(object.at(field)) : std::string{};
}

Environment environment_from(const json& object) {
  Environment out;
  for (const auto& [name, value] : object.items()) out[name] = bytes_from(value);
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
  out.argv = byte_strings(object, "argv");
  out.cwd = bytes_from(object.at("cwd"));
  if (out.argv.empty()) throw std::invalid_argument("\"argv\" is empty");
  if (out.cwd.empty() || out.cwd[0] != '/') throw std::invalid_argument("\"cwd\" is not absolute");
  out.stdin_bytes = optional_bytes(object, "stdin");
  out.inputs = byte_strings(object, "inputs");
  out.outputs = byte_strings(object, "outputs");
  if (object.contains("toolchain")) {
    out.toolchain.driver = optional_bytes(object.at("toolchain"), "driver");
    out.toolchain.extra_paths = byte_strings(object.at("toolchain"), "extra_paths");
  }
  if (object.contains("environment")) {
    out.has_environment = true;
    out.environment = environment_from(object.at("environment"));
  }
  return out;
}

}  // namespace

Result<Request> parse_request(std::string_view line) {
  try {
    const json object = json::parse(line);
    const auto op = object.at("op").get<std::string>();
    if (op == "submit") return submit_from(object);
    if (op == "hello") {
      return HelloRequest{object.at("version").get<std::uint32_t>(), object.value("client", ""),
                          environment_from(object.at("environment"))};
    }
    if (op == "local") {
      const double seconds = object.value("seconds", 0.0);
      if (seconds < 0) return failure(ErrorCode::kMalformed, "\"seconds\" is below 0");
      return LocalRequest{object.value("kind", "other"), object.value("reason", ""), seconds,
                          object.value("answered", false)};
    }
    if (op == "local_slot") return LocalSlotRequest{object.at("id").get<std::string>()};
    if (op == "jobs") return JobsRequest{object.at("id").get<std::string>()};
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

std::string jobs_line(const std::string& id, std::size_t jobs) {
  return json{{"op", "jobs"}, {"id", id}, {"jobs", jobs}}.dump() + "\n";
}

std::string error_line(const std::string& message) {
  return json{{"op", "error"}, {"message", bytes_to(message)}}.dump() + "\n";
}

}  // namespace extfarm::front_door
