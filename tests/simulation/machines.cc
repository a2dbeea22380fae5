// The workers' shells, the compilers, and what befalls machines and cables.
#include <algorithm>

#include "tests/simulation/world.h"

namespace extfarm::simulation {
namespace {

std::size_t running_count(const Life& life) {
  return static_cast<std::size_t>(std::count_if(life.attempts.begin(), life.attempts.end(),
                                                [](const auto& entry) { return entry.second.is_running; }));
}

}  // namespace

void World::plan_trouble() {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    Machine& machine = *machines_[i];
    say_hello(i);
    time_.after(dice_.happens(calm_ ? 0 : 0.2) ? dice_.between(0, 30) : Duration{0},
                [this, i] { start_life(i); });
    if (calm_) continue;
    for (std::uint64_t crash = dice_.below(3); crash > 0; --crash) {
      const Duration when = dice_.between(0, 45);
      time_.after(when, [this, i] {
        note("crash of machine " + std::to_string(i));
        machines_[i]->life.reset();
        machines_[i]->link.continue_worker();  // the next process is not stopped
      });
      time_.after(when + dice_.between(0.01, 14), [this, i] { start_life(i); });
    }
    for (std::uint64_t cut = dice_.below(3); cut > 0; --cut) {
      const Duration when = dice_.between(0, 40);
      const std::uint64_t direction = dice_.below(3);
      const auto set = [this, i, direction, &machine](bool is_cut) {
        note("machine " + std::to_string(i) +
             (is_cut ? " is cut off, direction " : " is joined, direction ") + std::to_string(direction));
        if (direction != 1) machine.link.cut_to_worker = is_cut;
        if (direction != 0) machine.link.cut_to_coordinator = is_cut;
      };
      time_.after(when, [set] { set(true); });
      time_.after(when + dice_.between(0.5, 20), [set] { set(false); });
    }
    if (dice_.happens(0.1)) {
      time_.after(dice_.between(0, 40), [this, i] {
        if (machines_[i]->life) tell(i, session::DrainRequested{});
      });
    }
    plan_stops(i);
    plan_people(i);
    if (machine.is_local) plan_limits(i);
    if (!machine.is_local) plan_distrust(i);
  }
  time_.at(trouble_ends_, [this] {
    quality_ = {};
    trouble_ = 0;
    for (auto& machine : machines_) {
      machine->link.cut_to_worker = machine->link.cut_to_coordinator = false;
      machine->hangs = 0;
    }
  });
}

// As by SIGSTOP and SIGCONT: its compilers go on.
void World::plan_stops(std::size_t i) {
  if (!dice_.happens(0.2)) return;
  const Duration when = dice_.between(0, 40);
  time_.after(when, [this, i] {
    note("machine " + std::to_string(i) + " is stopped");
    machines_[i]->link.stop_worker();
  });
  time_.after(when + dice_.between(0.1, 20), [this, i] {
    note("machine " + std::to_string(i) + " goes on");
    machines_[i]->link.continue_worker();
  });
}

// The make around the build has more or less to give.
void World::plan_limits(std::size_t i) {
  for (std::uint64_t change = dice_.below(6); change > 0; --change) {
    const auto limit = 1 + static_cast<std::uint32_t>(dice_.below(machines_[i]->slots));
    time_.after(dice_.between(0, 40), [this, i, limit] {
      if (machines_[i]->worker.value != 0) tell(scheduling::SlotsLimited{machines_[i]->worker, limit});
    });
  }
}

// Somebody sits down at it, and leaves; in the end all have left.
void World::plan_people(std::size_t i) {
  if (!visits_.happens(0.3)) return;
  const auto see = [this, i](bool is_used) {
    note("machine " + std::to_string(i) + (is_used ? " is used" : " is not used"));
    machines_[i]->is_used = is_used;
    machines_[i]->link.when_it_runs([this, i] { look_for_people(i); });
  };
  for (std::uint64_t visit = 1 + visits_.below(3); visit > 0; --visit) {
    const Duration when = visits_.between(0, 40);
    time_.after(when, [see] { see(true); });
    time_.after(when + visits_.between(0.5, 15), [see] { see(false); });
  }
}

void World::look_for_people(std::size_t i) {
  if (!machines_[i]->life) return;
  session::MachineSeen seen;
  if (machines_[i]->is_used) seen.people.push_back({"alice", "is at the console"});
  tell(i, seen);
}

