// Requests of front ends, a line each: what is accepted can be executed, and
// every answer and complaint is one line that says the bytes it was given.
#include "coordinator/front_door/requests.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "tests/fuzz/input.h"

namespace extfarm {
namespace {

using namespace front_door;

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }
bool have_nul(const std::vector<std::string>& texts) { return std::any_of(texts.begin(), texts.end(), has_nul); }

void check_environment(const Environment& environment) {
  for (const auto& [name, value] : environment)
    FARM_CHECK(name.find('=') == std::string::npos && !has_nul(name) && !has_nul(value));
}

nlohmann::json line_read(const std::string& line) {
  FARM_CHECK(line.find('\n') == line.size() - 1);
  return nlohmann::json::parse(line);
}

void check_request(const Request& request) {
  if (const auto* submit = std::get_if<SubmitRequest>(&request)) {
    FARM_CHECK(!submit->argv.empty() && submit->cwd.starts_with('/') && !has_nul(submit->cwd));
    FARM_CHECK(!have_nul(submit->argv) && !have_nul(submit->inputs) && !have_nul(submit->outputs));
    FARM_CHECK(!has_nul(submit->toolchain.driver) && !have_nul(submit->toolchain.extra_paths));
    check_environment(submit->environment);
    AnswerMessage answer;
    answer.id = submit->id;
    answer.stdout_bytes = submit->stdin_bytes;
    const auto read = line_read(answer_line(answer));
    FARM_CHECK(read.at("id") == submit->id && bytes_from(read.at("stdout")) == submit->stdin_bytes);
  } else if (const auto* hello = std::get_if<HelloRequest>(&request)) {
    check_environment(hello->environment);
  } else if (const auto* local = std::get_if<LocalRequest>(&request)) {
    FARM_CHECK(std::isfinite(local->seconds) && local->seconds >= 0);
  } else if (const auto* slot = std::get_if<LocalSlotRequest>(&request)) {
    FARM_CHECK(line_read(go_line(slot->id)).at("id") == slot->id);
  } else if (const auto* jobs = std::get_if<JobsRequest>(&request)) {
    FARM_CHECK(line_read(jobs_line(jobs->id, 1)).at("id") == jobs->id);
  } else {
    const auto& live = std::get<LiveRequest>(request);
    FARM_CHECK(line_read(live_line(live.id, "{}")).at("id") == live.id);
  }
}

}  // namespace
}  // namespace extfarm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  const auto line = fuzz::text_of(data, size);
  if (const auto request = front_door::parse_request(line)) {
    check_request(*request);
  } else {
    FARM_CHECK(request.error().code == ErrorCode::kMalformed);
    const auto& message = request.error().message;
    FARM_CHECK(bytes_from(line_read(front_door::error_line(message)).at("message")) == message);
  }
  const std::string bytes(line);
  FARM_CHECK(bytes_from(line_read(front_door::welcome_line(bytes, 1)).at("project_root")) == bytes);
  return 0;
}
