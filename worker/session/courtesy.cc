#include "worker/session/courtesy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace extfarm::session {

Courtesy::Courtesy(CourtesyPolicy policy, std::uint32_t slots)
    : policy_(std::move(policy)), slots_(slots), offer_{slots, ""}, spared_(slots) {}

bool Courtesy::look(Timestamp now, const MachineSeen& seen) {
  weigh_load(now, seen.others_busy);
  Offer next = decide(seen);
  if (next == offer_) return false;
  offer_ = std::move(next);
  return true;
}

Offer Courtesy::decide(const MachineSeen& seen) const {
  const auto offer = [&](std::uint32_t slots, std::string reason) {
    return slots >= slots_ ? Offer{slots_, ""} : Offer{slots, std::move(reason)};
  };
  const auto used = [&](std::string reason) { return offer(policy_.slots_when_used, std::move(reason)); };
  if (policy_.hours && !policy_.hours->contain(seen.minute_of_week))
    return used("it serves the farm at " + policy_.hours->text() + " only");
  if (policy_.minds_people && !seen.knows_people) return used("who is logged in cannot be told");
  const Person* first = nullptr;
  std::size_t count = 0;
  for (const auto& person : seen.people) {
    if (!policy_.minds_people || person.idle >= policy_.away_after) continue;
    if (first == nullptr) first = &person;
    ++count;
  }
  if (first != nullptr)
    return used(first->name + " " + first->place + (count > 1 ? ", and " + std::to_string(count - 1) + " more" : ""));
  if (!policy_.minds_load) return offer(slots_, "");
  return offer(std::max(spared_, policy_.slots_when_used), "other programs keep processors busy");
}

// Less at once, more when it has been calm for long enough.
void Courtesy::weigh_load(Timestamp now, double others_busy) {
  const double elapsed = last_look_ ? seconds(now - *last_look_) : seconds(policy_.load_looks_back);
  last_look_ = now;
  load_ += (others_busy - load_) * (1 - std::exp(-elapsed / seconds(policy_.load_looks_back)));
  const double left = std::floor(static_cast<double>(slots_ + policy_.processors_besides) - load_ + 0.5);
  const auto spared = static_cast<std::uint32_t>(std::clamp(left, 0.0, static_cast<double>(slots_)));
  if (spared <= spared_) {
    spared_ = spared;
    calm_since_.reset();
    return;
  }
  spared_when_calm_ = calm_since_ ? std::min(spared_when_calm_, spared) : spared;
  if (!calm_since_) calm_since_ = now;
  if (now - *calm_since_ < policy_.load_calm_for) return;
  spared_ = spared_when_calm_;
  calm_since_.reset();
}

}  // namespace extfarm::session