// It is found to give wrong results: for good, as far as this life goes.
void World::plan_distrust(std::size_t i) {
  if (!dice_.happens(0.1)) return;
  time_.after(dice_.between(0, 40), [this, i] {
    Machine& machine = *machines_[i];
    if (machine.worker.value == 0) return;
    note("machine " + std::to_string(i) + " is distrusted");
    machine.distrusted = machine.worker;
    tell(scheduling::WorkerDistrusted{machine.worker});
  });
}

void World::start_life(std::size_t index) {
  Machine& machine = *machines_[index];
  if (machine.life) return;
  session::SessionPolicy policy;
  policy.slots = machine.slots;
  policy.courtesy.minds_people = true;
  policy.courtesy.slots_when_used = machine.slots_when_used;
  machine.life = std::make_shared<Life>(policy);
  machine.life->epoch = next_epoch_++;
  machine.life->offered_slots = machine.slots;
  note("machine " + std::to_string(index) + " starts, epoch " + std::to_string(machine.life->epoch));
  look_for_people(index);
}

void World::tell(std::size_t index, const session::Event& event) {
  const std::shared_ptr<Life> life = machines_[index]->life;
  for (const auto& command : life->session.handle(time_.now(), event)) carry_out(index, *life, command);
  require(running_count(*life) <= life->offered_slots, "more run than slots are offered");
  set_alarm(index);
}

void World::set_alarm(std::size_t index) {
  const std::shared_ptr<Life> life = machines_[index]->life;
  if (!life) return;
  const auto deadline = life->session.next_deadline();
  if (!deadline || (life->alarm && *life->alarm <= *deadline)) return;
  require(*deadline > time_.now(), "a session's deadline has passed and was not acted on");
  life->alarm = deadline;
  time_.at(*deadline, [this, index, mine = *deadline, weak = std::weak_ptr(life)] {
    machines_[index]->link.when_it_runs([this, index, mine, weak] {
      const auto still = weak.lock();
      if (!still || still != machines_[index]->life || still->alarm != mine) return;
      still->alarm.reset();
      tell(index, session::TimeAdvanced{});
    });
  });
}

void World::carry_out(std::size_t index, Life& life, const session::Command& command) {
  Machine& machine = *machines_[index];
  if (const auto* start = std::get_if<session::StartAttempt>(&command)) {
    run_attempt(index, start->lease);
  } else if (const auto* forget = std::get_if<session::ForgetAttempt>(&command)) {
    life.attempts.erase(forget->lease);
  } else if (const auto* back = std::get_if<session::GiveBackAttempt>(&command)) {
    const auto held = life.attempts.find(back->lease);
    require(held != life.attempts.end() && !held->second.is_finished, "given back: what is not there, or has ended");
    if (held == life.attempts.end()) return;
    held->second = {held->second.action, false, true, OutcomeClass::kGivenBack, Duration{0}};
  } else if (const auto* offer = std::get_if<session::AnnounceOffer>(&command)) {
    life.offered_slots = offer->offer.slots;
  } else if (const auto* report = std::get_if<session::SendReport>(&command)) {
    const auto held = life.attempts.find(report->lease);
    require(held != life.attempts.end() && held->second.is_finished, "a report of what has not finished");
    if (held == life.attempts.end()) return;
    machine.link.to_coordinator([this, &machine, lease = report->lease, outcome = held->second.outcome,
                                 took = held->second.took] {
      note("outcome of lease " + std::to_string(lease.value) + ": " + name_of(outcome));
      if (machine.worker.value == 0) return;
      if (machine.outstanding.erase(lease) > 0 && outcome == OutcomeClass::kGivenBack)
        machine.most_outstanding = machine.outstanding.size();
      tell(scheduling::OutcomeReceived{machine.worker, lease, outcome, took, "as the seed says", 0});
    });
  } else if (const auto* beat = std::get_if<session::SendHeartbeat>(&command)) {
    send_heartbeat(index, life, *beat);
  } else if (std::holds_alternative<session::EndSession>(command)) {
    require(life.attempts.empty(), "a session ended with leases");
    machine.life.reset();
  }
}

void World::run_attempt(std::size_t index, LeaseId lease) {
  const std::shared_ptr<Life> life = machines_[index]->life;
  const auto held = life->attempts.find(lease);
  require(held != life->attempts.end() && !held->second.is_running && !held->second.is_finished,
          "started: a lease that is not there, or twice");
  if (held == life->attempts.end()) return;
  held->second.is_running = true;
  SimulatedAction& action = actions_.at(held->second.action);
  ++action.start_count;
  held->second.outcome = draw_outcome(*machines_[index], *life, action);
  double run_seconds = action.run_seconds * (0.8 + 0.4 * dice_.unit()) / machines_[index]->speed;
  if (machines_[index]->is_broken) run_seconds = 0.01;
  if (dice_.happens(machines_[index]->hangs)) run_seconds += 120;
  held->second.took = from_seconds(run_seconds);
  time_.after(held->second.took,
              [this, index, lease, weak = std::weak_ptr(life)] {
                machines_[index]->link.when_it_runs([this, index, lease, weak] { end_attempt(index, lease, weak); });
              });
}

