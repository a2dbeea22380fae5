#include "worker/shell/worker_loop.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/protocol/codec.h"
#include "common/system/filesystem.h"

namespace extfarm {
namespace {

constexpr Duration kLongestWait = std::chrono::milliseconds(500);
constexpr Duration kLookAroundEvery = std::chrono::milliseconds(500);  // a quarter of what a person may wait
constexpr Duration kLongStart = std::chrono::milliseconds(100);           // of a command; usually it takes two
constexpr Duration kRefusalsCountedOver = std::chrono::minutes(1);
constexpr std::size_t kRefusalsSaid = 30;  // each minute

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  FARM_CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

}  // namespace

sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return set;
}

WorkerLoop::WorkerLoop(const WorkerSettings& settings, const Beacon& beacon, BoundChannel& channel,
                       Executor& executor, const Clock& clock, Admission& admission, Presence& presence)
    : settings_(settings),
      beacon_(beacon),
      channel_(channel),
      executor_(executor),
      clock_(clock),
      admission_(admission),
      presence_(presence),
      session_([&] {
        session::SessionPolicy policy;
        policy.slots = settings.slots;
        policy.courtesy = settings.courtesy;
        return policy;
      }()),
      missing_confinement_(executor.missing_confinement()),
      last_busy_(clock.now()),
      refusals_since_(last_busy_) {
  const sigset_t set = block_signals();
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  watch(epoll_, signals_);
  watch(epoll_, executor_.fd());
}

WorkerLoop::~WorkerLoop() {
  ::close(epoll_);
  ::close(signals_);
}

int WorkerLoop::run() {
  look_around();  // before anything is promised to anybody
  announce_offer();
  while (!exit_code_) {
    channel_.wait(epoll_, time_to_wait(clock_.now()));
    look_around();
    read_signals();
    read_messages();
    read_attempts();
    tell(session::TimeAdvanced{});
    look_at_keys();
    say_who_was_refused();
    announce_offer();
    const Timestamp now = clock_.now();
    if (session_.has_coordinators()) last_busy_ = now;
    if (settings_.idle_exit && now - last_busy_ >= *settings_.idle_exit) {
      spdlog::info("worker.idle seconds={:.0f}", seconds(*settings_.idle_exit));
      exit_code_ = 0;
    }
  }
  channel_.flush();
  return *exit_code_;
}

// Whose key is no longer admitted is stopped at once.
void WorkerLoop::look_at_keys() {
  if (auto keys = admission_.changed(clock_.now())) {
    spdlog::info("keys.changed admitted={}", keys->size());
    channel_.admit_only(std::move(*keys));
    std::vector<CoordinatorId> revoked;
    for (const auto& [id, coordinator] : coordinators_) {
      if (!admission_.admits(coordinator.key)) revoked.push_back(id);
    }
    for (const auto id : revoked) end_coordinator(id);
  }
  if (const auto complaint = admission_.take_complaint()) spdlog::warn("keys.unreadable detail=\"{}\"", *complaint);
}

void WorkerLoop::look_around() {
  const auto& courtesy = settings_.courtesy;
  if (!courtesy.minds_people && !courtesy.minds_load && !courtesy.hours) return;
  const Timestamp now = clock_.now();
  if (looked_around_ && now - *looked_around_ < kLookAroundEvery) return;
  looked_around_ = now;
  tell(presence_.look(now));
}

// When all else is done: the shared filesystem may be slow.
void WorkerLoop::announce_offer() {
  if (!std::exchange(offer_has_changed_, false)) return;
  if (const auto written = write_beacon(settings_.rendezvous, beacon_); !written)
    spdlog::warn("beacon.unwritten detail=\"{}\"", written.error().message);
}

void WorkerLoop::give_back(const AttemptKey& key) {
  executor_.forget(key);
  Attempt& attempt = attempts_.at(key);
  attempt.outcome = {};
  attempt.outcome.outcome_class = OutcomeClass::kGivenBack;
  attempt.outcome.reason = beacon_.host + " gives slots back: " + beacon_.offer_reason;
  if (attempt.started) attempt.outcome.run_time = clock_.now() - *attempt.started;
}

