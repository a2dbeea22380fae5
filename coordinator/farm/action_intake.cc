#include "coordinator/farm/action_intake.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "common/compiler/command_line.h"
#include "common/compiler/driver_options.h"
#include "common/compiler/response_file.h"
#include "common/model/environment.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

// What is there, links followed: fs::file_type::not_found, and ::none for what cannot be looked at
// (a name of more than 255 bytes, a link to itself, a closed folder).
fs::file_type type_of(const std::string& path) {
  std::error_code unknown;
  return fs::status(path, unknown).type();
}
bool is_file(const std::string& path) { return type_of(path) == fs::file_type::regular; }
bool is_folder(const std::string& path) { return type_of(path) == fs::file_type::directory; }

// Programs that stand for a compiler; on the worker there is nothing for them to do.
bool is_front(const std::string& program) {
  std::error_code failed;
  const std::string name = fs::canonical(program, failed).filename().string();
  return name == "extfarm-cc" || name == "ccache";
}

std::string search_path(const Action& action) {
  const auto path = std::find_if(action.environment.begin(), action.environment.end(),
                                 [](const auto& variable) { return variable.first == "PATH"; });
  return path == action.environment.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second;
}

// argv[0] as exec would find it, behind caches and launchers of that name; empty when it is nowhere.
std::string resolve_program(const Action& action) {
  const std::string& name = action.argv[0];
  if (name.find('/') != std::string::npos) return absolute_path(name, action.cwd);
  std::istringstream folders(search_path(action));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = absolute_path((folder.empty() ? "." : folder) + "/" + name, action.cwd);
    if (::access(candidate.c_str(), X_OK) == 0 && !is_folder(candidate) && !is_front(candidate))
      return candidate;
  }
  return {};
}

