// The build, the user and the coordinator's shell.
#include "tests/simulation/world.h"

#include <algorithm>

namespace extfarm::simulation {
namespace {

constexpr Duration kTimeBound = std::chrono::seconds(900);
constexpr Duration kQuietFor = std::chrono::seconds(40);  // longer than any time-out
constexpr std::size_t kTranscriptLines = 80;
constexpr std::uint64_t kGiB = 1 << 30;

std::string text(const char* what, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0) {
  return std::string(what) + " " + std::to_string(a) + " " + std::to_string(b) + " " + std::to_string(c);
}

Digest toolchain() { return digest_of("the toolchain"); }

}  // namespace

World::World(std::uint64_t seed, bool keeps_transcript) : dice_(seed), visits_(seed + 1), tails_(seed + 2), keeps_transcript_(keeps_transcript) {
  calm_ = dice_.happens(0.2);
  trouble_ends_ = {std::chrono::seconds(60)};
  if (!calm_) {
    trouble_ = 0.15 * dice_.unit();
    quality_.drop = dice_.happens(0.5) ? 0.3 * dice_.unit() : 0;
    quality_.duplicate = dice_.happens(0.5) ? 0.3 * dice_.unit() : 0;
    quality_.longest_delay_seconds = dice_.happens(0.3) ? 4 * dice_.unit() + 0.001 : 0.05;
  }
  const std::size_t machine_count = 1 + dice_.below(4);
  for (std::size_t i = 0; i < machine_count; ++i) {
    machines_.push_back(std::make_unique<Machine>(Link(time_, dice_, quality_)));
    machines_[i]->slots = 1 + static_cast<std::uint32_t>(dice_.below(4));
    machines_[i]->is_local = i == 0 && dice_.happens(0.5);
    machines_[i]->has_toolchain = i == 0 || dice_.happens(0.9);
    machines_[i]->memory_bytes = (1 + dice_.below(8)) * kGiB;
    if (calm_) continue;
    machines_[i]->speed = dice_.happens(0.3) ? 0.2 + 0.8 * dice_.unit() : 1;
    machines_[i]->hangs = dice_.happens(0.2) ? 0.2 : 0;
    machines_[i]->is_broken = i > 0 && dice_.happens(0.15);
    machines_[i]->slots_when_used = static_cast<std::uint32_t>(visits_.below(machines_[i]->slots + 1));
  }
  plan_build();
  plan_trouble();
}

void World::plan_build() {
  const std::uint64_t count = 5 + dice_.below(36);
  for (std::uint64_t i = 1; i <= count; ++i) {
    SimulatedAction& action = actions_[ActionId{i}];
    for (std::uint64_t e = dice_.below(4); e > 0 && i > 1; --e) {
      action.after.push_back(ActionId{1 + dice_.below(i - 1)});
    }
    action.run_seconds = dice_.happens(0.2) ? 10 * dice_.unit() : dice_.unit();
    action.fails_to_compile = dice_.happens(0.03);
    action.is_fresh = dice_.happens(0.1);
    action.peak_bytes = dice_.happens(0.2) ? dice_.below(5 * kGiB) : dice_.below(kGiB / 2);
    action.remembered_bytes = 1 + action.peak_bytes;
    if (!calm_ && dice_.happens(0.2)) action.remembered_bytes = dice_.happens(0.5) ? 0 : 1 + action.peak_bytes / 4;
  }
  Timestamp when;
  const double pause_seconds = dice_.happens(0.5) ? 0 : 1;
  for (auto& [id, action] : actions_) {
    when = when + dice_.between(0, pause_seconds);
    time_.at(when, [this, id = id] { submit(id); });
    if (!calm_ && dice_.happens(0.04)) {
      time_.at(when + dice_.between(0, 10), [this, id = id] { tell(scheduling::ActionCancelled{id}); });
    }
  }
}

void World::submit(ActionId id) {
  SimulatedAction& action = actions_.at(id);
  action.submitted = true;
  for (const ActionId producer : action.after) {
    const auto& made = actions_.at(producer);
    if (made.answer_count > 0 && made.answer == scheduling::Answer::kRunLocally) {
      action.made_locally_before.insert(producer);
    }
  }
  // What an earlier build had behind it; this one may not.
  const double tail_seconds = tails_.happens(0.3) ? 10 * tails_.unit() : 0;
  scheduling::ActionSubmitted submitted{id, toolchain(), action.after, action.run_seconds, tail_seconds, false, 0,
                                        action.remembered_bytes};
  if (!calm_ && dice_.happens(0.05)) submitted.not_on = {machines_[dice_.below(machines_.size())]->worker};
  action.not_on = submitted.not_on;
  tell(submitted);
}

void World::run() {
  std::optional<Timestamp> quiet_from;
  while (violations_.empty() && time_.step()) {
    if (!quiet_from && answered_count_ == actions_.size()) {
      quiet_from = std::max(time_.now(), trouble_ends_) + kQuietFor;
    }
    if (quiet_from && time_.now() >= *quiet_from) return check_the_end();
    require(time_.now().since_start < kTimeBound, "the build does not end");
  }
  require(!violations_.empty(), "nothing is left to happen, but the build has not ended");
}

void World::check_the_end() {
  const auto counts = scheduler_.counts();
  require(counts.finished == counts.total && counts.total == actions_.size(), "counts do not add up");
  require(counts.running == 0, "something still counts as running");
  require(counts.backups - counts.stuck <= std::max<std::uint64_t>(1, counts.total / 20), "too many second attempts");
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (!machines_[i]->life || !machines_[i]->life->was_greeted) continue;
    require(machines_[i]->life->attempts.empty(), text("a lease is held for ever by machine", i));
  }
  if (!calm_) return;
  require(counts.retried == 0, "something was retried though nothing went wrong");
  // Runs of one length differ by up to a half.  Once in 150,000 builds the first few make a host look so quick that
  // one more is taken for overdue there.
  require(counts.backups <= 1 && counts.quarantined == 0, "a worker was doubted though nothing went wrong");
  require(counts.run_locally == 0, "something was sent home though nothing went wrong");
  for (const auto& [id, action] : actions_) {
    require(action.start_count <= 1 + action.was_taken_back,
            text("started more than once, though nothing went wrong: action", id.value));
  }
}

