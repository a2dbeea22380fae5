// The folder `demand` of a rendezvous folder: builds put there what they need,
// and read what is offered.  It is there while somebody keeps workers for them.
// Who has died is known by a document that no longer changes; no clocks of two
// hosts are compared.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/timestamp.h"
#include "common/system/filesystem.h"
#include "coordinator/clusters/demand_note.h"

namespace extfarm::clusters {

// Longer than a network filesystem may show an old file (a minute).
inline constexpr Duration kDeadAfter = std::chrono::seconds(90);

std::string demand_folder(const std::string& rendezvous);

// Whether documents still change.
class Pulses {
 public:
  bool is_alive(Timestamp now, const std::string& name, std::uint64_t sequence);

 private:
  struct Beat {
    std::uint64_t sequence = 0;
    Timestamp since;
  };
  std::map<std::string, Beat> beats_;
};

// A build's side.
class DemandPost {
 public:
  DemandPost(const std::string& rendezvous, std::string build, Filesystem&);
  ~DemandPost();  // its note is removed
  DemandPost(const DemandPost&) = delete;
  DemandPost& operator=(const DemandPost&) = delete;
  // Whether somebody is there to read a note, and has not had one for a while.
  bool is_due(Timestamp now);
  // `note` gets its name and number.  A folder that cannot be written is nobody's fault: nothing is said.
  void put(DemandNote note);
  std::uint64_t offered_slots() const { return offered_slots_; }

 private:
  void read_offer_there(Timestamp now);

  std::string folder_, path_, build_;
  Filesystem& filesystem_;
  std::optional<Timestamp> last_look_;
  std::uint64_t sequence_ = 0, offered_slots_ = 0;
  Pulses pulses_;
};

// The side of who keeps workers.
class DemandBoard {
 public:
  // Makes the folder.  Errors: kIo, with the path.
  static Result<DemandBoard> open(const std::string& rendezvous, Filesystem&);
  // Notes of builds that live, by name; those of dead ones are removed.
  std::vector<DemandNote> read(Timestamp now);
  void offer(std::uint64_t slots);
  // Nothing of it stays.
  void close();
  const std::string& folder() const { return folder_; }

 private:
  DemandBoard(std::string folder, Filesystem& filesystem) : folder_(std::move(folder)), filesystem_(&filesystem) {}

  std::string folder_;
  Filesystem* filesystem_;
  Pulses pulses_;
  std::uint64_t sequence_ = 0;
};

}  // namespace extfarm::clusters
