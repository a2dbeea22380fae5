// The half of Farm that hears: the front door, the workers, the ends of publications.
#include "coordinator/farm/farm.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/protocol/codec.h"
#include "coordinator/farm/guesses.h"

namespace extfarm {
namespace {

constexpr Duration kLongestWait = std::chrono::milliseconds(250);
// For workers that were found at the start to answer, before a build tool is told how many jobs there may be.
constexpr Duration kFirstGreetings = std::chrono::seconds(2);
// Between looks for beacons; of the own worker's, on this machine's own disk, each one costs nothing.
constexpr Duration kNextLook = std::chrono::milliseconds(20), kNextLookForOwn = std::chrono::milliseconds(3);

// That are handled between two looks at files: more of them make the looks fewer, and older.
constexpr std::size_t kMostMessages = 64, kMostMessageBytes = 8 << 20;

bool is_waited_for(const protocol::Report& report) {
  return report.outcome.outcome_class == OutcomeClass::kSucceeded ||
         report.outcome.outcome_class == OutcomeClass::kCommandFailed;
}

}  // namespace

Farm::Farm(FarmParts parts, std::string project_root, bool force,
           std::function<void(const std::string&)> warn,
           std::function<void(const reporting::LoggedAttempt&)> published)
    : parts_(parts),
      root_(std::move(project_root)),
      force_(force),
      warn_(std::move(warn)),
      on_published_(std::move(published)),
      intake_(root_, parts.probe),
      publications_(parts.digests,
                    [this](WorkerId worker, const protocol::FetchOutput& fetch) {
                      parts_.directory.send(worker, fetch);
                    }),
      started_(parts.clock.now()) {}

void Farm::warn_once(const std::string& message) {
  if (warned_.insert(message).second) warn_(message);
}

void Farm::turn() {
  turn_started_ = parts_.clock.now();
  parts_.directory.refresh(turn_started_);
  look_again();
  for (const auto& complaint : parts_.directory.take_complaints()) warn_once(complaint);
  read_door();
  read_messages();
  answer_jobs();
  publications_.advance(turn_started_);
  end_publications();
  release_dirty();
  judge_hosts();
  start_repeats();
  tell(scheduling::TimeAdvanced{});
  for (const auto& news : parts_.channel.take_news()) {
    if (news.kind == ConnectionNews::Kind::kConnected || news.kind == ConnectionNews::Kind::kDisconnected)
      continue;
    warn_once(news.detail);
  }
  parts_.digests.end_look();
  parts_.memory.save();
  parts_.records.flush();
}

// What was seen of files before may be another by now.  Until the next look each one is looked at once.
void Farm::look_again() {
  parts_.memory.look_again();
  parts_.digests.begin_look();
}

Duration Farm::time_to_wait() const {
  Duration wait = kLongestWait;
  if (const auto deadline = scheduler_.next_deadline()) wait = std::min(wait, *deadline - parts_.clock.now());
  if (const auto deadline = canary_.next_deadline()) wait = std::min(wait, *deadline - parts_.clock.now());
  const bool awaits_own = first_answers_.awaits_own_worker(parts_.clock.now());
  if (!parts_.directory.has_usable() || !jobs_wanted_.empty()) wait = std::min<Duration>(wait, awaits_own ? kNextLookForOwn : kNextLook);
  if (parts_.door.held_count() > 0) wait = std::min<Duration>(wait, kNextLook);
  return std::max(wait, Duration{0});
}

void Farm::read_door() {
  for (auto& event : parts_.door.take_events()) {
    if (auto* submitted = std::get_if<front_door::Submitted>(&event)) {
      const auto connection = submitted->connection;
      submit(submitted->request,
             [this, connection](const auto& message) { parts_.door.answer(connection, message); }, connection);
    } else if (const auto* local = std::get_if<front_door::RanLocally>(&event)) {
      const auto& request = local->request;
      if (!request.was_answered) reporting::log_local(parts_.log, {"", {}, request.reason});
      parts_.log.local_seconds[request.reason] += request.seconds;
    } else if (auto* slot = std::get_if<front_door::LocalSlotWanted>(&event)) {
      local_steps_.want(slot->connection, std::move(slot->id));
    } else if (auto* jobs = std::get_if<front_door::JobsWanted>(&event)) {
      jobs_wanted_.push_back(std::move(*jobs));
    } else if (const auto* asked = std::get_if<front_door::LiveWanted>(&event)) {
      parts_.door.tell_live(asked->connection, asked->id, reporting::live_build_json(live()));
    } else {
      const auto gone = std::get<front_door::ConnectionClosed>(event).connection;
      local_steps_.gone(gone);
      std::vector<ActionId> orphans;
      for (const auto& [id, entry] : entries_) {
        if (entry.connection == gone) orphans.push_back(id);
      }
      for (const auto id : orphans) tell(scheduling::ActionCancelled{id});
    }
  }
}

void Farm::answer_jobs() {
  local_steps_.start_waiting([&](auto connection, const std::string& id) { parts_.door.let_run(connection, id); });
  const bool is_settled = parts_.directory.all_have_answered() && !first_answers_.awaits_own_worker(turn_started_);
  if (!is_settled && turn_started_ - started_ < kFirstGreetings) return;
  for (const auto& asked : std::exchange(jobs_wanted_, {})) parts_.door.tell_jobs(asked.connection, asked.id, jobs());
}

std::size_t Farm::jobs() const { return std::min(most_jobs_, usable_slots() + local_step_count_); }

void Farm::limit_own_worker(std::uint32_t slots) {
  if (std::exchange(own_worker_limit_, slots) == slots) return;
  for (const auto& [id, worker] : parts_.directory.workers()) {
    if (worker.is_local) tell(scheduling::SlotsLimited{id, slots});
  }
}

std::size_t Farm::running_on_own_worker() const {
  return static_cast<std::size_t>(std::count_if(attempts_.begin(), attempts_.end(), [&](const auto& entry) {
    const auto& [lease, attempt] = entry;
    return !attempt.has_report && parts_.directory.workers().at(attempt.worker).is_local;
  }));
}

std::size_t Farm::not_yet_running() const {
  const auto counts = scheduler_.counts();
  return counts.total - std::min(counts.total, counts.finished + counts.running);
}

void Farm::answer_local(const AnswerTo& answer, const std::string& id, reporting::LoggedLocal local) {
  answer({id, "run_locally", 0, "", "", local.reason});
  reporting::log_local(parts_.log, std::move(local));
}

void Farm::submit(const front_door::SubmitRequest& request, AnswerTo answer, front_door::ConnectionId connection) {
  turn_started_ = parts_.clock.now();
  if (parts_.log.total == 0) parts_.log.first_submission = turn_started_;
  ++parts_.log.total;
  auto taken = intake_.take(request);
  if (const auto* local = std::get_if<StaysLocal>(&taken)) {
    return answer_local(answer, request.id, {request.cwd, request.argv, local->reason});
  }
  if (nobody_there_) return answer_local(answer, request.id, {request.cwd, request.argv, "no worker is reachable"});

  const ActionId id{next_action_++};
  Entry entry;
  entry.action = std::move(std::get<Action>(taken));
  const bool is_listed_by_caller = connection.value == 0;
  if (!is_listed_by_caller && entry.action.kind == ActionKind::kCompile && !entry.action.inputs.empty() &&
      !entry.action.outputs.empty()) {
    parts_.log.compiles.push_back(
        {entry.action.cwd, entry.action.argv, entry.action.inputs.back(), entry.action.outputs.front()});
  }
  entry.action.id = id;
  entry.connection = connection;
  entry.request_id = request.id;
  entry.answer = std::move(answer);
  const auto& identity = identities_.emplace_back(ActionIntake::identity_of(entry.action));
  entry.submitted = turn_started_;
  scheduling::ActionSubmitted event;
  event.action = id;
  event.toolchain = entry.action.toolchain_digest;
  for (const auto& input : entry.action.inputs) {
    const auto producer = products_.producer_of(input);
    if (!producer) continue;
    if (entries_.contains(*producer) || is_built(*producer)) event.after.push_back(*producer);
    entry.after.push_back(producer->value);
    parts_.records.set_edge(identity_of(*producer), identity);
  }
  if (!entry.action.group.empty()) {
    auto& last = last_of_group_[entry.action.group];
    if (last != 0 && entry.after.empty() && entry.action.kind == ActionKind::kLink)
      entry.after.push_back(last);
    last = id.value;
  }
  for (const auto& output : entry.action.outputs) products_.declare(output, id);
  if (!toolchains_.contains(event.toolchain)) {
    toolchains_[event.toolchain] = entry.action.toolchain;
    if (auto own = parts_.probe.probe(entry.action.toolchain)) own_toolchains_[event.toolchain] = *own;
  }
  predict(event, entry, identity);
  predict_tail(event, entry, request, identity);
  entries_.emplace(id, std::move(entry));
  tell(event);
}

// A graph whose files are not made yet knows nothing of what a transpile will make.
void Farm::predict_tail(scheduling::ActionSubmitted& event, const Entry& entry, const front_door::SubmitRequest& request,
                        const records::Identity& identity) const {
  const double remembered = parts_.records.tail_seconds(identity);
  event.tail_seconds = std::max(request.tail_seconds, remembered);
  const double guessed = event.is_guess && remembered == 0 ? guess_tail_seconds(entry.action, entry.guess_seconds) : 0;
  if (guessed <= event.tail_seconds) return;
  event.tail_seconds = guessed;
  event.tail_is_guess = true;
}

void Farm::predict(scheduling::ActionSubmitted& event, Entry& entry, const records::Identity& identity) {
  const auto remembered = parts_.records.predicted_seconds(identity);
  if (!remembered) entry.guess_seconds = guesses_.seconds(entry.action);
  event.predicted_seconds = remembered.value_or(entry.guess_seconds);
  event.is_guess = !remembered;
  event.category = guess_category(entry.action);
  event.peak_memory_bytes = parts_.records.peak_memory_bytes(identity);
}

// Many at a time: what they say of files had happened when they came, so one
// look after that is late enough for all of them.  Of those that bring contents
// one at a time, for these lie in the channel until the next is received.
void Farm::read_messages() {
  for (bool is_all = false; !is_all;) {
    std::vector<std::pair<PeerId, protocol::ToCoordinator>> came;
    bool has_contents = false;
    for (std::size_t bytes = 0; came.size() < kMostMessages && bytes < kMostMessageBytes && !has_contents;) {
      const auto envelope = parts_.channel.receive();
      is_all = !envelope;
      if (is_all) break;
      bytes += envelope->bytes.size();
      auto message = read_message(*envelope);
      if (!message) continue;
      has_contents = std::holds_alternative<protocol::OutputChunk>(*message);
      came.emplace_back(envelope->peer, std::move(*message));
    }
    if (!came.empty()) look_again();
    for (auto& [peer, message] : came) handle_message(peer, message);
  }
}

// nullopt: there was no sense in it, and its sender is not used any more.
std::optional<protocol::ToCoordinator> Farm::read_message(const Envelope& envelope) {
  auto message = protocol::decode_to_coordinator(envelope.bytes);
  if (message) return std::move(*message);
  warn_once("worker " + envelope.peer + " sent a message that cannot be read (" + message.error().message +
            "); it is not used any more. Is the same extfarm installed there?");
  parts_.channel.drop(envelope.peer);
  return std::nullopt;
}

void Farm::handle_message(const PeerId& peer, protocol::ToCoordinator& message) {
  if (const auto* heartbeat = std::get_if<protocol::Heartbeat>(&message)) return handle_heartbeat(peer, *heartbeat);
  const auto* worker = parts_.directory.find(peer);
  if (worker == nullptr) return;
  const WorkerId from = worker->id;
  if (const auto* probed = std::get_if<protocol::ToolchainProbed>(&message))
    handle_toolchain(from, *probed);
  else if (auto* report = std::get_if<protocol::Report>(&message))
    handle_report(from, std::move(*report));
  else if (const auto* chunk = std::get_if<protocol::OutputChunk>(&message))
    publications_.receive(turn_started_, from, *chunk);
  else if (const auto* need = std::get_if<protocol::NeedInput>(&message))
    handle_need(from, *need);
  end_publications();
}

void Farm::handle_heartbeat(const PeerId& peer, const protocol::Heartbeat& heartbeat) {
  const auto sighting = parts_.directory.see(turn_started_, peer, heartbeat);
  if (sighting.lost) {
    publications_.lose(*sighting.lost);
    first_answers_.lost(*sighting.lost);
    end_publications();
    tell(scheduling::WorkerLost{*sighting.lost});
  }
  if (sighting.worker == nullptr) return;
  nobody_there_ = false;
  const WorkerId id = sighting.worker->id;
  sighting.worker->memory_bytes = std::max(sighting.worker->memory_bytes, heartbeat.memory_bytes);
  if (sighting.joined) {
    sighting.worker->joined = turn_started_;
    if (sighting.worker->is_local) first_answers_.own_worker_is_decided();
    tell(scheduling::WorkerJoined{id, sighting.worker->is_local, known_speed(heartbeat)});
  }
  auto& offers = sighting.worker->offers;
  if (heartbeat.offered_slots != (offers.empty() ? heartbeat.total_slots : offers.back().slots))
    offers.push_back({turn_started_, heartbeat.offered_slots});
  if (sighting.joined && sighting.worker->is_local && own_worker_limit_ != UINT32_MAX)
    tell(scheduling::SlotsLimited{id, own_worker_limit_});
  if (sighting.joined && distrusted_hosts_.contains(sighting.worker->host)) distrust(id);
  scheduling::HeartbeatReceived event{id, heartbeat.sequence, heartbeat.slots, heartbeat.draining, {}, heartbeat.memory_bytes};
  for (const auto& held : heartbeat.leases) event.leases.push_back({held.lease, held.phase});
  tell(event);
}

// What earlier builds learned of its host; failing that, what the worker measured, beside the first that did.
double Farm::known_speed(const protocol::Heartbeat& heartbeat) {
  const double remembered = parts_.records.host_speed(heartbeat.host).value_or(0);
  if (heartbeat.measured_speed == 0) return remembered;
  const auto measured = static_cast<double>(heartbeat.measured_speed);
  if (speed_scale_.measured == 0) speed_scale_ = {heartbeat.measured_speed, remembered > 0 ? remembered : 1};
  return remembered > 0 ? remembered : speed_scale_.speed * measured / static_cast<double>(speed_scale_.measured);
}

void Farm::handle_toolchain(WorkerId from, const protocol::ToolchainProbed& probed) {
  for (const auto& [digest, spec] : toolchains_) {
    if (spec != probed.spec) continue;
    const bool same = probed.found && probed.digest == digest;
    if (!same) {
      std::string what = probed.found ? "it differs" : probed.reason;
      for (const auto& theirs : probed.components) {
        for (const auto& ours : own_toolchains_[digest].components) {
          if (ours.name == theirs.name && ours.digest != theirs.digest) what = theirs.path + " differs";
        }
      }
      ++parts_.log.toolchain_differs;
      warn_once("worker " + parts_.directory.find(from)->name + " is not used for " + spec.driver + ": " +
                what + "; install the same version there");
    }
    first_answers_.answered(from, digest, same);
    tell(scheduling::ToolchainReported{from, digest, same});
  }
}

void Farm::handle_report(WorkerId from, protocol::Report report) {
  const auto it = attempts_.find(report.lease);
  scheduling::OutcomeReceived event{from, report.lease, report.outcome.outcome_class, report.outcome.run_time,
                                    report.outcome.reason, report.outcome.peak_memory_bytes};
  if (it != attempts_.end() && it->second.worker == from && !it->second.has_report) {
    it->second.finished = turn_started_;
    it->second.has_report = true;
    it->second.report = std::move(report);
    if (!is_waited_for(it->second.report)) {
      if (event.outcome == OutcomeClass::kInputsDiffer) reject(from, event.reason);
      log_attempt(event.lease, it->second, name_of(event.outcome), false, 0);
    }
  }
  tell(event);
}

void Farm::reject(WorkerId worker, const std::string& reason) {
  ++parts_.log.inputs_differ;
  warn_once("a result of worker " + parts_.directory.find(worker)->name + " was rejected: " + reason);
}

void Farm::handle_need(WorkerId from, const protocol::NeedInput& need) {
  const auto it = attempts_.find(need.lease);
  if (it == attempts_.end() || it->second.worker != from) return;
  const auto& pinned = entries_.at(it->second.action).action.pinned;
  const bool asked_for =
      std::any_of(pinned.begin(), pinned.end(), [&](const auto& p) { return p.path == need.path; });
  protocol::InputBytes answer{need.lease, need.path, need.offset_bytes, 0, false, {}};
  std::vector<char> part;
  const auto stamp = asked_for ? parts_.filesystem.stat(need.path) : std::nullopt;
  if (stamp && stamp->is_regular && need.offset_bytes <= stamp->size_bytes) {
    part.resize(std::min(stamp->size_bytes - need.offset_bytes, protocol::kChunkBytes));
    answer.found = read_part(need.path, need.offset_bytes, part).has_value();
    answer.size_bytes = stamp->size_bytes;
    answer.bytes = {part.data(), part.size()};
  }
  parts_.directory.send(from, answer);
}

void Farm::end_publications() {
  for (const auto& end : publications_.take_ends()) {
    const auto it = attempts_.find(end.lease);
    FARM_CHECK(it != attempts_.end());
    Attempt& attempt = it->second;
    Entry& entry = entries_.at(attempt.action);
    const auto& outcome = attempt.report.outcome;
    if (end.failure) {
      if (*end.failure == OutcomeClass::kInputsDiffer) {
        reject(attempt.worker, end.reason);
      }
      log_attempt(end.lease, attempt, name_of(*end.failure), false, 0);
      tell(scheduling::PublicationFailed{end.lease, *end.failure, end.reason, end.is_this_hosts_fault});
      continue;
    }
    for (const auto& output : outcome.attestation.outputs) {
      if (output.kind == OutputKind::kFile) products_.publish(output.path, output.digest);
    }
    if (outcome.outcome_class == OutcomeClass::kSucceeded) {
      const auto recorded =
          parts_.memory.record(entry.action, identity_of(attempt.action), outcome.attestation, outcome.stdout_bytes,
                               outcome.stderr_bytes, attempt.sent_realtime_ns);
      if (const auto written = parts_.memory.written_meanwhile(recorded); !written.empty()) {
        ++parts_.log.inputs_changed;
        warn_once(written + " was written while a command that reads it ran; that runs again in the next build");
      }
      if (canary_.is_on())
        held_back_.push_back({parts_.directory.find(attempt.worker)->host, recorded, seconds(outcome.run_time)});
      else
        parts_.earlier.keep(recorded, seconds(outcome.run_time));
      consider_repeating(entry, attempt);
    } else {
      parts_.memory.forget(outcome.attestation);
    }
    log_attempt(end.lease, attempt, name_of(outcome.outcome_class), true, end.bytes_returned);
    tell(scheduling::OutputsPublished{end.lease});
  }
}

// One event after the other: what a command brings about at once, such as a
// verdict, is told when the commands before it have all been carried out.
void Farm::tell(const scheduling::Event& event) {
  untold_.push_back(event);
  if (std::exchange(is_telling_, true)) return;
  for (; !untold_.empty(); untold_.pop_front()) {
    for (const auto& command : scheduler_.handle(parts_.clock.now(), untold_.front())) carry_out(command);
  }
  is_telling_ = false;
}

}  // namespace extfarm