void World::tell(const scheduling::Event& event) {
  for (const auto& command : scheduler_.handle(time_.now(), event)) carry_out(command);
  set_alarm();
}

// Nothing but its own deadlines wakes the scheduler: a wrong one wedges it.
void World::set_alarm() {
  const auto deadline = scheduler_.next_deadline();
  if (!deadline || (alarm_ && *alarm_ <= *deadline && *alarm_ >= time_.now())) return;
  require(*deadline > time_.now(), "a deadline has passed and was not acted on");
  alarm_ = deadline;
  time_.at(*deadline, [this, mine = *deadline] {
    if (alarm_ != mine) return;
    alarm_.reset();
    tell(scheduling::TimeAdvanced{});
  });
}

void World::carry_out(const scheduling::Command& command) {
  if (const auto* check = std::get_if<scheduling::CheckFreshness>(&command)) {
    const ActionId id = check->action;
    require(actions_.at(id).answer_count == 0, text("to be judged though answered: action", id.value));
    time_.after(dice_.between(0, 0.05), [this, id] {
      tell(scheduling::FreshnessChecked{id, actions_.at(id).is_fresh});
    });
  } else if (const auto* ask = std::get_if<scheduling::AskToolchain>(&command)) {
    Machine* machine = machine_of(ask->worker);
    if (machine == nullptr) return;
    machine->link.to_worker([this, machine, worker = ask->worker] {
      if (!machine->life || !machine->life->was_greeted) return;
      machine->link.to_coordinator([this, machine] {
        if (machine->worker.value == 0) return;
        tell(scheduling::ToolchainReported{machine->worker, toolchain(), machine->has_toolchain});
      });
    });
  } else if (const auto* send = std::get_if<scheduling::SendAction>(&command)) {
    send_action(*send);
  } else if (const auto* revoke = std::get_if<scheduling::RevokeLease>(&command)) {
    note(text("revoke worker, lease:", revoke->worker.value, revoke->lease.value));
    Machine* machine = machine_of(revoke->worker);
    if (machine == nullptr) return;
    machine->leases_known.erase(revoke->lease);
    if (machine->outstanding.erase(revoke->lease) > 0) {
      for (auto& [id, action] : actions_) action.was_taken_back = action.was_taken_back || action.last_lease == revoke->lease;
    }
    const auto index = static_cast<std::size_t>(
        std::find_if(machines_.begin(), machines_.end(), [&](auto& m) { return m.get() == machine; }) -
        machines_.begin());
    machine->link.to_worker([this, index, lease = revoke->lease] {
      Machine& there = *machines_[index];
      if (there.life && there.life->was_greeted) tell(index, session::RevokeRequested{kCoordinator, lease});
    });
  } else if (const auto* publish = std::get_if<scheduling::PublishOutputs>(&command)) {
    note(text("publish worker, lease, action:", publish->worker.value, publish->lease.value,
              publish->action.value));
    const auto& action = actions_.at(publish->action);
    require(action.answer_count == 0 && !action.published,
            text("to be published again: action", publish->action.value));
    time_.after(dice_.between(0.001, 0.3), [this, p = *publish] { fetch(p, 20); });
  } else if (const auto* quarantine = std::get_if<scheduling::QuarantineWorker>(&command)) {
    note(text("quarantine of worker", quarantine->worker.value));
    if (Machine* machine = machine_of(quarantine->worker)) machine->quarantined_until = time_.now() + quarantine->term;
  } else if (const auto* answer = std::get_if<scheduling::AnswerFrontEnd>(&command)) {
    check_answer(*answer);
  }
}

