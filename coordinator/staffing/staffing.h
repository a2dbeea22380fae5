// How many workers to ask a batch system for, and which to give back: facts in,
// decisions out.  Knows no batch system, clock, file or process.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/timestamp.h"

namespace extfarm::staffing {

struct StaffingPolicy {
  std::uint32_t most_workers = 1;
  std::uint32_t slots_per_worker = 1;             // until workers have said how many they have
  Duration horizon = std::chrono::seconds(30);    // a slot is worth its start when there is so much for it to do
  Duration idle_patience = std::chrono::seconds(30);     // unneeded and idle for so long: given back
  Duration waiting_patience = std::chrono::seconds(10);  // unneeded and not started yet: likewise
  Duration first_pause = std::chrono::seconds(10);  // after a refusal or a worker that failed; doubles each time
  Duration longest_pause = std::chrono::minutes(10);
};

struct BuildDemand {  // what one build says of itself
  std::string build;
  double queued_seconds = 0;     // of all that it knows to run, on one slot
  double submitted_seconds = 0;  // of all that had to run so far; only grows
  std::uint64_t width = 0;       // slots that it could use now
  std::uint64_t other_slots = 0;  // that it has by other means
};

enum class JobState : std::uint8_t {
  kWaiting,  // for the batch system to start it
  kLater,    // may start, but not soon: requeued, held, suspended
  kRunning,
  kLeaving,  // takes no new work
};
struct WorkerJob {
  std::string id;
  JobState state = JobState::kWaiting;
  std::uint32_t slots = 0;  // once it has announced itself; 0: not yet
  bool is_busy = false;     // a build has something there
};

struct Facts {
  std::vector<BuildDemand> builds;
  std::vector<WorkerJob> jobs;  // in the order in which they were asked for
};

struct Decision {
  std::uint64_t wanted_slots = 0;  // of workers of this kind
  std::uint32_t ask = 0;           // for so many workers more
  std::vector<std::string> cancel;  // have not started
  std::vector<std::string> drain;   // are idle
  std::uint64_t offered_slots = 0;  // that builds may count upon beside those that they have
};

class Staffing {
 public:
  explicit Staffing(StaffingPolicy policy) : policy_(policy) {}
  Decision decide(Timestamp now, const Facts&);
  // What became of what was asked for.
  void accepted() { refusals_ = {}; }
  void refused(Timestamp now) { refusals_.begin(now, policy_); }
  void failed_to_start(Timestamp now) { failures_.begin(now, policy_); }
  // Asks for nothing until then.
  bool is_paused(Timestamp now) const { return now < refusals_.until || now < failures_.until; }

 private:
  struct Pause {
    Timestamp until;
    Duration last{0};
    void begin(Timestamp now, const StaffingPolicy&);
  };
  struct History {  // of one build
    std::deque<std::pair<Timestamp, double>> submitted;  // within the horizon, oldest first
  };
  std::uint64_t slots_wanted(Timestamp now, const Facts&);
  std::uint64_t slots_of(const WorkerJob&) const;
  void learn_from(Timestamp now, const std::vector<WorkerJob>&);
  void give_back(Timestamp now, const Facts&, std::uint64_t supply, std::uint64_t later, Decision&);
  template <class May>
  std::vector<std::string> surplus_among(const std::vector<WorkerJob>&, JobState, std::uint64_t& surplus,
                                         May&& may) const;

  StaffingPolicy policy_;
  std::uint32_t typical_slots_ = 0;  // of those that have announced themselves; 0: not known
  std::map<std::string, History> builds_;
  std::map<std::string, std::optional<Timestamp>> idle_since_;  // of running jobs; empty: busy
  std::set<std::string> announced_;
  std::optional<Timestamp> too_many_since_;
  Pause refusals_, failures_;
};

}  // namespace extfarm::staffing
