// Decides which action runs where and when: events in, commands out.  Knows no
// clock, file or socket; the same events give the same commands.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "coordinator/scheduling/events.h"

namespace extfarm::scheduling {

struct SchedulerPolicy {
  Duration lease_grace = std::chrono::seconds(3);      // a sent lease may be missing from heartbeats for this long
  Duration worker_silence = std::chrono::seconds(5);   // without a heartbeat for this long, its leases are retried
  Duration toolchain_patience = std::chrono::seconds(2);  // then it is asked again
  Duration no_worker_patience = std::chrono::seconds(3);  // no usable worker for this long: kRunLocally
  std::uint32_t infrastructure_attempts = 5;           // then kRunLocally
  std::uint32_t inputs_differ_attempts = 2;            // on remote workers; then a local one, then kRunLocally
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerPolicy policy = {});
  ~Scheduler();
  std::vector<Command> handle(Timestamp now, const Event& event);
  std::optional<Timestamp> next_deadline() const;

  struct Counts {
    std::uint64_t total = 0, finished = 0, running = 0, fresh = 0, on_workers = 0, run_locally = 0, failed = 0,
                  retried = 0, inputs_differ = 0, toolchain_differs = 0;
  };
  Counts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace extfarm::scheduling
