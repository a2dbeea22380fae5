// What front ends say, read from JSON lines (doc/front-door.md).  Knows no sockets.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong_id.h"
#include "common/model/action.h"

namespace extfarm::front_door {

using ConnectionId = StrongId<struct ConnectionTag>;
using Environment = std::map<std::string, std::string>;

struct HelloRequest {
  std::uint32_t version = 0;
  std::string client;
  Environment environment;
};
struct SubmitRequest {
  std::string id;
  ActionKind kind = ActionKind::kOther;
  std::string group;
  std::vector<std::string> argv;
  std::string cwd;
  std::string stdin_bytes;
  std::vector<std::string> inputs, outputs;
  ToolchainSpec toolchain;  // driver empty: argv[0] on the PATH
  bool has_environment = false;
  Environment environment;
  double tail_seconds = 0;  // of the longest chain behind it, where the whole graph is known
};
struct LocalRequest {
  std::string kind, reason;
  double seconds = 0;         // how long it took; 0 when that is not known
  bool was_answered = false;  // the coordinator had said so itself, and has counted it
};
// The front end is about to become a command that runs here; its connection
// stays open for as long as that runs.
struct LocalSlotRequest {
  std::string id;
};
struct JobsRequest {  // how many jobs a build tool should keep under way
  std::string id;
};
struct LiveRequest {  // how the build is now
  std::string id;
};
using Request = std::variant<HelloRequest, SubmitRequest, LocalRequest, LocalSlotRequest, JobsRequest, LiveRequest>;

struct AnswerMessage {
  std::string id;
  std::string result;  // "built", "fresh", "failed", "run_locally", "cancelled"
  int exit_code = 0;
  std::string stdout_bytes, stderr_bytes;
  std::string reason;
};

// Errors: kMalformed, with the field.
Result<Request> parse_request(std::string_view line);
// One line, with its newline.
std::string welcome_line(const std::string& project_root, std::uint32_t slots);
std::string answer_line(const AnswerMessage&);
std::string go_line(const std::string& id);
std::string later_line(const std::string& id);
std::string jobs_line(const std::string& id, std::size_t jobs);
std::string live_line(const std::string& id, const std::string& build_json);
std::string error_line(const std::string& message);

}  // namespace extfarm::front_door
