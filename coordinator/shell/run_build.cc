#include "coordinator/shell/run_build.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "coordinator/shell/embedded_worker.h"
#include "coordinator/farm/farm.h"
#include "coordinator/shell/terminal.h"
#include "coordinator/shell/tree_lock.h"

extern char** environ;

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr int kExitRetry = 75, kExitConfiguration = 78;
constexpr Duration kGraceAfterInterrupt = std::chrono::milliseconds(800);

int refuse(int code, const std::string& message) {
  std::fprintf(stderr, "extfarm: %s\n", message.c_str());
  return code;
}

// A private folder for the socket and the local worker's beacon; gone at the end.
class RuntimeFolder {
 public:
  RuntimeFolder() {
    const char* tmp = std::getenv("TMPDIR");
    path_ = std::string(tmp != nullptr && std::strlen(tmp) < 60 ? tmp : "/tmp") + "/extfarm-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~RuntimeFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where the Python plug-in lies: beside the build folder, or installed.
std::string plugin_folder() {
  for (const char* candidate : {"/../../python", "/../lib/extfarm/python"}) {
    const auto folder = fs::path(program_folder() + candidate).lexically_normal();
    if (fs::exists(folder / "extfarm" / "__init__.py")) return folder.string();
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> environment_for_command(const std::string& socket) {
  std::vector<std::pair<std::string, std::string>> out;
  std::string python_path = plugin_folder();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string::npos) continue;
    const auto name = text.substr(0, equals), value = text.substr(equals + 1);
    if (name == "EXTFARM_SOCKET") continue;
    if (name == "PYTHONPATH") {
      if (!value.empty()) python_path += (python_path.empty() ? "" : ":") + value;
      continue;
    }
    out.emplace_back(name, value);
  }
  out.emplace_back("EXTFARM_SOCKET", socket);
  if (!python_path.empty()) out.emplace_back("PYTHONPATH", python_path);
  return out;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return fs::absolute(name).string();
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t start = 0; start <= rest.size();) {
    const auto end = std::min(rest.find(':', start), rest.size());
    const std::string candidate = rest.substr(start, end - start) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
    start = end + 1;
  }
  return {};
}

int block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto to_seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime);
}

// The loop: waits, lets the farm work, watches the command and the signals.
class Build {
 public:
  Build(ProcessRunner& runner, ConnectingChannel& channel, front_door::FrontDoor& door, Farm& farm,
        Terminal& terminal, const Clock& clock, EmbeddedWorker& worker, TreeLock& lock)
      : runner_(runner),
        channel_(channel),
        farm_(farm),
        terminal_(terminal),
        clock_(clock),
        worker_(worker),
        lock_(lock) {
    signals_ = block_signals();
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (int fd : {signals_, runner.fd(), door.fd()}) {
      epoll_event event{};
      event.events = EPOLLIN;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }
  ~Build() {
    ::close(epoll_);
    ::close(signals_);
  }
  Build(const Build&) = delete;
  Build& operator=(const Build&) = delete;

  // The command's exit code, 128+N when a signal ended it.
  int run(ProcessId command) {
    command_ = command;
    while (!exit_code_) {
      Duration wait = farm_.time_to_wait();
      if (const auto deadline = runner_.next_deadline_in()) wait = std::min(wait, *deadline);
      channel_.wait(epoll_, std::max(wait, Duration{0}));
      read_signals();
      lock_.touch();
      farm_.turn();
      read_exits();
      if (interrupted_ && clock_.now() - *interrupted_ > kGraceAfterInterrupt)
        runner_.stop(command_, std::chrono::seconds(1));
      terminal_.progress(clock_.now(), farm_.counts(), farm_.running());
    }
    return *exit_code_;
  }
  bool was_interrupted() const { return interrupted_.has_value(); }

 private:
  void read_signals() {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      if (!interrupted_) interrupted_ = clock_.now();
      // The terminal has told the command too; a signal sent to us alone is passed on.
      if (const auto pid = runner_.pid(command_)) ::kill(*pid, static_cast<int>(info.ssi_signo));
      farm_.cancel_all();
    }
  }
  void read_exits() {
    for (const auto& exit : runner_.take_exits()) {
      if (exit.id == command_) {
        exit_code_ = exit.signal != 0 ? 128 + exit.signal : exit.exit_code;
      } else if (worker_.id() && exit.id == *worker_.id()) {
        terminal_.warn("the local worker ended (exit code " + std::to_string(exit.exit_code) +
                       "): " + exit.stderr_bytes);
      }
    }
  }

  ProcessRunner& runner_;
  ConnectingChannel& channel_;
  Farm& farm_;
  Terminal& terminal_;
  const Clock& clock_;
  EmbeddedWorker& worker_;
  TreeLock& lock_;
  ProcessId command_;
  int signals_ = -1, epoll_ = -1;
  std::optional<Timestamp> interrupted_;
  std::optional<int> exit_code_;
};