void World::end_attempt(std::size_t index, LeaseId lease, const std::weak_ptr<Life>& life) {
  const auto still = life.lock();
  if (!still || still != machines_[index]->life) return;
  const auto attempt = still->attempts.find(lease);
  if (attempt == still->attempts.end() || !attempt->second.is_running) return;
  attempt->second.is_running = false;
  attempt->second.is_finished = true;
  tell(index, session::AttemptFinished{kCoordinator, lease});
}

// Too little memory shows at once: what runs there already holds what it needs.
OutcomeClass World::draw_outcome(const Machine& machine, const Life& life, const SimulatedAction& action) {
  std::uint64_t used = 0;
  std::size_t running = 0;
  for (const auto& [lease, attempt] : life.attempts) {
    if (!attempt.is_running) continue;
    ++running;
    used += actions_.at(attempt.action).peak_bytes;
  }
  require(!calm_ || used <= machine.memory_bytes || running == 1, "more memory is used than there is");
  if (used > machine.memory_bytes && running > 1) return OutcomeClass::kOutOfMemory;
  if (machine.is_broken) return OutcomeClass::kInfrastructure;
  if (dice_.happens(trouble_)) {
    constexpr OutcomeClass kTroubles[] = {OutcomeClass::kInfrastructure, OutcomeClass::kInputsDiffer,
                                          OutcomeClass::kOutOfMemory, OutcomeClass::kToolchainDiffers,
                                          OutcomeClass::kRefused, OutcomeClass::kFailedUnlisted};
    const auto trouble = kTroubles[dice_.below(6)];
    if (trouble != OutcomeClass::kFailedUnlisted || !machine.is_local) return trouble;  // there it is the user's error
  }
  if (!action.fails_to_compile) return OutcomeClass::kSucceeded;
  return !calm_ && dice_.happens(0.5) ? OutcomeClass::kFailedUnlisted : OutcomeClass::kCommandFailed;
}

void World::send_heartbeat(std::size_t index, Life& life, const session::SendHeartbeat& beat) {
  scheduling::HeartbeatReceived heartbeat;
  heartbeat.sequence = life.next_sequence++;
  heartbeat.slots = beat.slots;
  heartbeat.draining = beat.draining;
  heartbeat.memory_bytes = machines_[index]->memory_bytes;
  for (const auto& held : beat.leases) heartbeat.leases.push_back({held.lease, held.phase});
  require(beat.slots <= life.offered_slots && (beat.slots >= 1 || life.offered_slots == 0), "a share that is no share");
  if (!beat.knows_coordinator) return;
  machines_[index]->link.to_coordinator(
      [this, index, epoch = life.epoch, heartbeat] { receive_heartbeat(index, epoch, heartbeat); });
}

// As the coordinator's directory of workers does: another epoch is another worker.
void World::receive_heartbeat(std::size_t index, std::uint64_t epoch,
                              scheduling::HeartbeatReceived heartbeat) {
  Machine& machine = *machines_[index];
  if (epoch < machine.epoch_known) return;  // said by one that is dead
  if (epoch != machine.epoch_known) {
    const WorkerId lost = std::exchange(machine.worker, WorkerId{next_worker_++});
    machine.epoch_known = epoch;
    machine.leases_known.clear();
    machine.outstanding.clear();
    machine.quarantined_until = {};
    if (lost.value != 0) tell(scheduling::WorkerLost{lost});
    tell(scheduling::WorkerJoined{machine.worker, machine.is_local});
  }
  heartbeat.worker = machine.worker;
  machine.most_outstanding = ~0u;
  std::string leases;
  for (const auto& held : heartbeat.leases)
    leases += " " + std::to_string(held.lease.value) + (held.phase == LeasePhase::kFinished ? "f" : held.phase == LeasePhase::kQueued ? "q" : "");
  note("heartbeat of worker " + std::to_string(machine.worker.value) + " #" +
       std::to_string(heartbeat.sequence) + " holding" + leases);
  tell(heartbeat);
}

}  // namespace extfarm::simulation
