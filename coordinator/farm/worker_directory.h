// Finds workers by their beacons, keeps a connection to each, and knows which
// peer is which worker in which life.  Decides nothing about actions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/strong_id.h"
#include "common/base/timestamp.h"
#include "common/protocol/messages.h"
#include "common/transport/beacon.h"
#include "common/transport/channel.h"
#include "coordinator/reporting/build_log.h"

namespace extfarm {

struct KnownWorker {
  WorkerId id;
  PeerId peer;
  std::string name, host;
  std::uint64_t epoch = 0;
  std::uint32_t slots = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t finished_count = 0;  // attempts whose results were used
  bool is_local = false, was_quarantined = false;
  Timestamp joined;
  std::vector<reporting::OfferChange> offers;
  std::set<LeaseId> leases;  // sent and not yet revoked
};

struct DirectorySettings {
  std::string local_rendezvous;  // of the embedded worker
  std::string rendezvous;
  std::vector<std::string> endpoints;  // when not empty, only workers at these
  std::string own_worker_key;          // public; for endpoints without a beacon
  std::string user, host;
  std::uint64_t epoch = 0;
  std::size_t most_workers = SIZE_MAX;  // more are not connected to
};

class WorkerDirectory {
 public:
  WorkerDirectory(DirectorySettings, ConnectingChannel&);

  // Reads the folders (every half second) and says hello where due.
  void refresh(Timestamp now);
  // What a heartbeat means: who joined, who was lost by it.
  struct Sighting {
    KnownWorker* worker = nullptr;  // null: not usable yet
    std::optional<WorkerId> lost;   // an earlier life at the same peer
    bool joined = false;
  };
  Sighting see(Timestamp now, const PeerId&, const protocol::Heartbeat&);
  KnownWorker* find(WorkerId);
  KnownWorker* find(const PeerId&);
  void send(WorkerId, const protocol::ToWorker&);
  void say_goodbye();
  // Every worker ever seen in this build.
  const std::map<WorkerId, KnownWorker>& workers() const { return workers_; }
  bool has_usable() const { return !current_.empty(); }
  std::vector<std::string> take_complaints();
  // Every worker that was found has answered.
  bool all_have_answered() const { return contacts_.size() == current_.size(); }

 private:
  struct Contact {
    Beacon beacon;
    bool is_local = false;
    Timestamp last_hello;
    bool hello_said = false;
  };
  void read_folder(const std::string& folder, bool is_local);
  void connect(const std::string& name, const Beacon&, bool is_local);
  void say_hellos(Timestamp now);
  // When it must be said again.
  Timestamp say_hello(Timestamp now, const PeerId&, Contact&);
  void complain_once(const std::string&);
  bool is_reached(const Beacon&) const;
  bool is_second_way(const PeerId&) const;
  const KnownWorker* find_same(const Beacon&, std::uint64_t epoch) const;

  DirectorySettings settings_;
  ConnectingChannel& channel_;
  std::map<PeerId, Contact> contacts_;
  std::map<PeerId, WorkerId> current_;  // two peers are one worker where it has two addresses
  std::map<WorkerId, KnownWorker> workers_;
  std::set<std::string> complained_;
  std::vector<std::string> complaints_;
  std::uint64_t next_worker_ = 1;
  std::optional<Timestamp> last_reading_;
  Timestamp hellos_due_;  // not before then to anybody
};

}  // namespace extfarm
