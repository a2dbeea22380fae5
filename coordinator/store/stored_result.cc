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

#include "common/base/whole_number.h"
#include "common/model/byte_strings.h"

namespace extfarm::store {
namespace {

using nlohmann::json;

// Each result repeats the names of its inputs, which the text has once: StorePolicy's most results of its largest text.
constexpr std::uint64_t kMostPathBytes = 256ull << 20;

std::vector<AttestedInput> as_set(std::vector<AttestedInput> inputs) {
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  return inputs;
}

AttestedOutput output_from(const json& value) {
  list_in(value, 6);
  const auto kind = whole_number<std::uint32_t>(value.at(1));
  if (kind > static_cast<std::uint32_t>(OutputKind::kRemoved)) throw std::invalid_argument("output kind");
  return {bytes_from(value.at(0)),
          static_cast<OutputKind>(kind),
          whole_number<std::uint32_t>(value.at(2)),
          whole_number<std::uint64_t>(value.at(3)),
          digest_from(value.at(4)),
          bytes_from(value.at(5))};
}

std::vector<StoredResult> parse(std::string_view text, const Digest& command_key) {
  const json object = json::parse(text);
  if (digest_from(object.at("command")) != command_key) throw std::invalid_argument("another command's");
  std::vector<AttestedInput> inputs;
  for (const auto& input : list_in(object.at("inputs"))) {
    list_in(input, 2);
    inputs.push_back({bytes_from(input.at(0)), digest_from(input.at(1))});
  }
  std::vector<StoredResult> out;
  std::uint64_t path_bytes = 0;
  for (const auto& value : list_in(object.at("results"))) {
    StoredResult result;
    for (const auto& index : list_in(value.at("inputs"))) {
      result.inputs.push_back(inputs.at(whole_number<std::size_t>(index)));
      path_bytes += result.inputs.back().path.size();
      if (path_bytes > kMostPathBytes) throw std::invalid_argument("its inputs' names take too much memory");
    }
    for (const auto& output : list_in(value.at("outputs"))) result.outputs.push_back(output_from(output));
    for (const auto& hash : list_in(value.at("bystanders")))
      result.bystanders.push_back(whole_number<std::uint64_t>(hash));
    result.stdout_bytes = bytes_from(value.at("stdout"));
    result.stderr_bytes = bytes_from(value.at("stderr"));
    if (!value.at("run_seconds").is_number()) throw std::invalid_argument("a run time is no number");
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
