#include "coordinator/farm/action_intake.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "common/compiler/command_line.h"
#include "common/model/environment.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

std::string search_path(const Action& action) {
  const auto path = std::find_if(action.environment.begin(), action.environment.end(),
                                 [](const auto& variable) { return variable.first == "PATH"; });
  return path == action.environment.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second;
}

// argv[0] as exec would find it; empty when it is nowhere.
std::string resolve_program(const Action& action) {
  const std::string& name = action.argv[0];
  if (name.find('/') != std::string::npos) return absolute_path(name, action.cwd);
  std::istringstream folders(search_path(action));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = absolute_path((folder.empty() ? "." : folder) + "/" + name, action.cwd);
    if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
  }
  return {};
}

bool lies_below(const std::string& path, const std::string& folder) {
  return path == folder ||
         (path.starts_with(folder) && (folder.ends_with('/') || path[folder.size()] == '/'));
}

void add_root(std::vector<std::string>& roots, const std::string& folder) {
  for (const auto& root : roots) {
    if (lies_below(folder, root)) return;
  }
  std::erase_if(roots, [&](const std::string& root) { return lies_below(root, folder); });
  roots.push_back(folder);
}

}  // namespace

std::string absolute_path(const std::string& path, const std::string& cwd) {
  const bool is_normal = path.find("./") == std::string::npos && path.find("//") == std::string::npos &&
                         !path.ends_with('.') && !path.ends_with('/') && !path.empty();
  if (is_normal) return path.starts_with('/') ? path : cwd + (cwd.ends_with('/') ? "" : "/") + path;
  const fs::path whole = path.starts_with('/') ? fs::path(path) : fs::path(cwd) / path;
  return whole.lexically_normal().string();
}

Action ActionIntake::describe(const front_door::SubmitRequest& request,
                              std::vector<std::pair<std::string, std::string>> environment,
                              std::string& local_reason) {
  Action action;
  action.kind = request.kind;
  action.group = request.group;
  action.argv = request.argv;
  action.cwd = request.cwd;
  action.stdin_bytes = request.stdin_bytes;
  action.environment = std::move(environment);
  for (const auto& path : request.inputs) action.inputs.push_back(absolute_path(path, request.cwd));
  for (const auto& path : request.outputs) action.outputs.push_back(absolute_path(path, request.cwd));
  if (action.kind != ActionKind::kCythonize) {
    const auto reading = read_command_line(request.argv);
    if (reading.must_run_locally)
      local_reason = reading.local_reason;
    else if (reading.kind == ActionKind::kOther)
      local_reason = "it is no compiler that extfarm knows";
    action.kind = reading.kind;
    for (const auto& path : reading.sources) action.inputs.push_back(absolute_path(path, request.cwd));
    for (const auto& path : reading.outputs) action.outputs.push_back(absolute_path(path, request.cwd));
  }
  for (auto* paths : {&action.inputs, &action.outputs}) {
    std::vector<std::string> once;
    for (auto& path : *paths) {
      if (std::find(once.begin(), once.end(), path) == once.end()) once.push_back(std::move(path));
    }
    *paths = std::move(once);
  }
  action.toolchain = request.toolchain;
  const Tool& tool = tool_of(action);
  action.program = tool.program;
  if (action.toolchain.driver.empty()) action.toolchain.driver = action.program;
  action.toolchain_digest = tool.toolchain;
  if (!tool.local_reason.empty()) local_reason = tool.local_reason;
  return action;
}

const ActionIntake::Tool& ActionIntake::tool_of(const Action& action) {
  std::string key;
  if (remembers_tools_) {
    key = action.argv[0] + '\0' + action.cwd + '\0' + search_path(action) + '\0' + action.toolchain.driver;
    for (const auto& path : action.toolchain.extra_paths) key += '\0' + path;
  }
  const auto [it, is_new] = tools_.try_emplace(std::move(key));
  if (is_new || !remembers_tools_) it->second = look_for_tool(action);
  return it->second;
}

ActionIntake::Tool ActionIntake::look_for_tool(const Action& action) {
  Tool tool;
  tool.program = resolve_program(action);
  if (tool.program.empty()) {
    tool.local_reason = "no program " + action.argv[0] + " on the PATH";
    return tool;
  }
  auto spec = action.toolchain;
  if (spec.driver.empty()) spec.driver = tool.program;
  if (const auto toolchain = probe_.probe(spec))
    tool.toolchain = toolchain->digest;
  else
    tool.local_reason = toolchain.error().message;
  return tool;
}

std::string ActionIntake::add_places(Action& action) const {
  for (const auto& output : action.outputs) {
    if (fs::exists(output) && !fs::is_regular_file(output)) return "its output " + output + " is no regular file";
  }
  if (lies_below(action.cwd, root_))
    add_root(action.view_roots, root_);
  else
    add_root(action.view_roots, action.cwd);
  for (const auto& output : action.outputs)
    add_root(action.view_roots, fs::path(output).parent_path().string());
  for (const auto& root : action.view_roots) {
    if (root == "/" || !fs::is_directory(root)) return "its folder " + root + " cannot be made a private view";
  }
  return {};
}

std::variant<Action, StaysLocal> ActionIntake::take(const front_door::SubmitRequest& request) {
  std::string local_reason;
  Action action = describe(request, environment_that_matters(request.environment), local_reason);
  if (local_reason.empty()) local_reason = add_places(action);
  if (!local_reason.empty()) return StaysLocal{local_reason};
  // A source that is a pipe or is not there yet is no input to be compared.
  const std::size_t declared = request.inputs.size();
  std::size_t at = 0;
  std::erase_if(action.inputs, [&](const std::string& path) { return at++ >= declared && !fs::is_regular_file(path); });
  return action;
}

Digest ActionIntake::identity_of(const Action& action) {
  Hasher hasher;
  hasher.add_field(name_of(action.kind));
  hasher.add_field(action.cwd);
  hasher.add_field(action.outputs.empty() ? action.argv.back() : action.outputs.front());
  return hasher.finish();
}

double ActionIntake::guess_seconds(const Action& action) {
  // Seconds per MiB of source on a desktop core, rounded: only their order matters.
  constexpr double kCompile = 8, kCythonize = 20, kLink = 0.2;
  double bytes = 0;
  for (const auto& input : action.inputs) {
    std::error_code absent;
    const auto size = fs::file_size(input, absent);
    if (!absent) bytes += static_cast<double>(size);
  }
  const double rate = action.kind == ActionKind::kCompile     ? kCompile
                      : action.kind == ActionKind::kCythonize ? kCythonize
                                                              : kLink;
  return 0.05 + rate * bytes / (1 << 20);
}

}  // namespace extfarm
