#include "coordinator/clusters/slurm_keeper.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/base/digest.h"

namespace extfarm::clusters {
namespace {

namespace fs = std::filesystem;
using staffing::JobState;

constexpr Duration kOfferEvery = std::chrono::seconds(5);
constexpr std::chrono::hours kLogsAreOldAfter{24 * 7};

// Of a log, in one line.
std::string last_words_of(const std::string& path) {
  std::ifstream file(path);
  std::string last, before;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) before = std::exchange(last, line);
  }
  if (last.empty()) return "it said nothing";
  return before.empty() ? last : before + " " + last;
}

// Slurm, or its administrators, set a bound that fewer workers may keep to.
bool is_limit(const std::string& words) {
  for (const char* sign : {"imit", "policy", "array"}) {
    if (words.find(sign) != std::string::npos) return true;
  }
  return false;
}

std::string workers_text(std::size_t count) { return count == 1 ? "1 worker" : fmt::format("{} workers", count); }

}  // namespace

std::string keeper_name(const std::string& user, const std::string& rendezvous) {
  Hasher hasher;
  hasher.add_field(rendezvous);
  return "extfarm-" + user + "-" + to_hex(hasher.finish()).substr(0, 8);
}

SlurmKeeper::SlurmKeeper(SlurmKeeperSettings settings, SlurmClient& slurm, DemandBoard& board,
                         std::function<void(const std::string&)> say)
    : settings_(std::move(settings)), slurm_(slurm), board_(board), say_(std::move(say)), staffing_(settings_.policy) {
  remove_old_logs();
}

void SlurmKeeper::say_once(const std::string& message) {
  if (said_.insert(message).second) say_(message);
}

void SlurmKeeper::tell(const Result<void>& done) {
  if (!done) say_once(done.error().message);
}

// Those of workers that ended while nobody was there to remove them.
void SlurmKeeper::remove_old_logs() {
  std::error_code failed;
  for (fs::directory_iterator it(settings_.job.log_folder, failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code unknown;
    const auto age = fs::file_time_type::clock::now() - it->last_write_time(unknown);
    if (!unknown && it->path().extension() == ".log" && age > kLogsAreOldAfter) fs::remove(it->path(), unknown);
  }
}

void SlurmKeeper::turn(Timestamp now) {
  const auto notes = board_.read(now);
  const bool is_wanted = std::any_of(notes.begin(), notes.end(), [](const auto& note) { return note.width > 0; });
  const bool is_due = !last_look_ || now - *last_look_ >= settings_.look_every;
  if (is_due && (is_wanted || !jobs_.empty() || !last_look_) && look(now)) {
    const auto known = facts(notes);
    const auto decision = staffing_.decide(now, known);
    if (decision.ask > 0) ask(now, decision, known);
    tell(slurm_.cancel(decision.cancel));
    drain(decision.drain);
    if (const auto given_back = decision.cancel.size() + decision.drain.size(); given_back > 0)
      say_(fmt::format("gave {} back to Slurm; {} in its queue", workers_text(given_back), jobs_.size() - given_back));
    if (decision.offered_slots != offered_slots_) last_offer_.reset();
    offered_slots_ = decision.offered_slots;
  }
  if (last_offer_ && now - *last_offer_ < kOfferEvery) return;
  last_offer_ = now;
  board_.offer(offered_slots_);
}

// False when Slurm does not answer: then nothing is decided.
bool SlurmKeeper::look(Timestamp now) {
  const bool is_first = !last_look_;
  last_look_ = now;
  // Before the queue: whoever has announced itself by now is in it, unless its job has ended.
  const auto beacons = read_beacons(settings_.job.rendezvous).beacons;
  auto queue = slurm_.queue(settings_.job.job_name, settings_.user);
  answers_ = queue.has_value();
  if (!queue) {
    say_once(queue.error().message + "; workers stay as they are until it answers");
    return false;
  }
  const auto known = std::exchange(jobs_, {});
  std::copy_if(queue->begin(), queue->end(), std::back_inserter(jobs_), [](const auto& job) { return meaning_of(job).has_value(); });
  if (is_first && !jobs_.empty()) say_(fmt::format("found {} of an earlier call in Slurm's queue", workers_text(jobs_.size())));
  clear_beacons(beacons);
  if (is_first) {  // what ended before is an earlier call's affair
    for (const auto& job : *queue) ended_.insert(job.life());
    for (const auto& job : jobs_) ended_.erase(job.life());
  }
  read_ends(now, known, *queue);
  say_hindrances();
  return true;
}

// Keeps those of jobs that are there; what a dead worker left is removed.
void SlurmKeeper::clear_beacons(const std::vector<Beacon>& beacons) {
  workers_.clear();
  for (const auto& beacon : beacons) {
    const auto label = read_label(beacon.label);
    if (!label || label->job_name != settings_.job.job_name) continue;
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& one) { return one.id == label->id; });
    if (job == jobs_.end() || label->restarts < job->restarts) {
      remove_beacon(settings_.job.rendezvous, beacon);
    } else {
      workers_[label->id] = beacon;
      announced_.insert(job->life());
    }
  }
}

