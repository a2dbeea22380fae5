#include "worker/execution/executor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "common/base/check.h"
#include "common/compiler/toolchain_probe.h"
#include "common/process/descriptor_limit.h"
#include "common/process/process_runner.h"
#include "common/system/filesystem.h"
#include "worker/execution/acceptance.h"
#include "worker/execution/attempt.h"
#include "worker/execution/command_preparation.h"
#include "worker/execution/direct_mode.h"
#include "worker/execution/fork_server.h"
#include "worker/execution/input_arrival.h"
#include "worker/execution/missing_confinement.h"
#include "worker/execution/output_collection.h"
#include "worker/execution/priority.h"
#include "worker/execution/private_view.h"
#include "worker/execution/scratch_folder.h"
#include "worker/execution/trust.h"
#include "worker/execution/verdict_on_exit.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPinnedPollEvery = std::chrono::milliseconds(20);
// For killed processes to be gone at the end; one may hang in a dead mount.
constexpr Duration kLastMoment = std::chrono::seconds(2);
// While a command is started: both ends of six pipes, and its pidfd.
constexpr std::size_t kDescriptorsOfAStart = 13;
// For whom this process talks to, and what it reads.
constexpr std::size_t kReservedDescriptors = 48;

}  // namespace

struct Executor::Impl {
  using State = Attempt::State;

  Impl(ExecutorSettings s, const Clock& c)
      : settings(std::move(s)), scratch(settings.scratch), clock(c), digests(filesystem), probe(runner, digests), acceptance(settings, probe, filesystem) {}

  Result<void> begin_views();
  void begin(const AttemptKey&, const Action&, bool has_slot);
  void give_slot(const AttemptKey&, Attempt&);
  bool inputs_are_here(const AttemptKey&, Attempt&);
  void ask_for_input(const AttemptKey&, const std::string& path, Attempt::Arriving&);
  bool has_room(const Attempt&) const;
  void launch(const AttemptKey&, Attempt&);
  void wait_in_view(const AttemptKey&, Attempt&);
  void let_begin(const AttemptKey&, Attempt&);
  void run(const AttemptKey&, Attempt&, const std::vector<std::string>& argv, int gate = -1);
  void stop(Attempt&);
  void let_give_way();
  void end_process(const AttemptKey&, Attempt&, ProcessExit);
  void conclude(const AttemptKey&, Attempt&);
  void finish(const AttemptKey&, Attempt&, Outcome);
  void fail(const AttemptKey&, Attempt&, OutcomeClass, const std::string& reason);

  ExecutorSettings settings;
  std::unique_ptr<ForkServer> fork_server;  // private mode only; started while this process is small
  ScratchFolder scratch;
  const Clock& clock;
  PosixFilesystem filesystem;
  MountTable mounts;
  DigestCache digests;
  HiddenReads hidden_reads{filesystem};
  ProcessRunner runner;
  ToolchainProbe probe;
  Acceptance acceptance;
  ViewMode mode = ViewMode::kPrivate;
  std::string mode_reason;
  std::map<AttemptKey, Attempt> attempts;
  std::map<ProcessId, AttemptKey> processes;
  std::map<ProcessId, std::string> dying;  // killed attempts' folders: what they wrote last goes with them
  std::vector<AttemptEvent> events;
  std::vector<char> read_back;  // what read_output() read last; kept, for fresh memory costs more than the reading
  std::uint64_t next_folder = 1;
  RecentKernelKills kernel_kills_before;
};

Executor::Executor(ExecutorSettings settings, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(settings), clock)) {
  auto& i = *impl_;
  if (i.settings.force_direct) {
    i.mode = ViewMode::kDirect;
    i.mode_reason = "asked for with --view direct";
  } else if (const auto possible = i.begin_views(); !possible) {
    i.mode = ViewMode::kDirect;
    i.mode_reason = possible.error().message;
  }
}

