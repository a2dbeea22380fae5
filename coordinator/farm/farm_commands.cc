// The other half of Farm: what it does when the scheduler asks for it.
#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/system/clock.h"
#include "coordinator/farm/farm.h"

namespace extfarm {

using scheduling::Answer;

void Farm::carry_out(const scheduling::Command& command) {
  if (const auto* check = std::get_if<scheduling::CheckFreshness>(&command)) {
    check_freshness(check->action);
  } else if (const auto* ask = std::get_if<scheduling::AskToolchain>(&command)) {
    first_answers_.asked(parts_.clock.now(), ask->worker, ask->toolchain);
    parts_.directory.send(ask->worker, protocol::ProbeToolchain{toolchains_.at(ask->toolchain)});
  } else if (const auto* send = std::get_if<scheduling::SendAction>(&command)) {
    send_action(*send);
  } else if (const auto* revoke = std::get_if<scheduling::RevokeLease>(&command)) {
    this->revoke(*revoke);
  } else if (const auto* untrusted = std::get_if<scheduling::QuarantineWorker>(&command)) {
    quarantine(*untrusted);
  } else if (const auto* publish = std::get_if<scheduling::PublishOutputs>(&command)) {
    if (entries_.at(publish->action).repeats != 0) return end_repeat(*publish);
    publications_.begin(turn_started_, publish->worker, entries_.at(publish->action).action,
                        attempts_.at(publish->lease).report);
  } else if (const auto* record = std::get_if<scheduling::RecordHistory>(&command)) {
    const auto* worker = parts_.directory.find(record->worker);
    parts_.records.add_run(identity_of(record->action), record->reference_seconds, record->peak_memory_bytes,
                           worker != nullptr ? worker->host : "");
  } else {
    answer(std::get<scheduling::AnswerFrontEnd>(command));
  }
}

void Farm::revoke(const scheduling::RevokeLease& command) {
  if (auto* worker = parts_.directory.find(command.worker)) worker->leases.erase(command.lease);
  parts_.directory.send(command.worker, protocol::RevokeLease{command.lease});
  const auto it = attempts_.find(command.lease);
  // A worker may be told to forget what it was never sent: an attempt of another's goes on.
  if (it == attempts_.end() || it->second.has_report || it->second.worker != command.worker) return;
  it->second.finished = parts_.clock.now();
  it->second.report.outcome.run_time = command.ran;
  log_attempt(it->first, it->second, "stopped", false, 0);
  attempts_.erase(it);
}

void Farm::quarantine(const scheduling::QuarantineWorker& command) {
  auto* worker = parts_.directory.find(command.worker);
  if (worker == nullptr) return;
  worker->was_quarantined = true;
  warn_once("worker " + worker->name + " is not used for " + std::to_string(static_cast<int>(seconds(command.term))) +
            " s: " + command.reason + "; see its log on " + worker->host);
}

void Farm::check_freshness(ActionId id) {
  Entry& entry = entries_.at(id);
  if (entry.repeats != 0) return tell(scheduling::FreshnessChecked{id, false});
  const Digest& identity = identity_of(id);
  auto judgement = parts_.memory.judge(entry.action, identity);
  entry.action.changed = judgement.verdict.changed;
  if (force_) judgement.verdict = {false, "--force was given"};
  if (entry.action.kind == ActionKind::kOther) judgement.verdict = {false, "what such a program reads is not known"};
  if (judgement.verdict.fresh)
    entry.fresh_result = std::move(judgement.recorded);
  else if (!force_ && entry.action.kind != ActionKind::kOther)
    entry.fresh_result = parts_.earlier.restore(entry.action, identity, judgement.fingerprint);
  const bool is_restored = !judgement.verdict.fresh && entry.fresh_result.has_value();
  parts_.memory.note(entry.action, identity, judgement.verdict, is_restored);
  parts_.log.restored += is_restored;
  if (!entry.fresh_result) entry.reason = parts_.log.keep(std::move(judgement.verdict.reason));
  if (!entry.fresh_result && first_answers_.may_come(parts_.clock.now(), entry.action.toolchain_digest))
    held_dirty_.push_back(id);
  else
    tell(scheduling::FreshnessChecked{id, entry.fresh_result.has_value()});
}

void Farm::release_dirty() {
  const auto now = parts_.clock.now();
  for (const auto id : std::exchange(held_dirty_, {})) {
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) continue;  // cancelled
    if (first_answers_.may_come(now, entry->second.action.toolchain_digest))
      held_dirty_.push_back(id);
    else
      tell(scheduling::FreshnessChecked{id, false});
  }
}

