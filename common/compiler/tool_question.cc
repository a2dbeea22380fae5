#include "common/compiler/tool_question.h"

#include <utility>

#include "common/compiler/driver_answers.h"

namespace extfarm {

std::optional<ProcessExit> ask_tool(ProcessRunner& runner, const std::string& program, std::vector<std::string> words) {
  ProcessRequest request;
  request.program = program;
  request.argv = std::move(words);
  request.argv.insert(request.argv.begin(), program);
  request.environment = {{"LC_ALL", "C"}, {"PATH", kToolSearchPath}};
  request.cwd = "/";
  auto exit = runner.run(request, kDriverPatience);
  if (!exit || exit->signal != 0) return std::nullopt;
  return std::move(*exit);
}

}  // namespace extfarm
