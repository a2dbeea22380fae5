// The pure core: 1,000 workers of 16 slots, up to a million actions in virtual
// time.  Microseconds of processor time (with the few that the driver takes,
// which plays the workers) and bytes kept when all are submitted, per action.
//   bench_scale [--json FILE] [MOST_ACTIONS]
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <queue>

#include "coordinator/scheduling/scheduler.h"
#include "tests/bench/clocks.h"
#include "tests/bench/results.h"
#include "tests/simulation/network.h"

#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // new and delete are replaced together

namespace {
std::size_t live_bytes = 0;
}

void* operator new(std::size_t size) {
  void* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  live_bytes += malloc_usable_size(p);
  return p;
}
void operator delete(void* p) noexcept {
  if (p != nullptr) live_bytes -= malloc_usable_size(p);
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

namespace extfarm::bench {
namespace {

using namespace scheduling;

constexpr std::uint64_t kWorkers = 1000;
constexpr std::uint32_t kSlots = 16;
const Digest kToolchain = digest_of("t");

struct Ending {
  Timestamp time;
  LeaseId lease;
  WorkerId worker;
  bool operator>(const Ending& other) const { return std::pair(time, lease) > std::pair(other.time, other.lease); }
};

// Compiles, and for each five of them a link.  All are asked for at once.
class Drive {
 public:
  explicit Drive(std::uint64_t actions) : actions_(actions), dice_(actions) {
    run_seconds_.reserve(actions + 1);
    for (std::uint64_t i = 0; i <= actions; ++i) run_seconds_.push_back(0.2 + 4 * dice_.unit() * dice_.unit());
    held_.resize(kWorkers + 1);
    for (auto& held : held_) held.reserve(2 * kSlots);
    sequence_.resize(kWorkers + 1);
    for (std::uint64_t w = 1; w <= kWorkers; ++w) {
      tell(WorkerJoined{{w}, false});
      tell(HeartbeatReceived{{w}, ++sequence_[w], kSlots, false, {}, 64ull << 30});
      tell(ToolchainReported{{w}, kToolchain, true});
    }
  }

  struct Figures {
    double microseconds = 0, bytes = 0;
  };
  Figures run() {
    const double began = cpu_seconds();
    const std::size_t before = live_bytes;
    for (std::uint64_t id = 1; id <= actions_; ++id) {
      ActionSubmitted e{{id}, kToolchain, {}, run_seconds_[id], 0};
      if (id % 6 == 0) {
        for (std::uint64_t i = id - 5; i < id; ++i) e.after.push_back({i});
      }
      e.peak_memory_bytes = (100 + id % 7 * 100) << 20;
      tell(e);
    }
    const std::size_t peak = live_bytes;
    while (finished_ < actions_) {
      const Ending next = running_.top();
      running_.pop();
      now_ = next.time;
      auto& held = held_[next.worker.value];
      held.erase(std::find(held.begin(), held.end(), next.lease));
      const double took = run_seconds_[action_of_[next.lease.value]];
      tell(OutcomeReceived{next.worker, next.lease, OutcomeClass::kSucceeded, from_seconds(took), "", 100 << 20});
      beat(next.worker);
      tell(OutputsPublished{next.lease});
    }
    const double n = static_cast<double>(actions_);
    return {1e6 * (cpu_seconds() - began) / n, static_cast<double>(peak - before) / n};
  }

 private:
  void beat(WorkerId worker) {
    HeartbeatReceived e{worker, ++sequence_[worker.value], kSlots, false, {}, 64ull << 30};
    for (const LeaseId lease : held_[worker.value]) e.leases.push_back({lease, LeasePhase::kRunning});
    tell(e);
  }

  void tell(const Event& event) {
    for (const auto& command : scheduler_.handle(now_, event)) {
      if (const auto* check = std::get_if<CheckFreshness>(&command)) {
        tell(FreshnessChecked{check->action, false});
      } else if (const auto* send = std::get_if<SendAction>(&command)) {
        held_[send->worker.value].push_back(send->lease);
        if (action_of_.size() <= send->lease.value) action_of_.resize(2 * send->lease.value);
        action_of_[send->lease.value] = send->action.value;
        running_.push({now_ + from_seconds(run_seconds_[send->action.value]), send->lease, send->worker});
        beat(send->worker);
      } else if (std::holds_alternative<AnswerFrontEnd>(command)) {
        ++finished_;
      }
    }
  }

  std::uint64_t actions_;
  simulation::Dice dice_;
  Scheduler scheduler_;
  Timestamp now_;
  std::vector<double> run_seconds_;
  std::vector<std::vector<LeaseId>> held_;
  std::vector<std::uint64_t> sequence_, action_of_;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> running_;
  std::uint64_t finished_ = 0;
};

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  const std::uint64_t most = arguments.number(1000000);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  double first = 0, first_bytes = 0;
  std::printf("%lu workers of %u slots; all events and heartbeats of an action\n",
              static_cast<unsigned long>(kWorkers), kSlots);
  std::printf("%10s %10s %8s %12s\n", "actions", "us/action", "ratio", "bytes/action");
  for (std::uint64_t actions = 1000; actions <= most; actions *= 10) {
    Drive::Figures best{1e9, 0};
    for (int repeat = 0; repeat < (actions < 100000 ? 3 : 1); ++repeat) {
      const auto drive = std::make_unique<Drive>(actions);
      const auto figures = drive->run();
      if (figures.microseconds < best.microseconds) best = figures;
    }
    if (first == 0) first = best.microseconds, first_bytes = best.bytes;
    std::printf("%10lu %10.2f %8.2f %12.0f\n", static_cast<unsigned long>(actions), best.microseconds,
                best.microseconds / first, best.bytes);
    rows.push_back({{"actions", actions}, {"microseconds_per_action", best.microseconds},
                    {"ratio", best.microseconds / first}, {"bytes_per_action", best.bytes},
                    {"bytes_ratio", best.bytes / first_bytes}});
  }
  write_results(arguments, {{"benchmark", "scale"}, {"workers", kWorkers}, {"slots", kSlots}, {"rows", rows}});
}
