#include "coordinator/shell/run_build.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "coordinator/shell/build_session.h"
#include "coordinator/shell/compile_commands.h"
#include "coordinator/shell/jobs_for_command.h"
#include "coordinator/shell/masquerade.h"

extern char** environ;

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr Duration kGraceAfterInterrupt = std::chrono::milliseconds(800);

// Where the Python plug-in lies: beside the build folder, or installed.
std::string plugin_folder() {
  for (const char* candidate : {"/../../python", "/../lib/extfarm/python"}) {
    const auto folder = fs::path(program_folder() + candidate).lexically_normal();
    if (fs::exists(folder / "extfarm" / "__init__.py")) return folder.string();
  }
  return {};
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

std::string inherited_makeflags() {
  const char* flags = std::getenv("MAKEFLAGS");
  return flags != nullptr ? flags : "";
}

// `first_on_path`: folders, or nothing.  `jobs`: null when the command decides how many there are.
std::vector<std::pair<std::string, std::string>> environment_for_command(const std::string& socket,
                                                                         const RunOptions& options,
                                                                         const std::string& first_on_path,
                                                                         const JobsForCommand* jobs) {
  std::vector<std::pair<std::string, std::string>> out;
  std::string python_path = plugin_folder();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string::npos) continue;
    const auto name = text.substr(0, equals), value = text.substr(equals + 1);
    if (name == "EXTFARM_SOCKET" || (name == "EXTFARM_JOBS" && options.local_slots > 0) ||
        (name == "EXTFARM_QUIET" && options.quiet))
      continue;
    if (name == "PYTHONPATH") {
      if (!value.empty()) python_path += (python_path.empty() ? "" : ":") + value;
      continue;
    }
    if (name == "PATH" && !first_on_path.empty()) continue;
    if ((name == "MAKEFLAGS" && jobs != nullptr) || name == "EXTFARM_TOKENS") continue;
    out.emplace_back(name, value);
  }
  out.emplace_back("EXTFARM_SOCKET", socket);
  if (!first_on_path.empty()) out.emplace_back("PATH", first_on_path + ":" + search_path());
  if (jobs != nullptr) {
    out.emplace_back("MAKEFLAGS", jobs->makeflags(inherited_makeflags()));
    out.emplace_back("EXTFARM_TOKENS", jobs->token_path());
  }
  // What a front end runs itself keeps to the same number.
  if (options.local_slots > 0) out.emplace_back("EXTFARM_JOBS", std::to_string(options.local_slots));
  if (options.quiet) out.emplace_back("EXTFARM_QUIET", "1");
  if (!python_path.empty()) out.emplace_back("PYTHONPATH", python_path);
  return out;
}

// Folders of links to the launcher, to lie first on the command's PATH.
Result<std::vector<std::string>> folders_of_links(const RunOptions& options, const std::string& runtime) {
  const std::string launcher = program_folder() + "/extfarm-cc";
  std::vector<std::string> out;
  if (options.masquerade) {
    out.push_back(runtime + "/masquerade");
    if (const auto made = make_masquerade(out.back(), launcher, search_path(), options.farm_tools); !made)
      return tl::unexpected(made.error());
  }
  if (options.jobs_follow_farm && !find_program("ninja").empty()) {
    // A folder that stays: CMake writes down where it has found ninja.
    out.push_back(fs::absolute(options.key_folder).string() + "/jobs");
    if (const auto made = make_link(out.back(), "ninja", launcher); !made) return tl::unexpected(made.error());
  }
  return out;
}

// Null when the command decides by itself how many jobs it has.
Result<std::unique_ptr<JobsForCommand>> jobs_for_command(const RunOptions& options, BuildSession& session,
                                                         Terminal& terminal) {
  auto outer = OuterJobserver::find(inherited_makeflags());
  if (!outer) terminal.warn(outer.error().message);
  const bool has_outer = outer && *outer != nullptr;
  if (!options.jobs_follow_farm && !has_outer) return std::unique_ptr<JobsForCommand>();
  return JobsForCommand::open(session.farm(), local_steps(options), options.core_count,
                              has_outer ? std::move(*outer) : nullptr);
}

