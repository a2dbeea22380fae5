#include "coordinator/shell/build_session.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>

#include "common/process/descriptor_limit.h"
#include "coordinator/shell/new_file.h"

namespace extfarm {
namespace {

// A link to this build's socket, so that `extfarm status` finds it.
void show_door(const std::string& link, const std::string& socket) {
  std::error_code ignored;
  std::filesystem::remove(link, ignored);  // of a build that was killed
  std::filesystem::create_symlink(socket, link, ignored);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto to_seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime);
}

// So that none is missing for front ends and files; see FrontDoor for its share.
std::size_t most_workers() { return std::max<std::size_t>(1, descriptor_limit() / 4); }

}  // namespace

int refuse(int code, const std::string& message) {
  std::fprintf(stderr, "extfarm: %s\n", message.c_str());
  return code;
}

BuildSession::BuildSession(BuildTree& tree, Terminal& terminal, reporting::BuildLog& log, const Clock& clock)
    : tree_(tree), terminal_(terminal), log_(log), clock_(clock), socket_(tree.runtime.door()) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
}

BuildSession::~BuildSession() {
  worker_.stop();
  std::error_code ignored;
  if (door_) std::filesystem::remove(tree_.state + "/door", ignored);
  ::close(epoll_);
}

tl::expected<std::unique_ptr<BuildSession>, SessionFailure> BuildSession::open(const RunOptions& options,
                                                                               BuildTree& tree, Terminal& terminal,
                                                                               reporting::BuildLog& log,
                                                                               const Clock& clock) {
  const auto fail = [](int code, const Error& error) {
    return tl::unexpected<SessionFailure>(SessionFailure{code, error.message});
  };
  raise_descriptor_limit();
  const auto own = load_or_make_key_pair(options.key_folder, "client");
  if (!own) return fail(kExitConfiguration, own.error());
  const auto worker_key = load_or_make_key_pair(options.key_folder, "worker");
  if (!worker_key) return fail(kExitConfiguration, worker_key.error());

  std::unique_ptr<BuildSession> session(new BuildSession(tree, terminal, log, clock));
  auto& s = *session;
  auto channel = make_connecting_channel(*own);
  if (!channel) return fail(kExitRetry, channel.error());
  s.channel_ = std::move(*channel);
  auto door = front_door::FrontDoor::open(s.socket_, tree.root);
  if (!door) return fail(kExitRetry, door.error());
  s.door_ = std::move(*door);
  show_door(tree.state + "/door", s.socket_);
  const std::string local_rendezvous = tree.runtime.path() + "/workers";
  std::random_device random;
  const auto epoch = static_cast<std::uint64_t>(random()) << 32 | random();
  s.directory_ = std::make_unique<WorkerDirectory>(
      DirectorySettings{local_rendezvous, options.rendezvous, options.workers, worker_key->public_key, user_name(),
                        host_name(), epoch, most_workers()},
      *s.channel_);
  if (options.workers.empty()) {
    s.demand_ = std::make_unique<clusters::DemandPost>(
        options.rendezvous, host_name() + "-" + std::to_string(::getpid()) + "-" + std::to_string(epoch % 100000),
        tree.filesystem);
  }
  if (options.local_slots > 0) {
    if (const auto started = s.worker_.start(options.local_slots, local_rendezvous, options.key_folder, tree.tools);
        !started)
      terminal.warn(started.error().message);
  }
  s.open_store(options);
  s.farm_ = std::make_unique<Farm>(
      FarmParts{*s.door_, *s.channel_, *s.directory_, tree.probe, tree.filesystem, tree.digests, *tree.records,
                *tree.memory, *s.earlier_, clock, log},
      tree.root, options.force, [&terminal](const std::string& message) { terminal.warn(message); },
      [&s](const reporting::LoggedAttempt& attempt) { s.terminal_.published(attempt, s.farm_->counts()); });
  s.farm_->repeat_results(options.verified_per_thousand, epoch);
  s.farm_->declare_tools(options.farm_tools);
  s.farm_->allow_local_steps(local_steps(options));
  if (s.worker_.id()) s.farm_->expect_own_worker();
  for (int fd : {s.signals_.fd(), s.runner_.fd(), s.door_->fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(s.epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  return session;
}

void BuildSession::open_store(const RunOptions& options) {
  std::unique_ptr<store::Store> reader;
  std::unique_ptr<store::StoreWriter> writer;
  if (options.use_store) {
    const auto folder = options.store_folder.empty() ? tree_.state + "/store" : options.store_folder;
    auto for_reading = store::Store::open(folder, options.store_limit_bytes);
    auto for_writing = store::Store::open(folder, options.store_limit_bytes);
    if (for_reading && for_writing) {
      reader = std::move(*for_reading);
      writer = std::make_unique<store::StoreWriter>(std::move(*for_writing));
    } else {
      const auto& problem = for_reading ? for_writing.error() : for_reading.error();
      terminal_.warn(problem.message + "; building without the store of earlier results");
    }
  }
  earlier_ = std::make_unique<EarlierResults>(std::move(reader), std::move(writer), *tree_.memory);
}

void BuildSession::turn(const std::function<void(const ProcessExit&)>& on_exit,
                        const std::function<void(int)>& on_signal) {
  Duration wait = farm_->time_to_wait();
  if (const auto deadline = runner_.next_deadline_in()) wait = std::min(wait, *deadline);
  channel_->wait(epoll_, std::max(wait, Duration{0}));
  // Exits first: a signal that the terminal sent to the command and to this process has come here before the command's end.
  const auto exits = runner_.take_exits();
  while (const auto signal = signals_.take()) {
    if (*signal == SIGTSTP) {  // the terminal is the shell's for a while
      terminal_.clear();
      ::raise(SIGSTOP);
      continue;
    }
    is_interrupted_ = true;
    on_signal(*signal);
    farm_->cancel_all();
  }
  tree_.lock->touch();
  farm_->turn();
  say_demand();
  for (const auto& exit : exits) {
    if (!worker_.id() || exit.id != *worker_.id()) {
      on_exit(exit);
    } else {
      farm_->own_worker_ended();
      terminal_.warn("the local worker ended (exit code " + std::to_string(exit.exit_code) + "): " + exit.stderr_bytes);
    }
  }
  terminal_.progress(clock_.now(), [this] { return farm_->live(); });
}

// To whoever keeps workers for those who need them.
void BuildSession::say_demand() {
  if (!demand_) return;
  const bool is_due = demand_->is_due(clock_.now());
  farm_->expect_slots(demand_->offered_slots());
  if (!is_due) return;
  const auto demand = farm_->demand();
  clusters::DemandNote note;
  note.queued_seconds = demand.queued_seconds;
  note.submitted_seconds = demand.submitted_seconds;
  note.width = demand.width;
  for (const auto& supply : demand.workers) {
    if (const auto* worker = directory_->find(supply.worker))
      note.workers.push_back({worker->name, supply.slots, supply.leases});
  }
  demand_->put(std::move(note));
}

void BuildSession::await(int fd) {
  if (fd == awaited_) return;
  if (awaited_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, awaited_, nullptr);
  epoll_event event{};
  event.events = EPOLLIN;
  if (fd >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  awaited_ = fd;
}

void BuildSession::end() {
  while (!is_interrupted_ && farm_->has_repeats()) turn([](const ProcessExit&) {}, [](int) {});
  terminal_.clear();
  farm_->cancel_all();
  farm_->finish_log();
  if (log_.exit_code == 0 && log_.wrong_results > 0) log_.exit_code = kExitRetry, log_.status = "failed";
  worker_.ask_to_end();
  farm_.reset();  // the reports need the memory
  demand_.reset();
  if (is_interrupted_) return;  // who wants the build to end does not wait for the store
  for (const auto& problem : earlier_->finish()) terminal_.warn(problem);
}

void write_reports(reporting::BuildLog& log, BuildTree& tree, Terminal& terminal) {
  log.coordinator_cpu_seconds = cpu_seconds();
  reporting::place_in_slots(log);
  const auto write = [&](const char* name, const auto& put) {
    const auto written = write_new_file(tree.state + name, [&](std::ostream& out) {
      put(out);
      return Result<void>{};
    });
    if (!written) terminal.warn(written.error().message);
  };
  write("/last-build.json", [&](std::ostream& out) { out << reporting::last_build_json(log); });
  write("/ran-locally.json", [&](std::ostream& out) { out << reporting::ran_locally_json(log); });
  std::error_code unknown;
  if (!log.attempts.empty() || !std::filesystem::exists(tree.state + "/report.html", unknown)) {
    write("/trace.json", [&](std::ostream& out) { reporting::write_trace(log, out); });
    write("/report.html", [&](std::ostream& out) { reporting::write_report(log, out); });
  }
  terminal.say(reporting::summary_text(log, ".extfarm/report.html"));
}

}  // namespace extfarm
