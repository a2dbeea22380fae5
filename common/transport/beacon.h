// A worker's beacon: one JSON file in the rendezvous folder, so that
// coordinators find it.  Written under a temporary name and renamed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

struct Beacon {
  std::uint32_t protocol_version = 1;
  std::string name;        // unique: host-pid-epoch; also the file's name, plus ".json"
  std::string endpoint;    // reachable by others: "tcp://lab01:7170"
  std::string public_key;  // Z85
  std::string host;
  std::uint32_t slots = 0;
  std::uint64_t epoch = 0;
  std::uint32_t offered_slots = 0;  // of its slots, now
  std::string offer_reason = {};    // why not all; empty: all
  std::string label = {};  // who started it and as what, such as a batch system's job; may be empty
};

Result<void> write_beacon(const std::string& folder, const Beacon&);
void remove_beacon(const std::string& folder, const Beacon&);

struct BeaconReading {
  std::vector<Beacon> beacons;         // sorted by name
  std::vector<std::string> complaints;  // one for each file that could not be read: which, why, what to do
};
// A missing folder has no beacons and is not an error.  Files of workers whose
// names are `known` are not opened.
BeaconReading read_beacons(const std::string& folder,
                           const std::function<bool(const std::string&)>& known = [](const auto&) { return false; });

}  // namespace extfarm
