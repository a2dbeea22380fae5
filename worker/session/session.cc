// Leases of all coordinators, and the slots they share.  Level-triggered: each
// heartbeat says everything, so that nothing hangs on one message.
#include "worker/session/session.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

namespace extfarm::session {
namespace {

using Phase = LeasePhase;

struct Attempt {
  Phase phase = Phase::kQueued;
  bool is_prepared = false;               // in kQueued
  std::uint32_t missing_hello_count = 0;  // successive hellos that did not list it
  Timestamp report_due;                   // once finished
};

struct Coordinator {
  bool has_said_hello = false;
  bool has_news = true;  // its next heartbeat follows soon
  std::uint32_t share_told = 0;
  Timestamp last_heard;
  Timestamp heartbeat_due;
  std::optional<Timestamp> heartbeat_sent;
  std::map<LeaseId, Attempt> attempts;
  std::deque<LeaseId> queue;  // those in kQueued, oldest first
  std::size_t running_count = 0;
};

}  // namespace

struct Session::State {
  explicit State(SessionPolicy p) : policy(std::move(p)), courtesy(policy.courtesy, policy.slots) {}

  void on(const HelloReceived&);
  void on(const StartRequested&);
  void on(const RevokeRequested&);
  void on(const AttemptFinished&);
  void on(const CoordinatorGone&);
  void on(const DrainRequested&);
  void on(const MachineSeen&);
  void on(const TimeAdvanced&) {}

  Coordinator& hear(CoordinatorId);
  void finish(CoordinatorId, Coordinator&, LeaseId);
  void give_back(CoordinatorId, Coordinator&, LeaseId);
  void give_back_excess();
  void forget(CoordinatorId, Coordinator&, LeaseId);
  void forget_coordinator(CoordinatorId);
  void bury(CoordinatorId, LeaseId);
  void settle();
  void forget_silent_coordinators();
  void start_queued();
  void prepare_queued();
  void leave_queue(Coordinator&, LeaseId, Attempt&);
  Coordinator* next_in_turn();
  void report_again();
  void send_heartbeats();
  std::uint32_t share_of(CoordinatorId) const;
  bool holds_nothing() const;