// A flood shall not fill the disk with lines.
void WorkerLoop::say_who_was_refused() {
  const Timestamp now = clock_.now();
  if (now - refusals_since_ >= kRefusalsCountedOver) {
    if (refused_count_ > kRefusalsSaid) spdlog::warn("connection.refused more={}", refused_count_ - kRefusalsSaid);
    refusals_since_ = now;
    refused_count_ = 0;
  }
  for (const auto& news : channel_.take_news()) {
    if (news.kind == ConnectionNews::Kind::kConnected || news.kind == ConnectionNews::Kind::kDisconnected) continue;
    if (++refused_count_ <= kRefusalsSaid) spdlog::warn("connection.refused detail=\"{}\"", news.detail);
  }
}

Duration WorkerLoop::time_to_wait(Timestamp now) const {
  Duration wait = kLongestWait;
  std::optional<Timestamp> next_look;
  if (looked_around_) next_look = *looked_around_ + kLookAroundEvery;
  for (const auto deadline : {session_.next_deadline(), executor_.next_deadline(), next_look}) {
    if (deadline) wait = std::min(wait, *deadline - now);
  }
  return std::max(wait, Duration{0});
}

void WorkerLoop::read_signals() {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP && settings_.exit_with_parent) {
      exit_code_ = 0;
    } else if (draining_) {
      spdlog::warn("worker.killed running={}", session_.running_count());
      exit_code_ = 75;
    } else {
      draining_ = true;
      spdlog::info("worker.draining running={}", session_.running_count());
      tell(session::DrainRequested{});
    }
  }
}

void WorkerLoop::read_messages() {
  while (auto envelope = channel_.receive()) {
    auto message = protocol::decode_to_worker(envelope->bytes);
    const auto known = peers_.find(envelope->peer);
    if (!message) {
      spdlog::warn("message.malformed detail=\"{}\"", message.error().message);
      channel_.drop(envelope->peer);
      if (known != peers_.end()) end_coordinator(known->second);
    } else if (const auto* hello = std::get_if<protocol::Hello>(&*message)) {
      greet(*envelope, *hello);
    } else if (known != peers_.end() && coordinators_.at(known->second).key == envelope->key) {
      handle(known->second, *message);
    }
  }
}

void WorkerLoop::greet(const Envelope& envelope, const protocol::Hello& hello) {
  const PeerId& peer = envelope.peer;
  if (hello.version != protocol::kVersion) {
    spdlog::warn("coordinator.refused user={} host={} version={} ours={}", hello.user, hello.host,
                 hello.version, protocol::kVersion);
    return;
  }
  auto known = std::find_if(coordinators_.begin(), coordinators_.end(),
                            [&](const auto& entry) { return entry.second.epoch == hello.coordinator_epoch; });
  if (known == coordinators_.end()) {
    const CoordinatorId id{next_coordinator_++};
    known =
        coordinators_
            .emplace(id, Coordinator{peer, hello.coordinator_epoch, hello.user + "@" + hello.host, envelope.key})
            .first;
    spdlog::info("coordinator.joined id={} from={}", id.value, known->second.name);
  }
  if (known->second.key != envelope.key) {  // another user, who wants its results and to end its leases
    spdlog::warn("coordinator.refused user={} host={} reason=\"it names another's epoch\"", hello.user, hello.host);
    return;
  }
  peers_.erase(known->second.peer);
  known->second.peer = peer;  // another connection of the same coordinator
  peers_[peer] = known->first;
  tell(session::HelloReceived{known->first, hello.leases_known, !hello.has_heard});
}

