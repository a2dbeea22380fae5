#include "coordinator/farm/action_record.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/model/byte_strings.h"

namespace extfarm {
namespace {

using nlohmann::json;

json list_of(const std::vector<std::string>& words) {
  json out = json::array();
  for (const auto& word : words) out.push_back(bytes_to(word));
  return out;
}

std::vector<std::string> words_from(const json& list) {
  std::vector<std::string> out;
  for (const auto& word : list) out.push_back(bytes_from(word));
  return out;
}

Digest digest_from(const json& hex) {
  const auto digest = digest_from_hex(hex.get<std::string>());
  if (!digest) throw std::invalid_argument(digest.error().message);
  return *digest;
}

}  // namespace

std::string text_of(const Action& action) {
  json environment = json::array();
  for (const auto& [name, value] : action.environment) environment.push_back({bytes_to(name), bytes_to(value)});
  return json{{"kind", static_cast<int>(action.kind)},
              {"group", bytes_to(action.group)},
              {"argv", list_of(action.argv)},
              {"program", bytes_to(action.program)},
              {"environment", environment},
              {"cwd", bytes_to(action.cwd)},
              {"stdin", bytes_to(action.stdin_bytes)},
              {"inputs", list_of(action.inputs)},
              {"outputs", list_of(action.outputs)},
              {"driver", bytes_to(action.toolchain.driver)},
              {"extra_paths", list_of(action.toolchain.extra_paths)},
              {"toolchain", to_hex(action.toolchain_digest)}}
      .dump();
}

std::optional<Action> action_from(std::string_view text) {
  try {
    const json object = json::parse(text);
    Action out;
    const int kind = object.at("kind").get<int>();
    if (kind < 0 || kind > static_cast<int>(ActionKind::kOther)) return std::nullopt;
    out.kind = static_cast<ActionKind>(kind);
    out.group = bytes_from(object.at("group"));
    out.argv = words_from(object.at("argv"));
    out.program = bytes_from(object.at("program"));
    for (const auto& entry : object.at("environment"))
      out.environment.emplace_back(bytes_from(entry.at(0)), bytes_from(entry.at(1)));
    out.cwd = bytes_from(object.at("cwd"));
    out.stdin_bytes = bytes_from(object.at("stdin"));
    out.inputs = words_from(object.at("inputs"));
    out.outputs = words_from(object.at("outputs"));
    out.toolchain.driver = bytes_from(object.at("driver"));
    out.toolchain.extra_paths = words_from(object.at("extra_paths"));
    out.toolchain_digest = digest_from(object.at("toolchain"));
    return out;
  } catch (const std::exception&) {  // json's, or a wrong shape
    return std::nullopt;
  }
}

std::string text_of(const std::vector<ToolchainComponent>& components) {
  json out = json::array();
  for (const auto& part : components) out.push_back({part.name, bytes_to(part.path), to_hex(part.digest)});
  return out.dump();
}

std::vector<ToolchainComponent> components_from(std::string_view text) {
  std::vector<ToolchainComponent> out;
  try {
    for (const auto& part : json::parse(text))
      out.push_back({part.at(0).get<std::string>(), bytes_from(part.at(1)), digest_from(part.at(2))});
  } catch (const std::exception&) {
    return {};
  }
  return out;
}

}  // namespace extfarm
