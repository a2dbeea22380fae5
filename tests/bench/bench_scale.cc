// The pure core: 1,000 workers of 16 slots, up to a million actions in virtual
// time.  Microseconds of processor time and bytes kept when all are submitted,
// per action.  Twice: on a farm that is idle at first, so that 1,000 actions
// leave most of it idle and its heartbeats short, and on one that is busy from
// before the first to after the last.  "all" is the processor
// time with that of the driver, which plays the workers; "core" is the
// scheduler's calls alone, whose share is taken in another run from a steady
// clock, read around each call, in the run that took the least time.
//   bench_scale [--json FILE] [MOST_ACTIONS]
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
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

static void* counted(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  live_bytes += malloc_usable_size(p);
  return p;
}
void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto to = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(to, (size + to - 1) / to * to));
}
void operator delete(void* p) noexcept {
  if (p != nullptr) live_bytes -= malloc_usable_size(p);
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
void operator delete(void* p, std::align_val_t) noexcept { operator delete(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { operator delete(p); }

namespace extfarm::bench {
namespace {

using namespace scheduling;

constexpr std::uint64_t kWorkers = 1000;
constexpr std::uint32_t kSlots = 16;
constexpr std::uint64_t kAllSlots = kWorkers * kSlots;
const Digest kToolchain = digest_of("t");

struct Ending {
  Timestamp time;
  LeaseId lease;
  WorkerId worker;
  bool operator>(const Ending& other) const { return std::pair(time, lease) > std::pair(other.time, other.lease); }
};

// Of the time between two readings of the clock, what the reading itself takes.
double reading_seconds() {
  constexpr int kReadings = 1000;
  const Timestamp began = now();
  for (int i = 0; i < kReadings; ++i) now();
  return seconds(now() - began) / kReadings;
}

enum class Farm { kIdle, kBusy };

// Compiles, and for each five of them a link.  All are asked for at once.
class Drive {
 public:
  // `times_core`: whether the calls of the scheduler are timed.
  Drive(std::uint64_t actions, Farm farm, bool times_core)
      : actions_(actions), farm_(farm), times_core_(times_core), dice_(actions) {
    const std::uint64_t all = actions + (farm == Farm::kBusy ? 2 * kAllSlots : 0);
    run_seconds_.reserve(all + 1);
    for (std::uint64_t i = 0; i <= all; ++i) run_seconds_.push_back(0.2 + 4 * dice_.unit() * dice_.unit());
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
    double core = 0, all = 0;  // microseconds per action
    double core_share = 0, wall_seconds = 0;  // where it was timed
    double bytes = 0;
  };
  // A busy farm has as many actions before the first that is counted as end
  // before it, and as many again still run when the last has ended.
  Figures run() {
    if (farm_ == Farm::kBusy) {
      submit(2 * kAllSlots);
      play(kAllSlots);
    }
    double reading = 1;
    for (int i = 0; i < 10; ++i) reading = std::min(reading, reading_seconds());
    core_time_ = Duration{0}, call_count_ = 0;
    const Timestamp began_at = now();
    const double began = cpu_seconds();
    const std::size_t before = live_bytes;
    submit(submitted_ + actions_);
    const std::size_t peak = live_bytes;
    play(finished_ + actions_);
    const double n = static_cast<double>(actions_);
    Figures out;
    out.all = 1e6 * (cpu_seconds() - began) / n;
    out.bytes = static_cast<double>(peak - before) / n;
    const double calls = static_cast<double>(call_count_);
    out.wall_seconds = seconds(now() - began_at);
    out.core_share = (seconds(core_time_) - calls * reading) / (out.wall_seconds - 2 * calls * reading);
    return out;
  }

 private:
  void submit(std::uint64_t up_to) {
    while (submitted_ < up_to) {
      const std::uint64_t id = ++submitted_;
      ActionSubmitted e{{id}, kToolchain, {}, run_seconds_[id], 0};
      if (id % 6 == 0) {
        for (std::uint64_t i = id - 5; i < id; ++i) e.after.push_back({i});
      }
      e.peak_memory_bytes = (100 + id % 7 * 100) << 20;
      tell(std::move(e));
    }
  }

  void play(std::uint64_t until_finished) {
    while (finished_ < until_finished) {
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
  }

  void beat(WorkerId worker) {
    HeartbeatReceived e{worker, ++sequence_[worker.value], kSlots, false, {}, 64ull << 30};
    e.leases.reserve(held_[worker.value].size());
    for (const LeaseId lease : held_[worker.value]) e.leases.push_back({lease, LeasePhase::kRunning});
    tell(std::move(e));
  }

  std::vector<Command> handle(const Event& event) {
    if (!times_core_) return scheduler_.handle(now_, event);
    ++call_count_;
    const Timestamp began = now();
    auto commands = scheduler_.handle(now_, event);
    core_time_ += now() - began;
    return commands;
  }

  void tell(const Event& event) {
    for (const auto& command : handle(event)) {
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
  Farm farm_;
  bool times_core_;
  Duration core_time_{0};
  std::uint64_t call_count_ = 0;
  simulation::Dice dice_;
  Scheduler scheduler_;
  Timestamp now_;
  std::vector<double> run_seconds_;
  std::vector<std::vector<LeaseId>> held_;
  std::vector<std::uint64_t> sequence_, action_of_;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> running_;
  std::uint64_t submitted_ = 0, finished_ = 0;
};

}  // namespace
}  // namespace extfarm::bench

namespace extfarm::bench {
namespace {

Drive::Figures measure(std::uint64_t actions, Farm farm) {
  Drive::Figures best;
  Drive::Figures quickest;
  for (int repeat = 0; repeat < (actions == 1000 ? 10 : actions < 100000 ? 5 : actions < 1000000 ? 2 : 1); ++repeat) {
    const auto figures = std::make_unique<Drive>(actions, farm, false)->run();
    if (repeat == 0 || figures.all < best.all) best = figures;
    const auto timed = std::make_unique<Drive>(actions, farm, true)->run();
    if (repeat == 0 || timed.wall_seconds < quickest.wall_seconds) quickest = timed;
  }
  best.core = best.all * quickest.core_share;
  return best;
}

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  const std::uint64_t most = arguments.number(1000000);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::printf("%lu workers of %u slots; all events and heartbeats of an action.  core: the scheduler's calls alone; all: with the "
              "driver that plays the workers\n", static_cast<unsigned long>(kWorkers), kSlots);
  std::printf("%-5s %10s %12s %8s %12s %8s %13s %8s\n", "farm", "actions", "core us/act.", "ratio", "all us/act.", "ratio",
              "bytes/action", "ratio");
  for (const Farm farm : {Farm::kIdle, Farm::kBusy}) {
    const char* name = farm == Farm::kIdle ? "idle" : "busy";
    Drive::Figures first;
    for (std::uint64_t actions = 1000; actions <= most; actions *= 10) {
      const auto figures = measure(actions, farm);
      if (actions == 1000) first = figures;
      std::printf("%-5s %10lu %12.2f %8.2f %12.2f %8.2f %13.0f %8.2f\n", name, static_cast<unsigned long>(actions), figures.core,
                  figures.core / first.core, figures.all, figures.all / first.all, figures.bytes, figures.bytes / first.bytes);
      std::fflush(stdout);
      rows.push_back({{"farm", name}, {"actions", actions},
                      {"core_microseconds_per_action", figures.core}, {"core_ratio", figures.core / first.core},
                      {"microseconds_per_action", figures.all}, {"ratio", figures.all / first.all},
                      {"bytes_per_action", figures.bytes}, {"bytes_ratio", figures.bytes / first.bytes}});
    }
  }
  write_results(arguments, {{"benchmark", "scale"}, {"workers", kWorkers}, {"slots", kSlots}, {"rows", rows}});
}