void WorkerLoop::handle(CoordinatorId from, const protocol::ToWorker& message) {
  if (const auto* start = std::get_if<protocol::StartAction>(&message)) {
    attempts_.try_emplace({from, start->lease}, Attempt{start->action, {}, {}});
    tell(session::StartRequested{from, start->lease});
  } else if (const auto* revoke = std::get_if<protocol::RevokeLease>(&message)) {
    tell(session::RevokeRequested{from, revoke->lease});
  } else if (const auto* probe = std::get_if<protocol::ProbeToolchain>(&message)) {
    auto toolchain = executor_.probe(probe->spec);
    protocol::ToolchainProbed answer;
    answer.spec = probe->spec;
    answer.found = toolchain.has_value();
    if (toolchain) {
      answer.digest = toolchain->digest;
      answer.components = toolchain->components;
    } else {
      answer.reason = toolchain.error().message;
    }
    send(from, answer);
  } else if (const auto* fetch = std::get_if<protocol::FetchOutput>(&message)) {
    const auto bytes = executor_.read_output({from, fetch->lease}, fetch->output_index, fetch->offset_bytes,
                                             std::min(fetch->length_bytes, protocol::kChunkBytes));
    send(from, protocol::OutputChunk{fetch->lease, fetch->output_index, fetch->offset_bytes,
                                     bytes.has_value(), bytes.value_or("")});
  } else if (const auto* input = std::get_if<protocol::InputBytes>(&message)) {
    executor_.supply_input({from, input->lease},
                           {input->path, input->offset_bytes, input->size_bytes, input->found, input->bytes});
  } else if (std::holds_alternative<protocol::Goodbye>(message)) {
    end_coordinator(from);
  }
}

void WorkerLoop::end_coordinator(CoordinatorId id) {
  tell(session::CoordinatorGone{id});
  forget_coordinator(id);
}

void WorkerLoop::forget_coordinator(CoordinatorId id) {
  const auto it = coordinators_.find(id);
  if (it == coordinators_.end()) return;
  spdlog::info("coordinator.left id={} from={}", id.value, it->second.name);
  peers_.erase(it->second.peer);
  coordinators_.erase(id);
}

void WorkerLoop::read_attempts() {
  for (auto& event : executor_.take_events()) {
    const auto it = attempts_.find(event.key);
    if (it == attempts_.end()) continue;
    if (event.kind == AttemptEvent::Kind::kNeedsInput) {
      send(event.key.coordinator, protocol::NeedInput{event.key.lease, event.path, event.offset_bytes});
      continue;
    }
    spdlog::debug("attempt.finished lease={} outcome={} exit={} run_ms={:.0f} reason=\"{}\"",
                  event.key.lease.value, name_of(event.outcome.outcome_class), event.outcome.exit_code,
                  1000 * seconds(event.outcome.run_time), event.outcome.reason);
    it->second.outcome = std::move(event.outcome);
    tell(session::AttemptFinished{event.key.coordinator, event.key.lease});
  }
}

void WorkerLoop::tell(const session::Event& event) {
  for (const auto& command : session_.handle(clock_.now(), event)) carry_out(command);
}

void WorkerLoop::begin(const AttemptKey& key, void (Executor::*how)(const AttemptKey&, const Action&)) {
  const auto it = attempts_.find(key);
  FARM_CHECK(it != attempts_.end());
  const Timestamp before = clock_.now();
  (executor_.*how)(key, it->second.action);
  // On a crowded machine the kernel takes seconds for a view; what is to be said must not wait for several.
  if (clock_.now() - before > kLongStart) channel_.flush();
}