void Farm::send_action(const scheduling::SendAction& send) {
  auto& entry = entries_.at(send.action);
  entry.action.pinned.clear();
  for (const auto& input : entry.action.inputs) {
    if (const auto digest = products_.published(input)) entry.action.pinned.push_back({input, *digest});
  }
  auto* worker = parts_.directory.find(send.worker);
  FARM_CHECK(worker != nullptr);
  Attempt attempt;
  attempt.action = send.action;
  attempt.worker = send.worker;
  attempt.sent = parts_.clock.now();
  attempt.ready = send.ready_since;
  attempt.memory_wait = send.memory_wait;
  attempt.sent_realtime_ns = realtime_ns();
  attempts_.emplace(send.lease, std::move(attempt));
  entry.leases.push_back(send.lease);
  worker->leases.insert(send.lease);
  parts_.directory.send(send.worker, protocol::StartAction{send.lease, entry.action});
  parts_.log.dispatch_ms.push_back(1000 * seconds(parts_.clock.now() - turn_started_));
}

void Farm::answer(const scheduling::AnswerFrontEnd& command) {
  const auto answered = entries_.extract(command.action);
  if (answered.empty()) return;
  if (command.answer == Answer::kBuilt || command.answer == Answer::kFresh) {
    if (built_.size() <= command.action.value) built_.resize(command.action.value + 1);
    built_[command.action.value] = true;
  }
  if (answered.mapped().repeats != 0)
    forget_repeat(command, answered.mapped());
  else
    answer_front_end(command, answered.mapped());
  for (const auto lease : answered.mapped().leases) attempts_.erase(lease);
}

void Farm::answer_front_end(const scheduling::AnswerFrontEnd& command, Entry& entry) {
  front_door::AnswerMessage message;
  message.id = entry.request_id;
  message.reason = command.reason;
  switch (command.answer) {
    case Answer::kBuilt:
    case Answer::kCommandFailed: {
      const auto& outcome = attempts_.at(command.lease).report.outcome;
      message.result = command.answer == Answer::kBuilt ? "built" : "failed";
      message.exit_code = outcome.exit_code;
      message.stdout_bytes = outcome.stdout_bytes;
      message.stderr_bytes = outcome.stderr_bytes;
      break;
    }
    case Answer::kFresh: {
      message.result = "fresh";
      const auto result = std::exchange(entry.fresh_result, std::nullopt);
      FARM_CHECK(result.has_value());
      message.stdout_bytes = result->stdout_bytes;
      message.stderr_bytes = result->stderr_bytes;
      for (const auto& output : parts_.memory.attestation_of(*result).outputs) {
        if (output.kind == OutputKind::kFile) products_.publish(output.path, output.digest);
      }
      break;
    }
    case Answer::kRunLocally:
      nobody_there_ = nobody_there_ || !parts_.directory.has_usable();
      if (nobody_there_) warn_once("no worker is reachable (" + command.reason + "); building locally");
      message.result = "run_locally";
      reporting::log_local(parts_.log, {entry.action.cwd, entry.action.argv, command.reason});
      break;
    case Answer::kDependencyFailed:
      message.result = "failed";
      message.exit_code = 1;
      break;
    case Answer::kCancelled:
      message.result = "cancelled";
      break;
  }
  entry.answer(message);
}

void Farm::log_attempt(LeaseId, Attempt& attempt, std::string_view outcome, bool counted,
                       std::uint64_t bytes_returned) {
  const Entry& entry = entries_.at(attempt.action);
  if (entry.repeats != 0) return;
  const auto* worker = parts_.directory.find(attempt.worker);
  reporting::LoggedAttempt logged;
  logged.action = attempt.action.value;
  logged.group = parts_.log.keep(entry.action.group);
  logged.kind = name_of(entry.action.kind);
  logged.title = title_of(entry.action);
  logged.worker = parts_.log.keep(worker->name);
  logged.host = parts_.log.keep(worker->host);
  logged.submitted = entry.submitted;
  logged.ready = attempt.ready;
  logged.memory_wait = attempt.memory_wait;
  logged.sent = attempt.sent;
  logged.peak_memory_bytes = attempt.report.outcome.peak_memory_bytes;
  logged.guess_seconds = entry.guess_seconds;
  logged.finished = attempt.finished;
  logged.published = parts_.clock.now();
  logged.run_time = attempt.report.outcome.run_time;
  logged.cpu_time = attempt.report.outcome.cpu_time;
  logged.bytes_returned = bytes_returned;
  logged.outcome = outcome;
  logged.reason = entry.reason;
  logged.counted = counted;
  logged.after = entry.after;
  parts_.log.bytes_returned += bytes_returned;
  parts_.log.last_publication = logged.published;
  if (counted) ++parts_.directory.find(attempt.worker)->finished_count;
  if (counted) on_published_(logged);
  parts_.log.attempts.push_back(std::move(logged));
}