// Opens the records, or a throw-away file where the project's folder cannot be written.
Result<std::unique_ptr<records::Records>> open_records(const std::string& state, const RuntimeFolder& runtime,
                                                       Terminal& terminal) {
  auto opened = records::Records::open(state + "/state.sqlite");
  if (opened) {
    if (!(*opened)->warning().empty()) terminal.warn((*opened)->warning());
    return opened;
  }
  terminal.warn(opened.error().message + "; nothing will be remembered of this build");
  return records::Records::open(runtime.path() + "/state.sqlite");
}

// A build in which nothing ran leaves the trace and the page of the last one that did something.
void write_reports(const reporting::BuildLog& log, const std::string& state, Filesystem& filesystem,
                   Terminal& terminal) {
  std::vector<std::pair<const char*, std::string>> files = {{"/last-build.json", reporting::last_build_json(log)}};
  if (!log.attempts.empty() || !fs::exists(state + "/report.html")) {
    files.emplace_back("/trace.json", reporting::trace_json(log));
    files.emplace_back("/report.html", reporting::report_html(log));
  }
  for (const auto& [name, text] : files) {
    if (const auto written = filesystem.write_atomically(state + name, text, 0644); !written) {
      terminal.warn(written.error().message);
    }
  }
  terminal.say(reporting::summary_text(log, ".extfarm/report.html"));
}

}  // namespace

int run_build(const RunOptions& options) {
  const MonotonicClock clock;
  PosixFilesystem filesystem;
  Terminal terminal(options.quiet, options.verbose);
  for (const auto& warning : options.warnings) terminal.warn(warning);
  const auto own = load_or_make_key_pair(options.key_folder, "client");
  if (!own) return refuse(kExitConfiguration, own.error().message);
  const auto worker_key = load_or_make_key_pair(options.key_folder, "worker");
  if (!worker_key) return refuse(kExitConfiguration, worker_key.error().message);
  const std::string program = find_program(options.command[0]);
  if (program.empty()) return refuse(127, options.command[0] + ": command not found");

  const RuntimeFolder runtime;
  if (runtime.path().empty())
    return refuse(kExitRetry, std::string("cannot make a folder in /tmp: ") + std::strerror(errno));
  const std::string socket = runtime.path() + "/door", local_rendezvous = runtime.path() + "/workers";
  const std::string state = options.project_root + "/.extfarm";
  auto channel = make_connecting_channel(*own);
  if (!channel) return refuse(kExitRetry, channel.error().message);
  auto door = front_door::FrontDoor::open(socket, options.project_root);
  if (!door) return refuse(kExitRetry, door.error().message);
  TreeLock lock(state, [&](const std::string& message) { terminal.warn(message); });
  auto records = open_records(state, runtime, terminal);
  if (!records) return refuse(kExitRetry, records.error().message);

  std::random_device random;
  WorkerDirectory directory({local_rendezvous, options.rendezvous, options.workers, worker_key->public_key,
                             user_name(), host_name(), static_cast<std::uint64_t>(random()) << 32 | random()},
                            **channel);
  ProcessRunner runner;
  ProcessRunner probe_runner;
  DigestCache digests(filesystem);
  ToolchainProbe probe(probe_runner, digests);
  BuildMemory memory(options.project_root, filesystem, digests, **records, probe_runner, probe);
  memory.begin_build();
  EmbeddedWorker worker(runner);
  if (options.local_slots > 0) {
    if (const auto started = worker.start(options.local_slots, local_rendezvous, options.key_folder);
        !started) {
      terminal.warn(started.error().message);
    }
  }

  const std::string said = (*records)->warning();
  reporting::BuildLog log;
  log.project_root = options.project_root;
  for (const auto& word : options.command) log.command += (log.command.empty() ? "" : " ") + word;
  log.started = log.first_submission = log.last_publication = clock.now();
  Farm* running_farm = nullptr;
  Farm farm(
      {**door, **channel, directory, probe, filesystem, digests, **records, memory, clock, log}, options.project_root,
      options.force, [&](const std::string& message) { terminal.warn(message); },
      [&](const reporting::LoggedAttempt& attempt) { terminal.published(attempt, running_farm->counts()); });
  running_farm = &farm;
  Build build(runner, **channel, **door, farm, terminal, clock, worker, lock);

  ProcessRequest request;
  request.program = program;
  request.argv = options.command;
  request.environment = environment_for_command(socket);
  request.cwd = options.project_root;
  request.capture_output = false;
  request.own_group = false;
  const auto command = runner.start(request);
  if (!command)
    return refuse(command.error().code == ErrorCode::kNotFound ? 127 : 126, command.error().message);

  if (const auto pid = runner.pid(*command)) lock.name_command(*pid);
  log.exit_code = build.run(*command);
  log.ended = clock.now();
  log.status = build.was_interrupted() ? "cancelled" : log.exit_code == 0 ? "ok" : "failed";
  terminal.clear();
  farm.cancel_all();
  farm.finish_log();
  memory.end_build();
  if (const auto& warning = (*records)->warning(); warning != said) terminal.warn(warning);
  worker.stop();
  log.coordinator_cpu_seconds = cpu_seconds();
  write_reports(log, state, filesystem, terminal);
  return log.exit_code;
}

}  // namespace extfarm