void SlurmKeeper::read_ends(Timestamp now, const std::vector<SlurmJob>& known, const std::vector<SlurmJob>& queue) {
  for (const auto& job : known) {  // Slurm forgets those that ended after a while, and may lose some when it dies
    if (std::any_of(queue.begin(), queue.end(), [&](const auto& one) { return one.id == job.id; })) continue;
    ::unlink(log_of(job.id).c_str());
    announced_.erase(job.life());
    drained_.erase(job.life());
  }
  std::set<std::string> ended;
  for (const auto& job : queue) {
    if (meaning_of(job)) continue;
    if (!ended_.contains(job.life())) end_of(now, job);
    ended.insert(job.life());
  }
  ended_ = std::move(ended);
}

void SlurmKeeper::end_of(Timestamp now, const SlurmJob& job) {
  const auto log = log_of(job.id);
  const bool was_drained = drained_.erase(job.life()) > 0, was_there = announced_.erase(job.life()) > 0;
  if (was_drained || !has_failed(job)) {
    ::unlink(log.c_str());
    return;
  }
  if (!was_there) staffing_.failed_to_start(now);
  say_once(fmt::format("a worker {} ({}): {}", was_there ? "failed" : "could not start", "job " + job.id + ", " + log, last_words_of(log)));
}

void SlurmKeeper::say_hindrances() {
  for (const auto& job : jobs_) {
    if (is_hindered(job)) say_once("workers wait in Slurm's queue for: " + job.reason);
  }
}

staffing::Facts SlurmKeeper::facts(const std::vector<DemandNote>& notes) const {
  staffing::Facts out;
  std::map<std::string, std::string> job_of;  // by the worker's name
  for (const auto& [id, beacon] : workers_) job_of[beacon.name] = id;
  std::set<std::string> busy;
  for (const auto& note : notes) {
    staffing::BuildDemand build{note.build, note.queued_seconds, note.submitted_seconds, note.width, 0};
    for (const auto& worker : note.workers) {
      const auto job = job_of.find(worker.name);
      if (job == job_of.end())
        build.other_slots += worker.slots;
      else if (worker.leases > 0)
        busy.insert(job->second);
    }
    out.builds.push_back(std::move(build));
  }
  for (const auto& job : jobs_) {
    const auto worker = workers_.find(job.id);
    const auto state = drained_.contains(job.life()) ? JobState::kLeaving : *meaning_of(job);
    out.jobs.push_back({job.id, state, worker == workers_.end() ? 0 : worker->second.slots, busy.contains(job.id)});
  }
  return out;
}

void SlurmKeeper::ask(Timestamp now, const staffing::Decision& decision, const staffing::Facts& known) {
  double queued = 0;
  for (const auto& build : known.builds) queued += build.queued_seconds;
  bool was_refused = false;
  for (std::uint32_t left = decision.ask, count = left; left > 0;) {
    count = std::min({count, left, slurm_.most_in_array()});
    const auto job = slurm_.submit(settings_.job, count);
    if (job) {
      say_(fmt::format("asked Slurm for {} (job {}); builds have {:.{}f} core-seconds of work", workers_text(count), *job, queued, queued < 10 ? 1 : 0));
      left -= count;
      continue;
    }
    was_refused = true;
    staffing_.refused(now);
    say_once(job.error().message + "; going on without more workers, and asking again from time to time");
    if (count == 1 || !is_limit(job.error().message)) return;
    left = count /= 2;
  }
  if (!was_refused) staffing_.accepted();
}

// Each life of a job is told once: the second time would stop what it runs.
void SlurmKeeper::drain(const std::vector<std::string>& ids) {
  std::vector<std::string> told;
  for (const auto& job : jobs_) {
    if (std::find(ids.begin(), ids.end(), job.id) != ids.end() && drained_.insert(job.life()).second) told.push_back(job.id);
  }
  tell(slurm_.drain(told));
}

bool SlurmKeeper::give_back(Timestamp now) {
  if (last_look_ && now - *last_look_ < std::chrono::seconds(1)) return false;
  if (!look(now)) return false;
  std::vector<std::string> cancelled, drained;
  for (const auto& job : jobs_) {
    const auto state = *meaning_of(job);
    if (state == JobState::kWaiting || state == JobState::kLater) cancelled.push_back(job.id);
    if (state == JobState::kRunning) drained.push_back(job.id);
  }
  tell(slurm_.cancel(cancelled));
  drain(drained);
  if (!jobs_.empty()) return false;
  ::rmdir(settings_.job.log_folder.c_str());
  return true;
}

std::vector<std::string> SlurmKeeper::remaining() const {
  std::vector<std::string> out;
  for (const auto& job : jobs_) out.push_back(job.id + " " + job.state);
  return out;
}

}  // namespace extfarm::clusters