Result<void> Executor::Impl::begin_views() {
  auto server = ForkServer::start(settings.limits, settings.hidden_files);
  if (!server) return tl::unexpected(server.error());
  fork_server = std::move(*server);
  return fork_server->probe(runner, scratch.path());
}

Executor::~Executor() {
  while (!impl_->attempts.empty()) forget(impl_->attempts.begin()->first);
  const Timestamp give_up_at = impl_->clock.now() + kLastMoment;
  while (!impl_->dying.empty() && impl_->clock.now() < give_up_at) {
    pollfd ready{fd(), POLLIN, 0};
    ::poll(&ready, 1, 10);
    take_events();
  }
}

void Executor::prepare(const AttemptKey& key, const Action& action) {
  forget(key);
  impl_->begin(key, action, false);
}

void Executor::start(const AttemptKey& key, const Action& action) {
  const auto prepared = impl_->attempts.find(key);
  if (prepared != impl_->attempts.end() && !prepared->second.has_slot) return impl_->give_slot(key, prepared->second);
  forget(key);
  impl_->begin(key, action, true);
}

void Executor::Impl::give_slot(const AttemptKey& key, Attempt& attempt) {
  attempt.has_slot = true;
  if (attempt.state == State::kWaitingForRoom) return launch(key, attempt);
  if (attempt.state != State::kPrepared) return;  // it waits for inputs, or has failed already
  if (auto refused = acceptance.refusal_of_toolchain(attempt.action)) {
    stop(attempt);
    return finish(key, attempt, std::move(*refused));
  }
  let_begin(key, attempt);
}

void Executor::Impl::fail(const AttemptKey& key, Attempt& attempt, OutcomeClass outcome_class,
                          const std::string& reason) {
  Outcome outcome;
  outcome.outcome_class = outcome_class;
  outcome.reason = reason;
  finish(key, attempt, std::move(outcome));
}

void Executor::Impl::finish(const AttemptKey& key, Attempt& attempt, Outcome outcome) {
  attempt.state = State::kFinished;
  events.push_back({AttemptEvent::Kind::kFinished, key, "", 0, std::move(outcome)});
}

void Executor::Impl::begin(const AttemptKey& key, const Action& action, bool has_slot) {
  Attempt& attempt = attempts[key];
  attempt.action = action;
  attempt.started = clock.now();
  attempt.has_slot = has_slot;
  if (auto refused = acceptance.refusal(attempt)) return finish(key, attempt, std::move(*refused));
  attempt.folder = scratch.path() + "/a" + std::to_string(next_folder++);
  attempt.temporary = attempt.folder + "/tmp";
  std::error_code failed;
  if (!fs::create_directories(attempt.temporary, failed)) {
    return fail(key, attempt, OutcomeClass::kInfrastructure,
                "cannot make " + attempt.temporary + ": " + failed.message());
  }
  if (mode == ViewMode::kPrivate) {
    std::vector<std::string> written = {attempt.action.cwd};
    for (const auto& output : attempt.action.outputs)
      written.push_back(fs::path(output).parent_path().string());
    auto view = PrivateView::prepare(attempt.action.view_roots, attempt.folder, written, mounts);
    if (!view) {
      const bool refused = view.error().code == ErrorCode::kRefused;
      return fail(key, attempt, refused ? OutcomeClass::kRefused : OutcomeClass::kInfrastructure,
                  view.error().message);
    }
    attempt.view = std::move(*view);
  }
  if (inputs_are_here(key, attempt)) launch(key, attempt);
}

// Every pinned input shows the pinned bytes here, or came in a message.
bool Executor::Impl::inputs_are_here(const AttemptKey& key, Attempt& attempt) {
  bool complete = true;
  const bool is_late = clock.now() - attempt.started >= settings.pinned_wait;
  for (const auto& pinned : attempt.action.pinned) {
    if (attempt.supplied.contains(pinned.path)) continue;
    if (digests.digest(pinned.path) == pinned.digest) continue;
    complete = false;
    if (!is_late) continue;
    const auto [arriving, is_new] = attempt.arriving.try_emplace(pinned.path);
    if (is_new || clock.now() - arriving->second.asked >= settings.pinned_wait)
      ask_for_input(key, pinned.path, arriving->second);
  }
  return complete;
}