void World::send_action(const scheduling::SendAction& send) {
  note(text("send worker, lease, action:", send.worker.value, send.lease.value, send.action.value));
  const auto& action = actions_.at(send.action);
  require(action.answer_count == 0 && !action.published, text("sent though done: action", send.action.value));
  for (const ActionId producer : action.after) {
    const auto& made = actions_.at(producer);
    const bool is_there = made.published ||
                          (made.answer_count > 0 && made.answer == scheduling::Answer::kFresh) ||
                          action.made_locally_before.contains(producer);
    require(is_there,
            text("sent before its input is there: action, producer:", send.action.value, producer.value));
  }
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (machines_[i]->worker != send.worker) continue;
    require(machines_[i]->distrusted != send.worker, text("sent to a distrusted worker: action", send.action.value));
    require(std::find(action.not_on.begin(), action.not_on.end(), send.worker) == action.not_on.end(),
            text("sent where it shall not run: action", send.action.value));
    check_room(*machines_[i], action);
    machines_[i]->leases_known.insert(send.lease);
    machines_[i]->outstanding.emplace(send.lease, action.remembered_bytes);
    actions_.at(send.action).last_lease = send.lease;
    machines_[i]->link.to_worker([this, i, send] {
      Life* life = machines_[i]->life.get();
      if (life == nullptr || !life->was_greeted) return;
      life->attempts.try_emplace(send.lease, RunningAttempt{send.action});
      tell(i, session::StartRequested{kCoordinator, send.lease});
    });
  }
}

// What is sent to a worker at one time is bounded, whatever becomes of it.
void World::check_room(const Machine& machine, const SimulatedAction& action) {
  std::uint64_t memory = action.remembered_bytes;
  for (const auto& [lease, bytes] : machine.outstanding) memory += bytes;
  require(memory <= machine.memory_bytes || machine.outstanding.empty(),
          "sent though there is no memory for it there");
  require(machine.outstanding.size() < machine.most_outstanding, "sent to a worker that has just given something back");
  require(machine.outstanding.size() < 2 * machine.slots, "more is sent than slots and a queue as long");
  require(time_.now() >= machine.quarantined_until, "sent to a worker in quarantine");
}

