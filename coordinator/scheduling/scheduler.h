// Decides which action runs where and when: events in, commands out.  Knows no
// clock, file or socket; the same events give the same commands.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coordinator/scheduling/events.h"

namespace extfarm::scheduling {

struct SchedulerPolicy {
  Duration lease_grace = std::chrono::seconds(3);      // a sent lease may be missing from heartbeats for this long
  Duration worker_silence = std::chrono::seconds(5);   // without a heartbeat for this long, its leases are retried
  Duration toolchain_patience = std::chrono::seconds(2);  // then it is asked again
  Duration no_worker_patience = std::chrono::seconds(3);  // no usable worker for this long: kRunLocally
  Duration answer_patience = std::chrono::seconds(20);  // instead, while one that is there still looks for the toolchain
  std::uint32_t infrastructure_attempts = 5;           // then kRunLocally
  std::uint32_t given_back_attempts = 20;              // likewise: people come and go on every machine, a build has to end
  std::uint32_t inputs_differ_attempts = 2;            // on remote workers; then a local one, then kRunLocally

  // priority.  Off: whoever is submitted first goes first.
  bool orders_by_bottom_level = true;
  bool corrects_guesses = true;  // by what others of their category really took
  // placement
  bool learns_speeds = true;     // off: all hosts are taken for equal
  // A round trip: from the sending of an action to its outcome, beside its run.
  double queue_round_trips = 3;  // a worker's queue bridges as many; 0: nothing queues on workers
  double least_round_trip = 0.002;  // of a mean run; shorter ones are not worth a queue
  Duration longest_round_trip = std::chrono::milliseconds(500);  // what is told later was lost, and told again
  // A slot is kept for so long for the chain behind an action that has ended; 0: none is.
  Duration successor_patience = std::chrono::milliseconds(100);
  // admission
  double memory_headroom = 1.25;  // × predicted peak; 0: memory is not looked at
  std::uint64_t unknown_peak_bytes = 256ull << 20;  // until an action of its category has ended
  bool calls_to_newcomers = true;  // what has just begun on slower hosts
  // backup
  double backup_share = 0.05;   // of the actions, and one at least; 0: none
  std::uint32_t overdue_of_sick = 2;  // attempts at one time on a host that ends nothing: all there are overdue
  double overdue_factor = 1.5;  // × prediction: past the 99th percentile of runs of one command
  double overdue_factor_of_guesses = 2;
  Duration overdue_least = std::chrono::seconds(1);  // shorter ones are not worth a second attempt
  double stuck_factor = 10;  // × prediction, and stuck_least: it hangs, and is repeated whatever that share is
  Duration stuck_least = std::chrono::seconds(30);
  // quarantine
  double quarantine_evidence = 3;  // failures there that succeeded elsewhere; 0: none is quarantined
  std::uint32_t doubtful_failures = 2;  // in a row: one attempt at a time there, until one succeeds
  Duration first_quarantine = std::chrono::seconds(30);  // doubles each time
  Duration longest_quarantine = std::chrono::minutes(10);
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerPolicy policy = {});
  ~Scheduler();
  std::vector<Command> handle(Timestamp now, const Event& event);
  std::optional<Timestamp> next_deadline() const;

  // How long what has been submitted will still take, by what is predicted: the
  // work left on all usable slots, or the longest chain left on the fastest, whichever
  // is longer.  Empty when nothing is left, and while nobody is there to do it.
  struct TimeLeft {
    double seconds = 0;
    bool is_guess = false;  // of more than half of what is left nothing is remembered
  };
  std::optional<TimeLeft> time_left(Timestamp now) const;
  struct Counts {
    std::uint64_t total = 0, finished = 0, running = 0, fresh = 0, on_workers = 0, run_locally = 0, failed = 0,
                  retried = 0, inputs_differ = 0, toolchain_differs = 0, backups = 0, stuck = 0, recalled = 0,
                  quarantined = 0;  // workers, each time
  };
  Counts counts() const;
  // What there is to do and who can: asked once in a while, it looks at every action.
  struct Demand {
    double queued_seconds = 0;     // predicted, of what is known to run and of what waits for it
    double submitted_seconds = 0;  // predicted, of all that has had to run so far
    std::size_t width = 0;         // actions that run or could run now
    struct Supply {
      WorkerId worker;
      std::uint32_t slots = 0;  // that this coordinator may use there
      std::size_t leases = 0;
    };
    std::vector<Supply> workers;  // that take actions now, or still hold any
  };
  Demand demand() const;
  // Of the workers that take actions now: how many this coordinator may run there.
  std::size_t usable_slots() const;
  bool takes_actions(WorkerId) const;
  // What was learned of each worker that finished anything; the fleet's mean is about 1.
  std::vector<std::pair<WorkerId, double>> learned_speeds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace extfarm::scheduling