void Executor::supply_input(const AttemptKey& key, const InputPart& part) {
  const auto it = impl_->attempts.find(key);
  if (it == impl_->attempts.end() || it->second.state != Impl::State::kWaitingForInputs) return;
  auto& attempt = it->second;
  const auto arriving = attempt.arriving.find(part.path);
  if (arriving == attempt.arriving.end() || arriving->second.size_bytes != part.offset_bytes) return;  // asked for twice
  if (const auto taken = take_part(attempt, part, impl_->digests); !taken) {
    const bool differs = taken.error().code == ErrorCode::kRefused;
    return impl_->fail(key, attempt, differs ? OutcomeClass::kInputsDiffer : OutcomeClass::kInfrastructure, taken.error().message);
  }
  if (!attempt.supplied.contains(part.path)) return impl_->ask_for_input(key, part.path, arriving->second);
  if (impl_->inputs_are_here(key, attempt)) impl_->launch(key, attempt);
}

void Executor::Impl::ask_for_input(const AttemptKey& key, const std::string& path, Attempt::Arriving& arriving) {
  arriving.asked = clock.now();
  events.push_back({AttemptEvent::Kind::kNeedsInput, key, path, arriving.size_bytes, {}});
}

// Killed commands keep their descriptors until they are gone.  What is only being
// prepared leaves room for one that has a slot.
bool Executor::Impl::has_room(const Attempt& attempt) const {
  if (attempt.has_slot && runner.running_count() == 0) return true;
  const std::size_t needed = kDescriptorsOfAStart * (attempt.has_slot ? 1 : 2);
  return runner.descriptor_count() + needed + kReservedDescriptors <= descriptor_limit();
}

void Executor::Impl::launch(const AttemptKey& key, Attempt& attempt) {
  attempt.state = State::kWaitingForRoom;
  if (!has_room(attempt)) return;
  attempt.command = prepare_command(attempt.action, attempt.program, attempt.temporary);
  if (mode == ViewMode::kDirect) {
    auto redirected = redirect_outputs(attempt.action, attempt.program, attempt.folder, attempt.command.argv);
    if (!redirected)
      return fail(key, attempt, OutcomeClass::kRefused, redirected.error().message + " (" + mode_reason + ")");
    attempt.redirected = std::move(*redirected);
  }
  if (attempt.has_slot) return let_begin(key, attempt);
  attempt.state = State::kPrepared;
  if (attempt.view) wait_in_view(key, attempt);
}

void Executor::Impl::wait_in_view(const AttemptKey& key, Attempt& attempt) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail(key, attempt, OutcomeClass::kInfrastructure, std::string("no pipe: ") + std::strerror(errno));
  const Descriptor gate(ends[0]);
  attempt.gate.emplace(ends[1]);
  run(key, attempt, attempt.command.argv, gate.get());
}

void Executor::Impl::let_begin(const AttemptKey& key, Attempt& attempt) {
  look_at_inputs(attempt, digests);
  attempt.kernel_kills = kernel_kills_before.count(filesystem, clock.now());
  attempt.state = State::kRunning;
  if (!attempt.gate) return run(key, attempt, attempt.command.argv);
  attempt.let_begin = clock.now();
  if (settings.time_limit) attempt.stopped_at = *attempt.let_begin + *settings.time_limit;
  write_all(attempt.gate->get(), "!");  // one that is dead already says so itself
  attempt.gate.reset();
}

