// How far a worker is trusted, on evidence: what failed there and then went
// well elsewhere.  Knows neither actions nor why something failed.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/timestamp.h"

namespace extfarm::scheduling {

class Trust {
 public:
  // An attempt sent at `sent` ended well there.
  void succeed();
  // It failed, and the worker may be why.  True when this counts as a try of its
  // own: what was under way together when one thing went wrong is one try.
  bool fail(Timestamp now, Timestamp sent);
  // What failed there in a try of its own has succeeded elsewhere.
  void confirm() { evidence_ += 1; }

  double evidence() const { return evidence_; }
  bool is_doubtful(std::uint32_t failures) const { return failures > 0 && failures_in_a_row_ >= failures; }
  bool is_quarantined() const { return quarantined_until_.has_value(); }
  bool has_been_quarantined() const { return terms_ > 0; }
  std::optional<Timestamp> quarantined_until() const { return quarantined_until_; }
  // Returns the term: `first`, doubled for each earlier one, `longest` at most.
  Duration quarantine(Timestamp now, Duration first, Duration longest);
  // Once the term is over it is doubtful: one attempt decides.
  void release(std::uint32_t doubtful_failures, double evidence_needed);

 private:
  double evidence_ = 0;
  std::uint32_t failures_in_a_row_ = 0, terms_ = 0;
  std::optional<Timestamp> last_counted_, quarantined_until_;
};

}  // namespace extfarm::scheduling