std::string Farm::title_of(const Action& action) const {
  std::string title = action.outputs.empty() ? action.argv.back() : action.outputs.front();
  if (title.starts_with(root_ + "/")) title = title.substr(root_.size() + 1);
  return title;
}

reporting::LiveBuild Farm::live() const {
  const auto now = parts_.clock.now();
  const auto counts = scheduler_.counts();
  reporting::LiveBuild out;
  out.project_root = root_;
  out.command = parts_.log.command;
  out.elapsed_seconds = seconds(now - started_);
  out.total = counts.total, out.done = counts.finished, out.fresh = counts.fresh;
  out.on_workers = counts.on_workers, out.failed = counts.failed, out.retried = counts.retried;
  out.ran_locally = parts_.log.passed_through;
  out.bytes_returned = parts_.log.bytes_returned;
  out.usable_slots = static_cast<std::uint32_t>(scheduler_.usable_slots());
  if (const auto left = scheduler_.time_left(now)) {
    out.left_seconds = left->seconds;
    out.left_is_guess = left->is_guess;
  }
  std::map<WorkerId, std::size_t> places;
  for (const auto& [id, worker] : parts_.directory.workers()) {
    places[id] = out.workers.size();
    out.workers.push_back(
        {worker.name, worker.host, worker.slots, scheduler_.takes_actions(id), worker.finished_count, {}, 0});
  }
  for (const auto& [lease, attempt] : attempts_) {
    if (attempt.has_report) continue;
    const Action& action = entries_.at(attempt.action).action;
    out.workers[places.at(attempt.worker)].running.push_back(
        {title_of(action), name_of(action.kind), action.group, seconds(now - attempt.sent)});
  }
  for (auto& worker : out.workers) {
    std::sort(worker.running.begin(), worker.running.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
    worker.queued = worker.running.size() - std::min<std::size_t>(worker.running.size(), worker.slots);
    worker.running.resize(worker.running.size() - worker.queued);
    out.running += worker.running.size();
  }
  return out;
}

void Farm::cancel_all() {
  std::vector<ActionId> waiting;
  for (const auto& [id, entry] : entries_) waiting.push_back(id);
  for (const auto id : waiting) tell(scheduling::ActionCancelled{id});
  parts_.directory.say_goodbye();
}

void Farm::cancel_waiting() {
  std::set<ActionId> running;
  for (const auto& [lease, attempt] : attempts_) running.insert(attempt.action);
  std::vector<ActionId> waiting;
  for (const auto& [id, entry] : entries_) {
    if (!running.contains(id)) waiting.push_back(id);
  }
  for (const auto id : waiting) tell(scheduling::ActionCancelled{id});
}

void Farm::finish_log() {
  auto& log = parts_.log;
  const auto counts = scheduler_.counts();
  log.fresh = counts.fresh - log.restored;
  log.failed = counts.failed - repeats_failed_;
  log.on_workers = counts.on_workers - repeats_built_;
  log.compared = canary_.counts();
  finish_canary();
  log.retried = counts.retried;
  log.backups = counts.backups;
  std::map<WorkerId, double> speeds;
  for (const auto& [id, speed] : scheduler_.learned_speeds()) speeds[id] = speed;
  struct Done {
    std::uint64_t actions = 0;
    double run_seconds = 0;
  };
  std::map<std::string_view, Done> done;  // by the worker's name
  for (const auto& attempt : log.attempts) {
    if (!attempt.counted) continue;
    ++done[attempt.worker].actions;
    done[attempt.worker].run_seconds += seconds(attempt.run_time);
  }
  for (const auto& [id, worker] : parts_.directory.workers()) {
    reporting::LoggedWorker logged{worker.name, worker.host, worker.slots, done[worker.name].actions,
                                   done[worker.name].run_seconds, worker.was_quarantined};
    logged.memory_bytes = worker.memory_bytes;
    logged.joined = worker.joined;
    logged.offers = worker.offers;
    if (const auto speed = speeds.find(id); speed != speeds.end()) {
      logged.speed = speed->second;
      parts_.records.add_host_speed(worker.host, speed->second);
    }
    log.workers.push_back(logged);
  }
}

}  // namespace extfarm
