// The part of Farm that has results made again on other hosts, and goes without those that disagree.
#include "coordinator/artifacts/artifacts.h"
#include "coordinator/farm/farm.h"

namespace extfarm {

void Farm::consider_repeating(const Entry& entry, const Attempt& attempt) {
  if (!canary_.chooses(identity_of(attempt.action))) return;
  const auto* worker = parts_.directory.find(attempt.worker);
  canary_.add(turn_started_, entry.action, worker->host, worker->is_local, attempt.report.outcome);
}

void Farm::start_repeats() {
  for (auto& repeat : canary_.due(turn_started_)) {
    const ActionId id{next_action_++};
    Entry entry;
    entry.action = std::move(repeat.action);
    entry.action.id = id;
    entry.repeats = repeat.id;
    const auto& identity = identities_.emplace_back(ActionIntake::identity_of(entry.action));
    scheduling::ActionSubmitted event;
    event.action = id;
    event.toolchain = entry.action.toolchain_digest;
    predict(event, entry, identity);
    for (const auto& [worker, known] : parts_.directory.workers()) {
      if (repeat.on ? known.host != *repeat.on : repeat.not_on.contains(known.host)) event.not_on.push_back(worker);
    }
    entries_.emplace(id, std::move(entry));
    tell(event);
  }
}

void Farm::end_repeat(const scheduling::PublishOutputs& done) {
  const Entry& entry = entries_.at(done.action);
  const auto& outcome = attempts_.at(done.lease).report.outcome;
  if (const auto same = artifacts::check_inputs(outcome.attestation, parts_.digests); !same) {
    reject(done.worker, same.error().message);
    tell(scheduling::PublicationFailed{done.lease, OutcomeClass::kInputsDiffer, same.error().message});
    return;
  }
  const auto* worker = parts_.directory.find(done.worker);
  canary_.answer(turn_started_, entry.repeats, worker->host, worker->is_local, outcome);
  tell(scheduling::OutputsPublished{done.lease});
}

// It counts as nobody's action.
void Farm::forget_repeat(const scheduling::AnswerFrontEnd& command, const Entry& entry) {
  switch (command.answer) {
    case scheduling::Answer::kBuilt: ++repeats_built_; break;
    case scheduling::Answer::kCommandFailed: ++repeats_failed_; break;
    default: canary_.give_up(turn_started_, entry.repeats);
  }
}

void Farm::judge_hosts() {
  for (const auto& verdict : canary_.take_verdicts()) {
    std::string hosts;
    for (const auto& host : verdict.wrong) hosts += (hosts.empty() ? "" : " and ") + host;
    const auto what = title_of(verdict.action);
    if (verdict.right.empty())
      warn_once("hosts " + hosts + " made different results of the same inputs for " + what + ", and no third can tell who is right; neither is used any more");
    else
      warn_once("host " + hosts + " made another " + what + " of the same inputs than " + verdict.right +
                " and is not used any more; look at its memory, disk and compiler");
    for (const auto& host : verdict.wrong) {
      if (!distrusted_hosts_.insert(host).second) continue;
      for (const auto& [id, worker] : parts_.directory.workers()) {
        if (worker.host == host) distrust(id);
      }
    }
  }
}

void Farm::distrust(WorkerId worker) {
  parts_.directory.find(worker)->was_quarantined = true;
  tell(scheduling::WorkerDistrusted{worker});
}

// Results are kept for other builds only when nobody has been found wrong any more;
// what a host made that was, the next build makes again.
void Farm::finish_canary() {
  for (const auto& kept : held_back_) {
    if (!distrusted_hosts_.contains(kept.host)) parts_.earlier.keep(kept.recorded, kept.run_seconds);
  }
  held_back_.clear();
  if (distrusted_hosts_.empty()) return;
  for (const auto& attempt : parts_.log.attempts) {
    if (!attempt.counted || !distrusted_hosts_.contains(std::string(attempt.host))) continue;
    parts_.records.forget_published(identity_of({attempt.action}));
    ++parts_.log.wrong_results;
  }
  parts_.records.flush();
  if (parts_.log.wrong_results > 0)
    warn_("what it made in this build (" + std::to_string(parts_.log.wrong_results) +
          " results) may be wrong: build again, and that is made anew");
}

}  // namespace extfarm