// All that decides which tool an action means, as one string, and back.
std::string question_of(const Action& action) {
  std::string out = action.argv[0] + '\0' + action.cwd + '\0' + search_path(action) + '\0' + action.toolchain.driver;
  for (const auto& path : action.toolchain.extra_paths) out += '\0' + path;
  return out;
}
Action action_with(const std::string& question) {
  std::vector<std::string> fields(1);
  for (const char c : question) {
    if (c == '\0')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  fields.resize(std::max<std::size_t>(fields.size(), 4));
  Action out;
  out.argv = {fields[0]};
  out.cwd = fields[1];
  out.environment = {{"PATH", fields[2]}};
  out.toolchain.driver = fields[3];
  out.toolchain.extra_paths.assign(fields.begin() + 4, fields.end());
  return out;
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

bool is_null_device(const std::string& path) { return path == "/dev/null"; }

// Options that write files named after the output.
bool leaves_side_files(const std::string& word) {
  for (const char* start : {"-fstack-usage", "-save-temps", "--save-temps", "--coverage", "-ftest-coverage", "-fcallgraph",
                            "-gsplit-dwarf", "-fdump-", "-fsave-optimization", "-ftime-trace"}) {
    if (word.starts_with(start)) return true;
  }
  return false;
}

bool is_clang(const std::string& program) {
  std::error_code failed;
  return fs::canonical(program, failed).filename().string().find("clang") != std::string::npos;
}

// clang writes its whole command line into the object when asked to, with what a worker adds.
bool records_command_line(const Action& action) {
  const auto expanded = expand_response_files(action.argv, action.cwd, PosixFilesystem());
  return expanded && std::any_of(expanded->argv.begin(), expanded->argv.end(), [](const std::string& word) {
           return word.starts_with("-frecord-") || word.starts_with("-grecord-");
         });
}

// Build tools compile small files in folders of their own to learn what the compiler can do.
bool is_probe_folder(const std::string& cwd) {
  for (const char* part : {"/CMakeFiles/CMakeScratch/", "/CMakeFiles/CMakeTmp", "/CompilerIdC", "/meson-private"}) {
    if (cwd.find(part) != std::string::npos) return true;
  }
  return false;
}

// Why the environment keeps a compile here; empty when it does not.
std::string reason_of(const std::vector<std::pair<std::string, std::string>>& environment) {
  for (const auto& [name, value] : environment) {
    if ((name == "DEPENDENCIES_OUTPUT" || name == "SUNPRO_DEPENDENCIES") && !value.empty())
      return "several compiles append to one file (" + name + ")";
  }
  return {};
}

// -B names a folder, or what the names of the compiler's parts begin with.
void add_tools_of(const std::string& prefix, std::vector<std::string>& paths) {
  for (const char* tool : {"as", "ld", "ld.bfd", "ld.gold", "ld.lld", "collect2", "cc1", "cc1plus", "f951", "lto1"}) {
    for (const auto& path : {prefix + "/" + tool, prefix + tool}) {
      if (is_file(path)) paths.push_back(path);
    }
  }
}

void keep_each_once(std::vector<std::string>& paths) {
  std::vector<std::string> once;
  for (auto& path : paths) {
    if (std::find(once.begin(), once.end(), path) == once.end()) once.push_back(std::move(path));
  }
  paths = std::move(once);
}

// A compiler heeds PWD only as another name of the folder it runs in; any
// other value says nothing but where the user once was.
void drop_idle_pwd(std::vector<std::pair<std::string, std::string>>& environment, const std::string& cwd) {
  const auto pwd = std::find_if(environment.begin(), environment.end(),
                                [](const auto& variable) { return variable.first == "PWD"; });
  if (pwd == environment.end()) return;
  std::error_code unknown;
  if (pwd->second == cwd || !pwd->second.starts_with('/') || !fs::equivalent(pwd->second, cwd, unknown))
    environment.erase(pwd);
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
  drop_idle_pwd(action.environment, action.cwd);
  for (const auto& path : request.inputs) action.inputs.push_back(absolute_path(path, request.cwd));
  for (const auto& path : request.outputs) action.outputs.push_back(absolute_path(path, request.cwd));
  action.toolchain = request.toolchain;
  if (action.kind != ActionKind::kCythonize) local_reason = read_words(action);
  keep_each_once(action.inputs);
  keep_each_once(action.outputs);
  const Tool& tool = tool_of(action);
  action.program = tool.program;
  if (action.toolchain.driver.empty()) action.toolchain.driver = action.program;
  action.toolchain_digest = tool.toolchain;
  if (!tool.local_reason.empty()) local_reason = tool.local_reason;
  if (local_reason.empty() && tool.is_clang && records_command_line(action))
    local_reason = "clang would record what a worker adds to its command line";
  return action;
}

std::string ActionIntake::read_words(Action& action) {
  const auto expanded = expand_response_files(action.argv, action.cwd, PosixFilesystem());
  if (!expanded || !expanded->files.empty()) has_looked_into_files_ = true;
  if (!expanded) return expanded.error().message;
  const auto reading = read_command_line(expanded->argv);
  action.kind = reading.kind;
  const auto absolute = [&](const std::string& path) { return absolute_path(path, action.cwd); };
  for (const auto& path : reading.sources) action.inputs.push_back(absolute(path));
  for (const auto& path : reading.outputs) action.outputs.push_back(absolute(path));
  if (reading.must_run_locally) return reading.local_reason;
  if (reading.kind == ActionKind::kOther) {
    const std::string name = fs::path(action.argv[0]).filename().string();
    if (std::find(generators_.begin(), generators_.end(), name) == generators_.end())
      return "it is no compiler that extfarm knows (--farm-tool " + name + " would send it)";
    has_looked_into_files_ = true;
    for (std::size_t i = 1; i < expanded->argv.size(); ++i) {
      const std::string path = absolute(expanded->argv[i]);
      if (is_file(path)) action.inputs.push_back(path);
    }
    return {};
  }
  if (is_probe_folder(action.cwd + "/")) return "it is a configure probe";
  for (const auto& source : reading.sources) {
    if (source.find('\n') != std::string::npos) return "no list of inputs can say a name with a line end in it";
  }
  if (!reading.depfile.empty() && absolute(reading.depfile).starts_with("/dev/") && reading.depfile != "/dev/null")
    return "it would write " + absolute(reading.depfile);
  const bool is_thrown_away = !reading.outputs.empty() && is_null_device(reading.outputs.front());
  for (const auto& word : expanded->argv) {
    if (is_thrown_away && leaves_side_files(word)) return "its side files would lie in /dev";
    if (!expanded->files.empty() && (word.starts_with("-save-temps") || word.starts_with("--save-temps")))
      return "with -save-temps a response file leaves copies of itself";
  }
  for (const auto& path : expanded->files) action.inputs.push_back(path);
  for (const auto& path : named_paths(expanded->argv).read) {
    if (is_folder(absolute(path))) return "only the compiler knows which file of " + path + " it reads";
    action.inputs.push_back(absolute(path));
  }
  for (const auto& [option, path] : loaded_code(expanded->argv)) {
    if (option == "-B") {
      has_looked_into_files_ = true;
      add_tools_of(absolute(path), action.toolchain.extra_paths);
    } else if (path.find('/') != std::string::npos) {
      action.inputs.push_back(absolute(path));
    }
  }
  if (reading.is_tuned_to_processor) action.toolchain.extra_paths.emplace_back("-march=native");
  return reason_of(action.environment);
}

// Where options name further files to be written.
std::vector<std::string> written_folders(const Action& action) {
  std::vector<std::string> out;
  const auto expanded = expand_response_files(action.argv, action.cwd, PosixFilesystem());
  if (!expanded || action.kind == ActionKind::kCythonize) return out;
  for (const auto& path : named_paths(expanded->argv).written) {
    const std::string file = absolute_path(path.empty() || path.ends_with('/') ? path + "x" : path, action.cwd);
    const std::string folder = fs::path(file).parent_path().string();
    if (is_folder(folder) && folder != "/dev") out.push_back(folder);
  }
  return out;
}

const ActionIntake::Tool& ActionIntake::tool_of(const Action& action) {
  const std::string key = remembers_tools_ ? question_of(action) : "";
  const auto [it, is_new] = tools_.try_emplace(key);
  if (is_new || !remembers_tools_) it->second = look_for_tool(action);
  return it->second;
}

Digest ActionIntake::digest_of_tool(const Tool& tool) {
  Hasher hasher;
  hasher.add_field(tool.program);
  hasher.add_field(to_hex(tool.toolchain));
  hasher.add_field(tool.is_clang ? "clang" : "");
  hasher.add_field(tool.local_reason);
  return hasher.finish();
}

ActionIntake::FoundTools ActionIntake::found_tools() const {
  FoundTools out;
  for (const auto& [question, tool] : tools_) out.emplace_back(question, digest_of_tool(tool));
  return out;
}

bool ActionIntake::still_finds(const FoundTools& tools) {
  return std::all_of(tools.begin(), tools.end(), [&](const auto& found) {
    return digest_of_tool(look_for_tool(action_with(found.first))) == found.second;
  });
}

ActionIntake::Tool ActionIntake::look_for_tool(const Action& action) {
  Tool tool;
  tool.program = resolve_program(action);
  if (tool.program.empty()) {
    tool.local_reason = "no program " + action.argv[0] + " on the PATH";
    return tool;
  }
  tool.is_clang = is_clang(tool.program);
  auto spec = action.toolchain;
  if (spec.driver.empty()) spec.driver = tool.program;
  if (const auto toolchain = probe_.probe(spec))
    tool.toolchain = toolchain->digest;
  else
    tool.local_reason = toolchain.error().message;
  return tool;
}

std::string ActionIntake::add_places(Action& action) const {
  std::erase_if(action.outputs, is_null_device);
  for (const auto& output : action.outputs) {
    const auto type = type_of(output);
    if (type != fs::file_type::not_found && type != fs::file_type::regular)
      return "its output " + output + (type == fs::file_type::none ? " cannot be looked at" : " is no regular file");
  }
  if (lies_below(action.cwd, root_))
    add_root(action.view_roots, root_);
  else
    add_root(action.view_roots, action.cwd);
  for (const auto& output : action.outputs)
    add_root(action.view_roots, fs::path(output).parent_path().string());
  for (const auto& folder : written_folders(action)) add_root(action.view_roots, folder);
  for (const auto& root : action.view_roots) {
    if (root == "/" || !is_folder(root)) return "its folder " + root + " cannot be made a private view";
  }
  return {};
}

std::variant<Action, StaysLocal> ActionIntake::take(const front_door::SubmitRequest& request) {
  std::string local_reason;
  Action action = describe(request, environment_that_matters(request.environment), local_reason);
  if (action.kind != ActionKind::kCythonize) {
    for (const auto& [name, value] : request.environment) {
      if (keeps_compilers_here(name)) return StaysLocal{name + " is set, which changes what the compiler is"};
    }
  }
  if (local_reason.empty()) local_reason = add_places(action);
  if (!local_reason.empty()) return StaysLocal{local_reason};
  const auto& declared = request.inputs;
  for (const auto& path : action.inputs) {
    const auto type = type_of(path);
    if (type == fs::file_type::none) return StaysLocal{"its input " + path + " cannot be looked at"};
    const bool is_odd = type != fs::file_type::not_found && type != fs::file_type::regular &&
                        type != fs::file_type::directory;
    if (is_odd) return StaysLocal{"its input " + path + " is no regular file"};
  }
  // What is not there yet is no input to be compared.
  std::erase_if(action.inputs, [&](const std::string& path) {
    const bool is_declared = std::any_of(declared.begin(), declared.end(), [&](const std::string& name) {
      return absolute_path(name, action.cwd) == path;
    });
    return !is_declared && !is_file(path);
  });
  return action;
}

Digest ActionIntake::identity_of(const Action& action) {
  Hasher hasher;
  hasher.add_field(name_of(action.kind));
  hasher.add_field(action.cwd);
  hasher.add_field(action.outputs.empty() ? action.argv.back() : action.outputs.front());
  return hasher.finish();
}

}  // namespace extfarm
