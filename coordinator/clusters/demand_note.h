// What a build needs, and what somebody offers who can start workers for it: two
// small JSON documents in the folder `demand` beside the workers' beacons.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace extfarm::clusters {

struct DemandNote {
  std::string build;           // unique; also the file's name, plus ".json"
  std::uint64_t sequence = 0;  // another one each time that it is written
  double queued_seconds = 0, submitted_seconds = 0;  // of one slot; see staffing::BuildDemand
  std::uint64_t width = 0;
  struct Worker {
    std::string name;           // as in its beacon
    std::uint64_t slots = 0;    // that this build may use there
    std::uint64_t leases = 0;   // of this build
  };
  std::vector<Worker> workers;
};
std::string text_of(const DemandNote&);
// Errors: kMalformed, with what is wrong.
Result<DemandNote> read_demand_note(std::string_view text);

struct Offer {
  std::uint64_t sequence = 0;
  std::uint64_t slots = 0;  // that can be had beside those of the workers that are there
};
std::string text_of(const Offer&);
Result<Offer> read_offer(std::string_view text);

}  // namespace extfarm::clusters