// `links`: folders that come first on its PATH; a link there stands for `program`.
ProcessRequest request_for_command(const RunOptions& options, const std::string& socket, const std::string& program,
                                   const std::vector<std::string>& links, const JobsForCommand* jobs) {
  ProcessRequest request;
  request.program = program;
  std::string first_on_path;
  for (const auto& folder : links) {
    first_on_path += (first_on_path.empty() ? "" : ":") + folder;
    if (fs::exists(folder + "/" + options.command[0])) request.program = folder + "/" + options.command[0];
  }
  request.argv = options.command;
  request.environment = environment_for_command(socket, options, first_on_path, jobs);
  if (jobs != nullptr) request.kept_descriptors = jobs->descriptors();
  request.cwd = options.project_root;
  request.capture_output = false;
  request.own_group = false;
  return request;
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return fs::absolute(name).string();
  const std::string rest = search_path();
  for (std::size_t start = 0; start <= rest.size();) {
    const auto end = std::min(rest.find(':', start), rest.size());
    const std::string candidate = rest.substr(start, end - start) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
    start = end + 1;
  }
  return {};
}

int run_build(const RunOptions& options) {
  const MonotonicClock clock;
  Terminal terminal({options.quiet, options.verbose, options.top});
  for (const auto& warning : options.warnings) terminal.warn(warning);
  const std::string program = find_program(options.command[0]);
  if (program.empty()) return refuse(127, options.command[0] + ": command not found");
  auto tree = BuildTree::open(options.project_root, options.key_folder, terminal);
  if (!tree) return refuse(kExitRetry, tree.error().message);
  (*tree)->memory->begin_build();
  reporting::BuildLog log;
  log.project_root = options.project_root;
  for (const auto& word : options.command) log.command += (log.command.empty() ? "" : " ") + word;
  log.started = log.first_submission = log.last_publication = clock.now();
  auto opened = BuildSession::open(options, **tree, terminal, log, clock);
  if (!opened) return refuse(opened.error().exit_code, opened.error().message);
  BuildSession& session = **opened;

  const auto jobs = jobs_for_command(options, session, terminal);
  if (!jobs) return refuse(kExitRetry, jobs.error().message);
  const auto links = folders_of_links(options, (*tree)->runtime.path());
  if (!links) return refuse(kExitRetry, links.error().message);
  const auto request = request_for_command(options, session.socket(), program, *links, jobs->get());
  const auto command = session.runner().start(request);
  if (!command)
    return refuse(command.error().code == ErrorCode::kNotFound ? 127 : 126, command.error().message);
  const auto pid = session.runner().pid(*command);
  if (pid) (*tree)->lock->name_command(*pid);

  std::optional<int> exit_code;
  std::optional<Timestamp> interrupted;
  while (!exit_code) {
    session.turn(
        [&](const ProcessExit& exit) {
          if (exit.id != *command) return;
          exit_code = exit.signal != 0 ? 128 + exit.signal : exit.exit_code;
          log.command_cpu_seconds = seconds(exit.cpu_time);
        },
        [&](int signal) {
          if (!interrupted) interrupted = clock.now();
          // The terminal has told the command too; a signal sent to us alone is passed on.
          if (const auto running = session.runner().pid(*command)) ::kill(*running, signal);
        });
    if (*jobs) {
      if (interrupted || !pid)
        (*jobs)->let_go();
      else
        (*jobs)->follow(clock.now(), *pid);
      session.await((*jobs)->awaited());
    }
    if (interrupted && clock.now() - *interrupted > kGraceAfterInterrupt)
      session.runner().stop(*command, std::chrono::seconds(1));
  }
  log.exit_code = *exit_code;
  log.ended = clock.now();
  log.status = interrupted ? "cancelled" : log.exit_code == 0 ? "ok" : "failed";
  session.end();
  (*tree)->close();
  write_compile_commands(entries_of(log.compiles), **tree, terminal);
  write_reports(log, **tree, terminal);
  return log.exit_code;
}

}  // namespace extfarm