void Executor::Impl::run(const AttemptKey& key, Attempt& attempt, const std::vector<std::string>& argv, int gate) {
  ProcessRequest request;
  request.program = attempt.action.program;
  request.argv = argv;
  request.environment = attempt.command.environment;
  request.cwd = attempt.action.cwd;
  request.dies_with_parent = true;
  request.waits_for_launch = false;  // its view may lie on a mount that hangs
  request.stdin_bytes = attempt.action.stdin_bytes;
  const auto& view = attempt.listing_view ? attempt.listing_view : attempt.view;
  Spawn spawn;
  if (view) {
    spawn = [&](const ProcessRequest& asked, const ChildEnds& ends) {
      return fork_server->spawn(asked, view->plan(), ends, gate);
    };
  } else {
    request.before_exec = [&] { return confine_directly(settings.limits, attempt.folder); };
  }
  const auto started = runner.start(request, spawn);
  if (!started) return fail(key, attempt, OutcomeClass::kInfrastructure, started.error().message);
  if (settings.time_limit && gate < 0) attempt.stopped_at = clock.now() + *settings.time_limit;
  attempt.process = *started;
  attempt.gives_way = false;
  processes[*started] = key;
}

// Not before its command runs: to set up a view is soon over, and keeps the next one waiting.
void Executor::Impl::let_give_way() {
  for (auto& [key, attempt] : attempts) {
    if (attempt.gives_way || !attempt.process || !runner.has_launched(*attempt.process)) continue;
    if (const auto pid = runner.pid(*attempt.process)) make_idle(*pid);
    attempt.gives_way = true;
  }
}

void Executor::Impl::end_process(const AttemptKey& key, Attempt& attempt, ProcessExit exit) {
  attempt.process.reset();
  if (!exit.launch_error.empty()) return fail(key, attempt, OutcomeClass::kInfrastructure, exit.launch_error);
  if (exit.signal != 0 && attempt.stopped_at && clock.now() >= *attempt.stopped_at)
    return fail(key, attempt, OutcomeClass::kInfrastructure, "it took longer than this worker's --time-limit allows");
  if (attempt.state == State::kListing) {
    if (exit.exit_code == 0 && exit.signal == 0) attempt.listing = std::move(exit.stdout_bytes);
    return conclude(key, attempt);
  }
  attempt.exit = std::move(exit);
  if (attempt.let_begin) attempt.exit.run_time = clock.now() - *attempt.let_begin;  // not since its process is there
  if (is_hindered(attempt.exit, mode == ViewMode::kDirect))
    return fail(key, attempt, OutcomeClass::kRefused, "the command wanted what this worker's confinement does not allow");
  const bool ended_well = attempt.exit.signal == 0 && attempt.exit.exit_code == 0;
  const bool memory_ran_out = !ended_well && kernel_kills(filesystem) > attempt.kernel_kills;
  const auto verdict = verdict_on(attempt.exit, memory_ran_out);
  if (!verdict.reason.empty()) return fail(key, attempt, verdict.outcome_class, verdict.reason);
  if (!ended_well && scratch.is_full()) return fail(key, attempt, OutcomeClass::kInfrastructure, kDiskIsFull);
  if (const auto collected = collect(attempt); !collected)
    return fail(key, attempt, OutcomeClass::kInfrastructure, collected.error().message);
  const auto& command = attempt.command;
  const bool is_listed =
      attempt.exit.exit_code == 0 && !command.listing_argv.empty() &&
      (command.listing_is_needed || !has_own_list(attempt.action, command, attempt.outputs, filesystem));
  if (!is_listed) return conclude(key, attempt);
  if (attempt.view) {
    auto view = view_for_listing(attempt, mounts);
    if (!view) return fail(key, attempt, OutcomeClass::kInfrastructure, view.error().message);
    attempt.listing_view = std::move(*view);
  }
  attempt.state = State::kListing;
  run(key, attempt, command.listing_argv);
}

void Executor::Impl::conclude(const AttemptKey& key, Attempt& attempt) {
  if (const auto collected = collect_modules(attempt, filesystem); !collected)
    return fail(key, attempt, OutcomeClass::kInfrastructure, collected.error().message);
  finish(key, attempt, outcome_of(attempt, filesystem, digests, hidden_reads));
}

