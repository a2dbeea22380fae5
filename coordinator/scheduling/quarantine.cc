#include "coordinator/scheduling/quarantine.h"

#include <algorithm>

namespace extfarm::scheduling {
namespace {

constexpr double kSuccessWorth = 0.5;  // of a piece of evidence: a worker on which one in three fails is bad

}  // namespace

void Trust::succeed() {
  failures_in_a_row_ = 0;
  evidence_ = std::max(0.0, evidence_ - kSuccessWorth);
}

bool Trust::fail(Timestamp now, Timestamp sent) {
  if (last_counted_ && sent < *last_counted_) return false;
  last_counted_ = now;
  ++failures_in_a_row_;
  return true;
}

Duration Trust::quarantine(Timestamp now, Duration first, Duration longest) {
  Duration term = first;
  for (std::uint32_t i = 0; i < terms_ && term < longest; ++i) term *= 2;
  term = std::min(term, longest);
  ++terms_;
  quarantined_until_ = now + term;
  return term;
}

void Trust::release(std::uint32_t doubtful_failures, double evidence_needed) {
  quarantined_until_.reset();
  failures_in_a_row_ = doubtful_failures;
  evidence_ = std::max(0.0, evidence_needed - 1);
}

}  // namespace extfarm::scheduling
