#include "coordinator/farm/action_record.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/whole_number.h"
#include "common/model/byte_strings.h"

namespace extfarm {
namespace {

using nlohmann::json;

json list_of(const std::vector<std::string>& words) {
  json out = json::array();
  for (const auto& word : words) out.push_back(bytes_to(word));
  return out;
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
    const auto kind = whole_number<std::uint32_t>(object.at("kind"));
    if (kind > static_cast<std::uint32_t>(ActionKind::kOther)) return std::nullopt;
    out.kind = static_cast<ActionKind>(kind);
    out.group = bytes_from(object.at("group"));
    out.argv = byte_strings_from(object.at("argv"));
    if (out.argv.empty()) return std::nullopt;
    out.program = bytes_from(object.at("program"));
    for (const auto& entry : list_in(object.at("environment")))
      out.environment.emplace_back(bytes_from(list_in(entry, 2).at(0)), bytes_from(entry.at(1)));
    out.cwd = bytes_from(object.at("cwd"));
    out.stdin_bytes = bytes_from(object.at("stdin"));
    out.inputs = byte_strings_from(object.at("inputs"));
    out.outputs = byte_strings_from(object.at("outputs"));
    out.toolchain.driver = bytes_from(object.at("driver"));
    out.toolchain.extra_paths = byte_strings_from(object.at("extra_paths"));
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
    const json parts = json::parse(text);
    for (const auto& part : list_in(parts))
      out.push_back({list_in(part, 3).at(0).get<std::string>(), bytes_from(part.at(1)), digest_from(part.at(2))});
  } catch (const std::exception&) {
    return {};
  }
  return out;
}

}  // namespace extfarm
