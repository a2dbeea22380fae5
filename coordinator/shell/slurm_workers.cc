#include "coordinator/shell/slurm_workers.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "common/system/clock.h"
#include "coordinator/shell/build_session.h"
#include "coordinator/shell/run_build.h"

namespace extfarm {
namespace {

constexpr Duration kTurnEvery = std::chrono::seconds(1);  // or as often as Slurm is asked
constexpr Duration kPatienceAtEnd = std::chrono::seconds(60);  // for workers that have compiles to end
constexpr Duration kPatienceWithSlurm = std::chrono::seconds(10);  // at the end, when it does not answer

// The build that workers are kept for, or nothing.
class KeptFor {
 public:
  Result<void> start(const SlurmWorkersOptions& options) {
    if (options.command.empty()) return {};
    ProcessRequest request;
    request.program = find_program(options.command[0]);
    if (request.program.empty()) return failure(ErrorCode::kNotFound, options.command[0] + ": command not found");
    request.argv = options.command;
    auto environment = own_environment();
    environment["EXTFARM_RENDEZVOUS"] = options.job.rendezvous;
    request.environment.assign(environment.begin(), environment.end());
    request.cwd = std::filesystem::current_path().string();
    request.capture_output = false;
    request.own_group = false;
    const auto started = runner_.start(request);
    if (!started) return tl::unexpected(started.error());
    id_ = *started;
    return {};
  }
  int fd() const { return runner_.fd(); }
  bool is_running() const { return id_ && !exit_code_; }
  void look() {
    for (const auto& exit : runner_.take_exits()) exit_code_ = exit.signal != 0 ? 128 + exit.signal : exit.exit_code;
  }
  // The terminal has told it too; a signal sent to us alone is passed on.
  void pass_on(int signal) {
    if (const auto pid = is_running() ? runner_.pid(*id_) : std::nullopt) ::kill(*pid, signal);
  }
  int exit_code() const { return exit_code_.value_or(0); }