void Executor::Impl::stop(Attempt& attempt) {
  if (!attempt.process) return;
  runner.stop(*attempt.process, Duration{0});
  dying[*attempt.process] = attempt.folder;
  processes.erase(*attempt.process);
  attempt.process.reset();
}

void Executor::forget(const AttemptKey& key) {
  const auto it = impl_->attempts.find(key);
  if (it == impl_->attempts.end()) return;
  impl_->stop(it->second);
  const std::string folder = it->second.folder;
  impl_->attempts.erase(it);
  std::erase_if(impl_->events, [&](const AttemptEvent& event) { return event.key == key; });
  if (!folder.empty()) remove_tree(folder);
}

Result<std::string_view> Executor::read_output(const AttemptKey& key, std::uint32_t index,
                                               std::uint64_t offset_bytes, std::uint64_t length_bytes) {
  const auto it = impl_->attempts.find(key);
  if (it == impl_->attempts.end() || index >= it->second.outputs.size())
    return failure(ErrorCode::kNotFound, "there is no such output any more");
  auto& buffer = impl_->read_back;
  if (buffer.size() < length_bytes) buffer.resize(length_bytes);
  const std::span<char> part(buffer.data(), length_bytes);
  if (const auto read = read_part(it->second.outputs[index].stored_at, offset_bytes, part); !read)
    return tl::unexpected(read.error());
  return std::string_view(part.data(), part.size());
}

void Executor::recall_tools(std::string_view answers) { impl_->probe.restore(answers); }
Result<Toolchain> Executor::probe(const ToolchainSpec& spec) { return impl_->acceptance.ask(spec); }

int Executor::fd() const { return impl_->runner.fd(); }

std::optional<Timestamp> Executor::next_deadline() const {
  std::optional<Timestamp> next;
  const auto sooner = [&](Timestamp t) { next = next ? std::min(*next, t) : t; };
  const Timestamp now = impl_->clock.now();
  if (!impl_->events.empty()) sooner(now);
  if (const auto in = impl_->runner.next_deadline_in()) sooner(now + *in);
  for (const auto& [key, attempt] : impl_->attempts) {
    if (attempt.state == Impl::State::kWaitingForInputs) sooner(now + kPinnedPollEvery);
    if (attempt.process && attempt.stopped_at && *attempt.stopped_at > now) sooner(*attempt.stopped_at);
  }
  return next;
}

std::vector<AttemptEvent> Executor::take_events() {
  auto& i = *impl_;
  // First of all: whoever ends makes room.
  for (auto& exit : i.runner.take_exits()) {
    if (const auto dead = i.dying.extract(exit.id)) remove_tree(dead.mapped());
    const auto process = i.processes.find(exit.id);
    if (process == i.processes.end()) continue;
    const AttemptKey key = process->second;
    i.processes.erase(process);
    i.end_process(key, i.attempts.at(key), std::move(exit));
  }
  for (auto& [key, attempt] : i.attempts) {
    if (attempt.state == Impl::State::kWaitingForRoom ||
        (attempt.state == Impl::State::kWaitingForInputs && i.inputs_are_here(key, attempt)))
      i.launch(key, attempt);
    if (attempt.process && attempt.stopped_at && i.clock.now() >= *attempt.stopped_at)
      i.runner.stop(*attempt.process, Duration{0});
  }
  if (i.settings.idle_priority) i.let_give_way();
  return std::exchange(i.events, {});
}

const std::string& Executor::scratch_folder() const { return impl_->scratch.path(); }
ViewMode Executor::mode() const { return impl_->mode; }
const std::string& Executor::mode_reason() const { return impl_->mode_reason; }
std::string Executor::missing_confinement() const { return extfarm::missing_confinement(mode() == ViewMode::kPrivate); }

}  // namespace extfarm