  SessionPolicy policy;
  Courtesy courtesy;
  Timestamp now;
  std::vector<Command> commands;
  std::map<CoordinatorId, Coordinator> coordinators;
  std::set<std::pair<CoordinatorId, LeaseId>> tombstones;
  std::deque<std::pair<CoordinatorId, LeaseId>> tombstones_by_age;
  CoordinatorId last_served;  // whose attempt started last
  std::size_t running_count = 0, prepared_count = 0;
  bool is_draining = false;
  bool has_ended = false;
};

Session::Session(SessionPolicy policy) : state_(std::make_unique<State>(std::move(policy))) {}
Session::~Session() = default;

std::vector<Command> Session::handle(Timestamp now, const Event& event) {
  state_->now = std::max(state_->now, now);
  std::visit([this](const auto& e) { state_->on(e); }, event);
  state_->settle();
  return std::exchange(state_->commands, {});
}

std::size_t Session::running_count() const { return state_->running_count; }
bool Session::has_coordinators() const { return !state_->coordinators.empty(); }

std::optional<Timestamp> Session::next_deadline() const {
  std::optional<Timestamp> next;
  const auto add = [&](Timestamp t) { next = next ? std::min(*next, t) : t; };
  for (const auto& [id, coordinator] : state_->coordinators) {
    add(coordinator.heartbeat_due);
    add(coordinator.last_heard + state_->policy.coordinator_silence);
    for (const auto& [lease, attempt] : coordinator.attempts) {
      if (attempt.phase == Phase::kFinished) add(attempt.report_due);
    }
  }
  return next;
}

Coordinator& Session::State::hear(CoordinatorId id) {
  Coordinator& coordinator = coordinators[id];
  coordinator.last_heard = now;
  return coordinator;
}

// A lease that one hello does not list may be a start that crossed it on the
// way; a lease that two do not list is not wanted.
void Session::State::on(const HelloReceived& e) {
  Coordinator& coordinator = hear(e.coordinator);
  if (!coordinator.has_said_hello || e.is_first) coordinator.has_news = true;
  coordinator.has_said_hello = true;
  if (e.is_first) return;
  const std::set<LeaseId> known(e.leases_known.begin(), e.leases_known.end());
  std::vector<LeaseId> unwanted;
  for (auto& [lease, attempt] : coordinator.attempts) {
    attempt.missing_hello_count = known.contains(lease) ? 0 : attempt.missing_hello_count + 1;
    if (attempt.missing_hello_count >= 2) unwanted.push_back(lease);
  }
  for (const LeaseId lease : unwanted) forget(e.coordinator, coordinator, lease);
}

void Session::State::on(const StartRequested& e) {
  if (is_draining || tombstones.contains({e.coordinator, e.lease})) {
    const auto it = coordinators.find(e.coordinator);
    if (it != coordinators.end() && it->second.attempts.contains(e.lease)) return;
    commands.push_back(ForgetAttempt{e.coordinator, e.lease});  // whatever came with the request
    return;
  }
  Coordinator& coordinator = hear(e.coordinator);
  if (!coordinator.attempts.try_emplace(e.lease).second) return;
  coordinator.queue.push_back(e.lease);
  coordinator.has_news = true;
  if (courtesy.offer().slots == 0) give_back(e.coordinator, coordinator, e.lease);
}

void Session::State::on(const RevokeRequested& e) {
  bury(e.coordinator, e.lease);
  const auto it = coordinators.find(e.coordinator);
  if (it == coordinators.end()) return;
  it->second.last_heard = now;
  forget(e.coordinator, it->second, e.lease);
}

void Session::State::on(const AttemptFinished& e) {
  const auto it = coordinators.find(e.coordinator);
  if (it == coordinators.end()) return;
  const auto attempt = it->second.attempts.find(e.lease);
  if (attempt == it->second.attempts.end() || attempt->second.phase == Phase::kFinished) return;
  finish(e.coordinator, it->second, e.lease);
}

void Session::State::on(const CoordinatorGone& e) { forget_coordinator(e.coordinator); }

// What has not started by now never will: the coordinators see it missing.
void Session::State::on(const DrainRequested&) {
  is_draining = true;
  for (auto& [id, coordinator] : coordinators) {
    const auto queue = coordinator.queue;
    for (const LeaseId lease : queue) forget(id, coordinator, lease);
    coordinator.has_news = true;
  }
}

// More than is offered never runs.  What waits would wait for who knows how
// long: its coordinator may have another place for it.
void Session::State::on(const MachineSeen& e) {
  const std::uint32_t slots_before = courtesy.offer().slots;
  if (!courtesy.look(now, e)) return;
  commands.push_back(AnnounceOffer{courtesy.offer()});
  if (courtesy.offer().slots < slots_before) give_back_excess();
  for (auto& [id, coordinator] : coordinators) coordinator.has_news = true;
}

void Session::State::give_back_excess() {
  for (auto& [id, coordinator] : coordinators) {
    const auto queue = coordinator.queue;
    for (const LeaseId lease : queue) give_back(id, coordinator, lease);
  }
  while (running_count > courtesy.offer().slots) {
    // Of whom has the most, the one that was sent last: it loses the least.
    const auto most = std::max_element(coordinators.begin(), coordinators.end(), [](const auto& a, const auto& b) {
      return a.second.running_count < b.second.running_count;
    });
    auto& attempts = most->second.attempts;
    const auto last = std::find_if(attempts.rbegin(), attempts.rend(),
                                   [](const auto& entry) { return entry.second.phase == Phase::kRunning; });
    give_back(most->first, most->second, last->first);
  }
}

void Session::State::give_back(CoordinatorId id, Coordinator& coordinator, LeaseId lease) {
  commands.push_back(GiveBackAttempt{id, lease});
  finish(id, coordinator, lease);
}

// Its slot is free; its report awaits the receipt.
void Session::State::finish(CoordinatorId id, Coordinator& coordinator, LeaseId lease) {
  Attempt& attempt = coordinator.attempts.at(lease);
  if (attempt.phase == Phase::kRunning) {
    --running_count;
    --coordinator.running_count;
  } else {
    leave_queue(coordinator, lease, attempt);
  }
  attempt.phase = Phase::kFinished;
  attempt.report_due = now + policy.report_again_after;
  coordinator.has_news = true;
  commands.push_back(SendReport{id, lease});
}

void Session::State::forget(CoordinatorId id, Coordinator& coordinator, LeaseId lease) {
  const auto it = coordinator.attempts.find(lease);
  if (it == coordinator.attempts.end()) return;
  if (it->second.phase == Phase::kRunning) {
    --running_count;
    --coordinator.running_count;
  }
  if (it->second.phase == Phase::kQueued) leave_queue(coordinator, lease, it->second);
  coordinator.attempts.erase(it);
  coordinator.has_news = true;
  bury(id, lease);
  commands.push_back(ForgetAttempt{id, lease});
}

void Session::State::forget_coordinator(CoordinatorId id) {
  const auto it = coordinators.find(id);
  if (it == coordinators.end()) return;
  while (!it->second.attempts.empty()) forget(id, it->second, it->second.attempts.begin()->first);
  coordinators.erase(it);
}

// A start that comes after this is too late.
void Session::State::bury(CoordinatorId id, LeaseId lease) {
  if (!tombstones.emplace(id, lease).second) return;
  tombstones_by_age.emplace_back(id, lease);
  if (tombstones_by_age.size() <= policy.remembered_revocations) return;
  tombstones.erase(tombstones_by_age.front());
  tombstones_by_age.pop_front();
}

void Session::State::settle() {
  forget_silent_coordinators();
  start_queued();
  prepare_queued();
  report_again();
  send_heartbeats();
  if (is_draining && !has_ended && holds_nothing()) {
    has_ended = true;
    commands.push_back(EndSession{});
  }
}

void Session::State::forget_silent_coordinators() {
  std::vector<CoordinatorId> silent;
  for (const auto& [id, coordinator] : coordinators) {
    if (now - coordinator.last_heard >= policy.coordinator_silence) silent.push_back(id);
  }
  for (const CoordinatorId id : silent) {
    forget_coordinator(id);
    commands.push_back(ForgetCoordinator{id});
  }
}

void Session::State::start_queued() {
  while (running_count < courtesy.offer().slots) {
    Coordinator* coordinator = next_in_turn();
    if (coordinator == nullptr) return;
    const LeaseId lease = coordinator->queue.front();
    Attempt& attempt = coordinator->attempts.at(lease);
    leave_queue(*coordinator, lease, attempt);
    attempt.phase = Phase::kRunning;
    coordinator->has_news = true;
    ++coordinator->running_count;
    ++running_count;
    commands.push_back(StartAttempt{last_served, lease});
  }
}

void Session::State::prepare_queued() {
  for (auto& [id, coordinator] : coordinators) {
    for (const LeaseId lease : coordinator.queue) {
      if (prepared_count >= std::min<std::size_t>(policy.most_prepared, courtesy.offer().slots)) return;
      if (std::exchange(coordinator.attempts.at(lease).is_prepared, true)) continue;
      ++prepared_count;
      commands.push_back(PrepareAttempt{id, lease});
    }
  }
}

void Session::State::leave_queue(Coordinator& coordinator, LeaseId lease, Attempt& attempt) {
  std::erase(coordinator.queue, lease);
  prepared_count -= std::exchange(attempt.is_prepared, false);
}

// Of those that have something queued, the one with the fewest slots; among
// equals the first after `last_served`.
Coordinator* Session::State::next_in_turn() {
  auto it = coordinators.upper_bound(last_served);
  auto chosen = coordinators.end();
  for (std::size_t i = 0; i < coordinators.size(); ++i, ++it) {
    if (it == coordinators.end()) it = coordinators.begin();
    if (it->second.queue.empty()) continue;
    if (chosen == coordinators.end() || it->second.running_count < chosen->second.running_count) chosen = it;
  }
  if (chosen == coordinators.end()) return nullptr;
  last_served = chosen->first;
  return &chosen->second;
}

void Session::State::report_again() {
  for (auto& [id, coordinator] : coordinators) {
    for (auto& [lease, attempt] : coordinator.attempts) {
      if (attempt.phase != Phase::kFinished || now < attempt.report_due) continue;
      attempt.report_due = now + policy.report_again_after;
      commands.push_back(SendReport{id, lease});
    }
  }
}

void Session::State::send_heartbeats() {
  for (auto& [id, coordinator] : coordinators) {
    const std::uint32_t share = share_of(id);
    if (coordinator.has_news || share != coordinator.share_told) {
      const Timestamp soon = coordinator.heartbeat_sent ? *coordinator.heartbeat_sent + policy.heartbeats_apart : now;
      coordinator.heartbeat_due = std::min(coordinator.heartbeat_due, soon);
    }
    if (now < coordinator.heartbeat_due) continue;
    coordinator.has_news = false;
    coordinator.heartbeat_sent = now;
    coordinator.share_told = share;
    coordinator.heartbeat_due = now + policy.heartbeat_every;
    SendHeartbeat heartbeat{id, share, is_draining, coordinator.has_said_hello, {}};
    for (const auto& [lease, attempt] : coordinator.attempts) {
      heartbeat.leases.push_back({lease, attempt.phase});
    }
    commands.push_back(std::move(heartbeat));
  }
}

// What is offered is split among those that hold leases, and `id`, which may
// want to; what does not divide goes to the first of them.
std::uint32_t Session::State::share_of(CoordinatorId id) const {
  const std::uint32_t slots = courtesy.offer().slots;
  if (slots == 0) return 0;
  std::uint32_t sharer_count = 0, position = 0;
  for (const auto& [other, coordinator] : coordinators) {
    if (other != id && coordinator.attempts.empty()) continue;
    if (other < id) ++position;
    ++sharer_count;
  }
  const std::uint32_t share = slots / sharer_count + (position < slots % sharer_count ? 1 : 0);
  return std::max<std::uint32_t>(1, share);
}

bool Session::State::holds_nothing() const {
  return std::all_of(coordinators.begin(), coordinators.end(),
                     [](const auto& entry) { return entry.second.attempts.empty(); });
}

}  // namespace extfarm::session