 private:
  ProcessRunner runner_;
  std::optional<ProcessId> id_;
  std::optional<int> exit_code_;
};

void wait_for(const KeptFor& build, const EndSignals& signals, Duration longest) {
  pollfd waiting[] = {{build.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
  ::poll(waiting, 2, static_cast<int>(seconds(longest) * 1000));
}

// Until the build has ended, or somebody asks for the end.
void keep(clusters::SlurmKeeper& keeper, TreeLock& lock, KeptFor& build, EndSignals& signals, const Clock& clock,
          Duration turn_every) {
  const bool is_for_one_build = build.is_running();
  Timestamp next;
  for (bool is_over = false; !is_over;) {
    if (clock.now() >= next) {
      keeper.turn(clock.now());
      next = clock.now() + turn_every;
    }
    lock.touch();
    wait_for(build, signals, std::max<Duration>(next - clock.now(), std::chrono::milliseconds(1)));
    build.look();
    while (const auto signal = signals.take()) {
      build.pass_on(*signal);
      is_over = !is_for_one_build;  // otherwise when that has ended, as it was told to
    }
    if (is_for_one_build && !build.is_running()) is_over = true;
  }
}

// Takes leave of the workers; a further signal leaves at once.  Those that are left end by themselves.
void leave(clusters::SlurmKeeper& keeper, TreeLock& lock, const KeptFor& build, EndSignals& signals, const Clock& clock,
           const std::function<void(const std::string&)>& say) {
  const auto began = clock.now();
  bool is_done = keeper.give_back(clock.now());
  while (!is_done && clock.now() - began < (keeper.answers() ? kPatienceAtEnd : kPatienceWithSlurm)) {
    wait_for(build, signals, std::chrono::milliseconds(200));
    if (signals.take()) break;
    lock.touch();
    is_done = keeper.give_back(clock.now());
  }
  if (is_done) return;
  if (!keeper.answers()) {
    return say("Slurm does not answer, so workers that it may have are left to themselves: they end when no build is "
               "there. Call this again, or scancel, once it does");
  }
  std::string left;
  for (const auto& job : keeper.remaining()) left += (left.empty() ? "" : ", ") + job;
  say("these jobs are still in Slurm: " + left +
      "; they end with their compiles. squeue --me lists them, scancel ends one at once");
}

}  // namespace

void add_slurm_options(CLI::App& slurm, SlurmWorkersOptions& options) {
  auto& job = options.job;
  slurm.add_option("--max", options.most_workers, "At most so many workers, each a Slurm job")->required()->check(CLI::Range(1, 100000));
  slurm.add_option("--slots", job.slots, "Processors of each worker (sbatch --cpus-per-task)")->check(CLI::Range(1, 4096))->default_val(4);
  slurm.add_option("--time", job.time_limit, "Time limit of each worker, as sbatch takes it; a minute before it the worker takes nothing new");
  slurm.add_option("--partition", job.partition, "Partition, as sbatch takes it");
  slurm.add_option("--account", job.account, "Account, as sbatch takes it");
  const auto repeated = [&](const char* name, std::vector<std::string>& words, const char* text) {
    slurm.add_option(name, words, text)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  repeated("--sbatch-option", job.sbatch_options, "One more option of sbatch, such as --sbatch-option=--qos=low; may be repeated");
  repeated("--worker-option", job.worker_options, "One more word for extfarm-worker, such as --worker-option=--only-compilers; may be repeated");
  slurm.add_option("--program", job.worker, "extfarm-worker's path on the nodes; default: the one beside this extfarm");
  slurm.add_option("--rendezvous", job.rendezvous, "Folder where workers announce themselves")->capture_default_str();
  slurm.add_option("--key-folder", job.key_folder, "Folder of worker.key and authorized_keys")->capture_default_str();
  slurm.add_option("--log-folder", job.log_folder, "Where workers' logs lie while they run, and those of failed ones after it; default: slurm in the key folder");
  slurm.add_option("--horizon", options.horizon_seconds, "Ask for a slot when there are so many seconds of work for it")->check(CLI::Range(0.001, 86400.0))->capture_default_str();
  slurm.add_option("--idle", options.idle_seconds, "Give a worker back that nobody has needed for so many seconds")->check(CLI::Range(0.1, 86400.0))->capture_default_str();
  slurm.add_option("--look", options.look_seconds, "Seconds between looks at Slurm's queue")->check(CLI::Range(0.2, 3600.0))->capture_default_str();
  slurm.add_flag("-q,--quiet", options.quiet, "Say only why nothing can be done");
  slurm.add_option("command", options.command, "A build to keep workers for, after --; without one: until Ctrl-C");
  slurm.positionals_at_end();
}

int keep_slurm_workers(SlurmWorkersOptions options) {
  namespace fs = std::filesystem;
  auto& job = options.job;
  if (job.worker.empty()) job.worker = program_folder() + "/extfarm-worker";
  for (auto* path : {&job.rendezvous, &job.key_folder}) *path = fs::absolute(*path).lexically_normal().string();
  job.log_folder = job.log_folder.empty() ? job.key_folder + "/slurm" : fs::absolute(job.log_folder).lexically_normal().string();
  auto slurm = clusters::SlurmClient::open(find_program, own_environment());
  if (!slurm) return refuse(kExitConfiguration, slurm.error().message);
  PosixFilesystem filesystem;
  auto board = clusters::DemandBoard::open(job.rendezvous, filesystem);
  if (!board) return refuse(kExitConfiguration, board.error().message);
  auto lock = TreeLock::try_take(board->folder());
  if (!lock && lock.error().code == ErrorCode::kUnavailable) {
    return refuse(kExitRetry, "workers for " + job.rendezvous + " are kept already (" + lock.error().message +
                                  "); end that one, or name another folder with --rendezvous here and for the build");
  }
  if (!lock) return refuse(kExitConfiguration, lock.error().message);
  std::error_code failed;
  fs::create_directories(job.log_folder, failed);
  if (failed) return refuse(kExitConfiguration, "cannot make " + job.log_folder + ": " + failed.message() + "; name another with --log-folder");

  const auto say = [&](const std::string& message) {
    // A build draws its progress on the line where the cursor is.
    const char* line_start = ::isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";
    if (!options.quiet) std::fprintf(stderr, "%sextfarm: %s\n", line_start, message.c_str());
  };
  clusters::SlurmKeeperSettings settings;
  settings.job = job;
  settings.user = user_name();
  settings.job.job_name = clusters::keeper_name(settings.user, job.rendezvous);
  settings.policy.most_workers = options.most_workers;
  settings.policy.slots_per_worker = job.slots;
  settings.policy.horizon = from_seconds(options.horizon_seconds);
  settings.policy.idle_patience = from_seconds(options.idle_seconds);
  settings.job.idle_exit = std::max<Duration>(settings.job.idle_exit, 2 * settings.policy.idle_patience);
  settings.policy.waiting_patience = std::min(settings.policy.waiting_patience, settings.policy.idle_patience);
  settings.look_every = from_seconds(options.look_seconds);

  const MonotonicClock clock;
  EndSignals signals;
  clusters::SlurmKeeper keeper(settings, *slurm, *board, say);
  keeper.turn(clock.now());  // finds those of an earlier call, and offers, before the build begins
  KeptFor build;
  const auto started = build.start(options);
  if (started) keep(keeper, **lock, build, signals, clock, std::min(kTurnEvery, settings.look_every));
  leave(keeper, **lock, build, signals, clock, say);
  lock->reset();
  board->close();
  if (!started) return refuse(started.error().code == ErrorCode::kNotFound ? 127 : 126, started.error().message);
  return build.exit_code();
}

}  // namespace extfarm