void World::fetch(const scheduling::PublishOutputs& publish, int tries_left) {
  const auto fail = [&](OutcomeClass outcome, const char* reason) {
    tell(scheduling::PublicationFailed{publish.lease, outcome, reason});
  };
  Machine* machine = machine_of(publish.worker);
  if (machine == nullptr || !machine->life || machine->life->epoch != machine->epoch_known) {
    return fail(OutcomeClass::kInfrastructure, "the worker is gone");
  }
  const bool is_cut = machine->link.cut_to_worker || machine->link.cut_to_coordinator;
  if (is_cut && tries_left > 0) {
    time_.after(from_seconds(0.5), [this, publish, tries_left] { fetch(publish, tries_left - 1); });
    return;
  }
  const auto held = machine->life->attempts.find(publish.lease);
  if (is_cut || held == machine->life->attempts.end() || !held->second.is_finished) {
    return fail(OutcomeClass::kInfrastructure, "its outputs could not be had");
  }
  require(held->second.action == publish.action, text("other outputs fetched: lease", publish.lease.value));
  if (dice_.happens(trouble_)) return fail(OutcomeClass::kInputsDiffer, "stdio.h differs");
  SimulatedAction& action = actions_.at(publish.action);
  require(!action.published, text("published twice: action", publish.action.value));
  require(action.answer_count == 0, text("published after its answer: action", publish.action.value));
  action.published = held->second.outcome == OutcomeClass::kSucceeded;
  tell(scheduling::OutputsPublished{publish.lease});
}

void World::check_answer(const scheduling::AnswerFrontEnd& answer) {
  using scheduling::Answer;
  SimulatedAction& action = actions_.at(answer.action);
  const std::uint64_t id = answer.action.value;
  note(text("answer action, kind:", id, static_cast<std::uint64_t>(answer.answer)) + " " + answer.reason);
  require(action.submitted, text("answered before it was submitted: action", id));
  require(++action.answer_count == 1, text("answered twice: action", id));
  ++answered_count_;
  action.answer = answer.answer;
  if (answer.answer == Answer::kBuilt)
    require(action.published, text("built, but not published: action", id));
  if (answer.answer != Answer::kBuilt) require(!action.published, text("published for nothing: action", id));
  if (answer.answer == Answer::kFresh) require(action.is_fresh, text("taken for fresh: action", id));
  if (answer.answer == Answer::kCommandFailed) {
    require(action.fails_to_compile, text("called a failure: action", id));
  }
  if (answer.answer == Answer::kDependencyFailed) {
    const bool is_true = std::any_of(action.after.begin(), action.after.end(), [&](ActionId producer) {
      const auto& made = actions_.at(producer);
      return made.answer_count > 0 &&
             (made.answer == Answer::kCommandFailed || made.answer == Answer::kCancelled ||
              made.answer == Answer::kDependencyFailed);
    });
    require(is_true, text("no dependency of it failed: action", id));
  }
}

void World::say_hello(std::size_t index) {
  Machine& machine = *machines_[index];
  const std::vector<LeaseId> known(machine.leases_known.begin(), machine.leases_known.end());
  machine.link.to_worker([this, index, known] {
    Life* life = machines_[index]->life.get();
    if (life == nullptr) return;
    life->was_greeted = true;
    tell(index, session::HelloReceived{kCoordinator, known});
  });
  time_.after(std::chrono::seconds(1), [this, index] { say_hello(index); });
}

Machine* World::machine_of(WorkerId worker) {
  for (auto& machine : machines_) {
    if (machine->worker == worker) return machine.get();
  }
  return nullptr;
}

void World::require(bool holds, const std::string& what) {
  if (holds) return;
  violations_.push_back(what);
  note("VIOLATION " + what);
}

void World::note(const std::string& what) {
  if (!keeps_transcript_) return;
  transcript_.push_back(std::to_string(seconds(time_.now().since_start)) + "  " + what);
  if (transcript_.size() > kTranscriptLines) transcript_.pop_front();
}

}  // namespace extfarm::simulation
