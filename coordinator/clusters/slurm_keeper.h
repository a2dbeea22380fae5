// Keeps an array of workers in Slurm for the builds that ask for them.  All that
// it knows it reads anew: Slurm's queue, beacons, builds' notes; so one that was
// killed is followed by the next as if nothing had happened.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/transport/beacon.h"
#include "coordinator/clusters/demand_board.h"
#include "coordinator/clusters/slurm_client.h"
#include "coordinator/staffing/staffing.h"

namespace extfarm::clusters {

struct SlurmKeeperSettings {
  SlurmJobRequest job;
  staffing::StaffingPolicy policy;
  std::string user;
  Duration look_every = std::chrono::seconds(5);  // at Slurm's queue, while there is a reason to
};

// The name of all jobs of one user's keeper for one rendezvous folder.
std::string keeper_name(const std::string& user, const std::string& rendezvous);

class SlurmKeeper {
 public:
  // `say` gets each message for the user once.
  SlurmKeeper(SlurmKeeperSettings, SlurmClient&, DemandBoard&, std::function<void(const std::string&)> say);
  // To be called about once a second.
  void turn(Timestamp now);
  // Takes back what has not started and drains what runs; nothing more is asked for.
  // True when nothing of it is left; call it again otherwise.
  bool give_back(Timestamp now);
  // Whether Slurm did when it was last asked.
  bool answers() const { return answers_; }
  // Those that were there at the last look, "12_3 RUNNING".
  std::vector<std::string> remaining() const;

 private:
  bool look(Timestamp now);
  void read_ends(Timestamp now, const std::vector<SlurmJob>& known, const std::vector<SlurmJob>& queue);
  void end_of(Timestamp now, const SlurmJob&);
  void clear_beacons(const std::vector<Beacon>&);
  void say_hindrances();
  void remove_old_logs();
  staffing::Facts facts(const std::vector<DemandNote>&) const;
  void ask(Timestamp now, const staffing::Decision&, const staffing::Facts&);
  void drain(const std::vector<std::string>& ids);
  void tell(const Result<void>&);
  void say_once(const std::string& message);
  std::string log_of(const std::string& id) const { return settings_.job.log_folder + "/" + id + ".log"; }

  SlurmKeeperSettings settings_;
  SlurmClient& slurm_;
  DemandBoard& board_;
  std::function<void(const std::string&)> say_;
  staffing::Staffing staffing_;
  std::vector<SlurmJob> jobs_;              // that have not ended, as of the last look
  std::map<std::string, Beacon> workers_;   // by job
  std::set<std::string> announced_, drained_, ended_;  // lives of jobs
  std::set<std::string> said_;
  std::optional<Timestamp> last_look_, last_offer_;
  std::uint64_t offered_slots_ = 0;
  bool answers_ = true;
};

}  // namespace extfarm::clusters
