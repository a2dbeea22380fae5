// The text is JSON.  Byte strings are as in common/model/byte_strings.h,
// digests are hex, output kinds are the numbers of OutputKind:
//
//   {"command": digest,
//    "inputs":  [[path, digest], ...],          each once, for all results
//    "results": [{"inputs":  [index into "inputs", ...],
//                 "outputs": [[path, kind, mode, size_bytes, digest, link_target], ...],
//                 "bystanders": [number, ...],
//                 "stdout": bytes, "stderr": bytes, "run_seconds": number}, ...]}
//
// Results of one command mostly read the same headers, hence the one list.
#include "coordinator/store/stored_result.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/model/byte_strings.h"

namespace extfarm::store {
namespace {

using nlohmann::json;

std::vector<AttestedInput> as_set(std::vector<AttestedInput> inputs) {
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  return inputs;
}

Digest digest_from(const json& hex) {
  const auto read = digest_from_hex(hex.get_ref<const std::string&>());
  if (!read) throw std::invalid_argument(read.error().message);
  return *read;
}

AttestedOutput output_from(const json& value) {
  const int kind = value.at(1).get<int>();
  if (kind < 0 || kind > static_cast<int>(OutputKind::kRemoved)) throw std::invalid_argument("output kind");
  return {bytes_from(value.at(0)),
          static_cast<OutputKind>(kind),
          value.at(2).get<std::uint32_t>(),
          value.at(3).get<std::uint64_t>(),
          digest_from(value.at(4)),
          bytes_from(value.at(5))};
}

std::vector<StoredResult> parse(std::string_view text, const Digest& command_key) {
  const json object = json::parse(text);
  if (digest_from(object.at("command")) != command_key) throw std::invalid_argument("another command's");
  std::vector<AttestedInput> inputs;
  for (const auto& input : object.at("inputs"))
    inputs.push_back({bytes_from(input.at(0)), digest_from(input.at(1))});
  std::vector<StoredResult> out;
  for (const auto& value : object.at("results")) {
    StoredResult result;
    for (const auto& index : value.at("inputs")) result.inputs.push_back(inputs.at(index.get<std::size_t>()));
    for (const auto& output : value.at("outputs")) result.outputs.push_back(output_from(output));
    result.bystanders = value.at("bystanders").get<std::vector<std::uint64_t>>();
    result.stdout_bytes = bytes_from(value.at("stdout"));
    result.stderr_bytes = bytes_from(value.at("stderr"));
    result.run_seconds = value.at("run_seconds").get<double>();
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace

bool have_equal_inputs(const StoredResult& a, const StoredResult& b) {
  return as_set(a.inputs) == as_set(b.inputs);
}

std::string text_of(const Digest& command_key, const std::vector<StoredResult>& results) {
  json inputs = json::array(), entries = json::array();
  std::map<AttestedInput, std::size_t> indices;
  for (const auto& result : results) {
    json read = json::array(), outputs = json::array();
    for (const auto& input : result.inputs) {
      const auto [at, is_new] = indices.emplace(input, indices.size());
      if (is_new) inputs.push_back({bytes_to(input.path), to_hex(input.digest)});
      read.push_back(at->second);
    }
    for (const auto& output : result.outputs) {
      outputs.push_back({bytes_to(output.path), static_cast<int>(output.kind), output.mode, output.size_bytes,
                         to_hex(output.digest), bytes_to(output.link_target)});
    }
    entries.push_back({{"inputs", std::move(read)},
                       {"outputs", std::move(outputs)},
                       {"bystanders", result.bystanders},
                       {"stdout", bytes_to(result.stdout_bytes)},
                       {"stderr", bytes_to(result.stderr_bytes)},
                       {"run_seconds", std::isfinite(result.run_seconds) ? result.run_seconds : 0}});
  }
  return json{{"command", to_hex(command_key)},
              {"inputs", std::move(inputs)},
              {"results", std::move(entries)}}
      .dump();
}

Result<std::vector<StoredResult>> results_from(std::string_view text, const Digest& command_key) {
  try {
    return parse(text, command_key);
  } catch (const std::exception& problem) {  // json's, bytes_from's, vector::at's
    return failure(ErrorCode::kMalformed, problem.what());
  }
}

}  // namespace extfarm::store
