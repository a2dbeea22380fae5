// What the live page shows: the running build if there is one, the last one,
// the workers that have announced themselves.
#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/timestamp.h"
#include "common/system/clock.h"

namespace extfarm::live_page {

struct State {
  nlohmann::json build;    // null, or as reporting::live_build_json
  nlohmann::json last;     // null, or last-build.json
  std::int64_t last_end_s = 0;  // when that one ended, seconds since 1970
  nlohmann::json workers = nlohmann::json::array();  // of each beacon: id, host, endpoint, slots
};

// All of it, for the page's script: one line.
std::string state_json(const State&);

// Reads it anew, but no more often than four times a second however many ask.
// Any thread may ask.
class StateReader {
 public:
  // `folder`: where .extfarm lies; it need not exist.  `rendezvous`: folder of beacons.
  StateReader(std::string folder, std::string rendezvous, const Clock& clock);
  State read();
  const std::string& folder() const { return folder_; }

 private:
  State read_now() const;
  const std::string folder_, rendezvous_;
  const Clock& clock_;
  std::mutex mutex_;
  State state_;
  Timestamp next_reading_;
};

}  // namespace extfarm::live_page
