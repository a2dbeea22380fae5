// A build's work is what it has queued, and what it will submit: in the next
// horizon as much as in the last one.  So a make that hands out sixteen steps
// at a time is given more than sixteen steps are worth, for as long as more come.
#include "coordinator/staffing/staffing.h"

#include <algorithm>
#include <cmath>

namespace extfarm::staffing {

void Staffing::Pause::begin(Timestamp now, const StaffingPolicy& policy) {
  last = last == Duration{0} ? policy.first_pause : std::min<Duration>(2 * last, policy.longest_pause);
  until = now + last;
}

std::uint64_t Staffing::slots_of(const WorkerJob& job) const {
  if (job.slots > 0) return job.slots;
  return typical_slots_ > 0 ? typical_slots_ : policy_.slots_per_worker;
}

std::uint64_t Staffing::slots_wanted(Timestamp now, const Facts& facts) {
  std::map<std::string, History> seen;
  std::uint64_t wanted = 0;
  for (const auto& build : facts.builds) {
    auto& samples = (seen[build.build] = std::move(builds_[build.build])).submitted;
    samples.emplace_back(now, build.submitted_seconds);
    while (samples.size() > 1 && now - samples.front().first > policy_.horizon) samples.pop_front();
    const double arrived = std::max(0.0, build.submitted_seconds - samples.front().second);
    const double enough = std::ceil((build.queued_seconds + arrived) / seconds(policy_.horizon));
    const auto slots = std::min(build.width, static_cast<std::uint64_t>(std::clamp(enough, 0.0, 1e9)));
    wanted += slots - std::min(slots, build.other_slots);
  }
  builds_ = std::move(seen);
  return wanted;
}

void Staffing::learn_from(Timestamp now, const std::vector<WorkerJob>& jobs) {
  std::map<std::string, std::optional<Timestamp>> idle_since;
  std::set<std::string> announced;
  std::uint64_t slots = 0;
  for (const auto& job : jobs) {
    if (job.state != JobState::kRunning) continue;
    const auto before = idle_since_.find(job.id);
    auto& since = idle_since[job.id];
    if (!job.is_busy) since = before != idle_since_.end() && before->second ? before->second : now;
    if (job.slots == 0) continue;
    if (!announced_.contains(job.id)) failures_ = {};
    announced.insert(job.id);
    slots += job.slots;
  }
  idle_since_ = std::move(idle_since);
  if (!announced.empty()) typical_slots_ = static_cast<std::uint32_t>(slots / announced.size());
  announced_ = std::move(announced);
}

// Of those in a state, the last one asked for first, as long as no more than `surplus` is given back.
template <class May>
std::vector<std::string> Staffing::surplus_among(const std::vector<WorkerJob>& jobs, JobState state,
                                                 std::uint64_t& surplus, May&& may) const {
  std::vector<std::string> out;
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    if (job->state != state || slots_of(*job) > surplus || !may(*job)) continue;
    surplus -= slots_of(*job);
    out.push_back(job->id);
  }
  return out;
}

void Staffing::give_back(Timestamp now, const Facts& facts, std::uint64_t supply, std::uint64_t later,
                         Decision& decision) {
  const auto wanted = decision.wanted_slots;
  if (supply + later <= wanted) return too_many_since_.reset();
  if (!too_many_since_) too_many_since_ = now;
  const bool lasts = now - *too_many_since_ >= policy_.waiting_patience;
  auto surplus = supply + later - wanted;
  decision.cancel = surplus_among(facts.jobs, JobState::kLater, surplus, [&](const auto&) { return lasts; });
  surplus = supply - std::min(supply, wanted);
  for (auto& id : surplus_among(facts.jobs, JobState::kWaiting, surplus, [&](const auto&) { return lasts; }))
    decision.cancel.push_back(std::move(id));
  decision.drain = surplus_among(facts.jobs, JobState::kRunning, surplus, [&](const auto& job) {
    const auto since = idle_since_.at(job.id);
    return since && now - *since >= policy_.idle_patience;
  });
}

Decision Staffing::decide(Timestamp now, const Facts& facts) {
  Decision out;
  learn_from(now, facts.jobs);
  out.wanted_slots = slots_wanted(now, facts);
  std::uint64_t supply = 0, waiting = 0, later = 0, ready = 0;
  for (const auto& job : facts.jobs) {
    if (job.state == JobState::kWaiting) waiting += slots_of(job);
    if (job.state == JobState::kLater) later += slots_of(job);
    if (job.state == JobState::kWaiting || job.state == JobState::kRunning) supply += slots_of(job);
    if (job.state == JobState::kLeaving || (job.state == JobState::kRunning && job.slots > 0)) ++ready;
  }
  const auto per_worker = slots_of({});
  const auto room = policy_.most_workers - std::min<std::uint64_t>(policy_.most_workers, facts.jobs.size());
  if (supply < out.wanted_slots && !is_paused(now)) {
    const auto missing = (out.wanted_slots - supply + per_worker - 1) / per_worker;
    out.ask = static_cast<std::uint32_t>(std::min<std::uint64_t>(missing, room));
  }
  give_back(now, facts, supply, later, out);
  const auto may_come = policy_.most_workers - std::min<std::uint64_t>(policy_.most_workers, ready);
  out.offered_slots = is_paused(now) ? waiting : may_come * per_worker;
  return out;
}

}  // namespace extfarm::staffing
