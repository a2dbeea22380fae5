#include "coordinator/reporting/slot_time.h"

#include <algorithm>
#include <deque>

namespace extfarm::reporting {
namespace {

enum Kind : std::uint8_t { kSlots, kWork, kWasted, kHanded, kMemory, kReady, kTransfer, kKindCount };

// Kept small: ten for each of a hundred thousand attempts.
struct Change {
  Timestamp time;
  Kind kind;
  std::int32_t by;
};

struct Changes {
  Timestamp from, to;
  std::deque<Change> all;
  void add(Kind kind, Timestamp begin, Timestamp end, std::int32_t count = 1) {
    begin = std::clamp(begin, from, to);
    end = std::clamp(end, from, to);
    if (begin >= end) return;
    all.push_back({begin, kind, count});
    all.push_back({end, kind, -count});
  }
};

Changes changes_of(const BuildLog& log) {
  Changes out{log.first_submission, std::max(log.first_submission, log.last_publication), {}};
  for (const auto& worker : log.workers) {
    OfferChange now{worker.joined, worker.slots};
    for (const auto& next : worker.offers) {
      out.add(kSlots, now.since, next.since, static_cast<std::int32_t>(now.slots));
      now = {next.since, std::min(next.slots, worker.slots)};
    }
    out.add(kSlots, now.since, out.to, static_cast<std::int32_t>(now.slots));
  }
  for (const auto& attempt : log.attempts) {
    const Timestamp started = start_of(attempt);
    const Timestamp ready = std::min(attempt.ready, attempt.sent);
    const Timestamp has_memory = std::min(ready + attempt.memory_wait, attempt.sent);
    out.add(kMemory, ready, has_memory);
    out.add(kReady, has_memory, attempt.sent);
    out.add(kHanded, attempt.sent, started);
    out.add(attempt.counted ? kWork : kWasted, started, attempt.finished);
    out.add(kTransfer, attempt.finished, attempt.published);
  }
  std::sort(out.all.begin(), out.all.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return out;
}

// Takes as much of `idle` as there are.
double take(double& idle, std::int64_t count) {
  const double taken = std::min(idle, static_cast<double>(count));
  idle -= taken;
  return taken;
}

}  // namespace

SlotTime slot_time_of(const BuildLog& log, double least) {
  const Changes changes = changes_of(log);
  double all_slots = 0;
  for (const auto& worker : log.workers) all_slots += worker.slots;
  SlotTime out;
  std::int64_t now[kKindCount] = {};
  Timestamp since = changes.from;
  const auto pass = [&](Timestamp until) {
    const double length = seconds(until - since);
    since = until;
    const double slots = std::min(all_slots, static_cast<double>(now[kSlots]));
    double idle = slots;
    out.absent += length * (all_slots - slots);
    out.work += length * take(idle, now[kWork]);
    out.retries += length * take(idle, now[kWasted]);
    out.dispatch += length * take(idle, now[kHanded]);
    out.memory += length * take(idle, now[kMemory]);
    out.dispatch += length * take(idle, now[kReady]);
    out.transfers += length * take(idle, now[kTransfer]);
    out.nothing_ready += length * idle;
  };
  for (const auto& change : changes.all) {
    pass(change.time);
    now[change.kind] += change.by;
  }
  pass(changes.to);
  out.critical_path = std::clamp(least - out.work, 0.0, out.nothing_ready);
  out.nothing_ready -= out.critical_path;
  return out;
}

}  // namespace extfarm::reporting