void WorkerLoop::carry_out(const session::Command& command) {
  if (const auto* prepare = std::get_if<session::PrepareAttempt>(&command)) {
    const AttemptKey key{prepare->coordinator, prepare->lease};
    begin(key, &Executor::prepare);
  } else if (const auto* start = std::get_if<session::StartAttempt>(&command)) {
    const AttemptKey key{start->coordinator, start->lease};
    attempts_.at(key).started = clock_.now();
    begin(key, &Executor::start);
  } else if (const auto* forget = std::get_if<session::ForgetAttempt>(&command)) {
    executor_.forget({forget->coordinator, forget->lease});
    attempts_.erase({forget->coordinator, forget->lease});
  } else if (const auto* back = std::get_if<session::GiveBackAttempt>(&command)) {
    give_back({back->coordinator, back->lease});
  } else if (const auto* changed = std::get_if<session::AnnounceOffer>(&command)) {
    spdlog::info("offer.changed slots={} of={} reason=\"{}\"", changed->offer.slots, settings_.slots, changed->offer.reason);
    beacon_.offered_slots = changed->offer.slots;
    beacon_.offer_reason = changed->offer.reason;
    offer_has_changed_ = true;
  } else if (const auto* report = std::get_if<session::SendReport>(&command)) {
    send_report(report->coordinator, report->lease);
  } else if (const auto* beat = std::get_if<session::SendHeartbeat>(&command)) {
    const auto it = coordinators_.find(beat->coordinator);
    if (it == coordinators_.end()) return;
    protocol::Heartbeat heartbeat;
    heartbeat.worker_epoch = beacon_.epoch;
    heartbeat.sequence = next_sequence_++;
    heartbeat.worker_name = beacon_.name;
    heartbeat.host = beacon_.host;
    heartbeat.slots = beat->slots;
    heartbeat.memory_bytes = settings_.memory_bytes / settings_.slots * beat->slots;
    heartbeat.draining = beat->draining;
    heartbeat.knows_coordinator = beat->knows_coordinator;
    for (const auto& held : beat->leases) heartbeat.leases.push_back({held.lease, held.phase});
    add_condition(heartbeat);
    send(beat->coordinator, heartbeat);
  } else if (const auto* silent = std::get_if<session::ForgetCoordinator>(&command)) {
    forget_coordinator(silent->coordinator);
  } else if (std::holds_alternative<session::EndSession>(command)) {
    exit_code_ = 0;
  }
}

// What its users ask a doctor for; the disk is not asked at each change.
void WorkerLoop::add_condition(protocol::Heartbeat& heartbeat) {
  if (const auto now = clock_.now(); !scratch_looked_at_ || now - *scratch_looked_at_ >= std::chrono::seconds(1)) {
    free_scratch_bytes_ = free_bytes(executor_.scratch_folder()).value_or(0);
    scratch_looked_at_ = now;
  }
  heartbeat.total_slots = settings_.slots;
  heartbeat.offered_slots = beacon_.offered_slots;
  heartbeat.offer_reason = beacon_.offer_reason;
  heartbeat.has_private_views = executor_.mode() == ViewMode::kPrivate;
  heartbeat.view_reason = executor_.mode_reason();
  heartbeat.missing_confinement = missing_confinement_;
  heartbeat.scratch_folder = executor_.scratch_folder();
  heartbeat.free_scratch_bytes = free_scratch_bytes_;
  heartbeat.realtime_ns = realtime_ns();
  heartbeat.measured_speed = settings_.measured_speed;
}

void WorkerLoop::send_report(CoordinatorId coordinator, LeaseId lease) {
  const auto it = attempts_.find({coordinator, lease});
  FARM_CHECK(it != attempts_.end());
  protocol::Report report{lease, it->second.outcome, {}};
  std::uint64_t total = 0;
  for (const auto& output : report.outcome.attestation.outputs) total += output.size_bytes;
  if (total <= protocol::kInlineOutputBytes) {
    const auto& outputs = report.outcome.attestation.outputs;
    for (std::uint32_t i = 0; i < outputs.size(); ++i) {
      std::string bytes;
      if (outputs[i].kind == OutputKind::kFile) {
        const auto read = executor_.read_output(it->first, i, 0, outputs[i].size_bytes);
        if (!read) {
          report.outcome.outcome_class = OutcomeClass::kInfrastructure;
          report.outcome.reason = read.error().message;
        } else {
          bytes = *read;
        }
      }
      report.inline_outputs.push_back(std::move(bytes));
    }
  }
  send(coordinator, report);
}

void WorkerLoop::send(CoordinatorId to, const protocol::ToCoordinator& message) {
  const auto it = coordinators_.find(to);
  if (it == coordinators_.end()) return;
  // Not delivered is no loss: heartbeats, reports and answers are asked for again.
  channel_.post(it->second.peer, [&](std::string& frame) { protocol::append(frame, message); });
}

}  // namespace extfarm
