// How many slots a machine can spare for the farm, given who else uses it.
// Facts in, an offer out; sees neither people nor clocks itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/timestamp.h"
#include "worker/session/hours.h"

namespace extfarm::session {

struct Person {  // logged in
  std::string name;
  std::string place;  // as a sentence ends: "is at the console", "is logged in from lab07"
  Duration idle{0};   // since the last input
};

struct MachineSeen {  // an event: what was seen of the machine just now
  bool knows_people = true;  // false: who is logged in cannot be told
  std::vector<Person> people;
  double others_busy = 0;  // processors that neither attempts nor niced programs kept busy since the last look
  std::uint32_t minute_of_week = 0;  // see Hours::contain
};

struct CourtesyPolicy {
  bool minds_people = false, minds_load = false;
  std::uint32_t slots_when_used = 0;
  std::uint32_t processors_besides = 0;  // that the machine has beyond its slots: others may keep them busy
  Duration away_after = std::chrono::minutes(5);  // without input: as long as screens take to lock
  std::optional<Hours> hours;  // outside of them it counts as used; empty: at any time
  Duration load_looks_back = std::chrono::seconds(5);  // a cron job of a second is no reason to throw compiles away
  Duration load_calm_for = std::chrono::seconds(30);   // less load has to last before a slot comes back
};

struct Offer {
  std::uint32_t slots = 0;
  std::string reason;  // why not all; empty: all
  bool operator==(const Offer&) const = default;
};

class Courtesy {
 public:
  Courtesy(CourtesyPolicy policy, std::uint32_t slots);
  const Offer& offer() const { return offer_; }  // all slots until the first look
  // True when the offer has changed.  `now` never goes back.
  bool look(Timestamp now, const MachineSeen&);

 private:
  Offer decide(const MachineSeen&) const;
  void weigh_load(Timestamp now, double others_busy);

  const CourtesyPolicy policy_;
  const std::uint32_t slots_;
  Offer offer_;
  double load_ = 0;  // others_busy, smoothed
  std::uint32_t spared_;  // what load leaves
  std::uint32_t spared_when_calm_ = 0;
  std::optional<Timestamp> last_look_, calm_since_;
};

}  // namespace extfarm::session
