// Writes the report of a build that never was, of as many actions as are asked
// for on 8 hosts of 8 slots: sample_report COUNT REPORT [TRACE].
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <queue>
#include <random>
#include <tuple>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

constexpr int kHosts = 8, kSlots = 8, kActionsOfGroup = 8;

struct Slot {
  double free_at = 0;
  std::uint32_t worker = 0, lane = 0;
};

// Of each group the first is a transpile, the last a link, the rest compiles between them.
class SampleBuild {
 public:
  explicit SampleBuild(std::uint64_t count) : count_(count) {
    log_.project_root = "/lab/project";
    log_.command = "python3 setup.py build_ext --inplace";
    for (std::uint32_t host = 0; host < kHosts; ++host) {
      const std::string name = "lab" + std::to_string(10 + host);
      log_.workers.push_back({name + "-4711", name, kSlots, 0, 0, false});
      for (std::uint32_t lane = 0; lane < kSlots; ++lane) slots_.push_back({0, host, lane});
    }
  }

  BuildLog make() {
    // What is ready next, by the time from which it is: list scheduling.
    using Step = std::tuple<double, std::uint64_t, int>;  // ready, group, step
    std::priority_queue<Step, std::vector<Step>, std::greater<>> waiting;
    for (std::uint64_t group = 0; group * kActionsOfGroup < count_; ++group) waiting.emplace(0, group, 0);
    struct Group {
      std::uint64_t first = 0, last = 0;
      int compiled = 0;
      double ready = 0;
    };
    std::vector<Group> groups(waiting.size());
    for (; !waiting.empty(); waiting.pop()) {
      const auto [ready, place, step] = waiting.top();
      Group& group = groups[place];
      const bool is_link = step == kActionsOfGroup - 1;
      if (step == 0) {
        const double end = run(place, step, "cythonize", {}, ready);
        group.first = log_.total;
        for (int i = 1; i < kActionsOfGroup - 1; ++i) waiting.emplace(end, place, i);
      } else if (is_link) {
        run(place, step, "link", {group.last}, ready);
      } else {
        const double end = run(place, step, "compile", {group.first}, ready);
        if (end > group.ready) group.ready = end, group.last = log_.total;
        if (++group.compiled == kActionsOfGroup - 2) waiting.emplace(group.ready, place, kActionsOfGroup - 1);
      }
    }
    log_.on_workers = log_.total;
    log_.last_publication = log_.ended = Timestamp{from_seconds(end_ + 0.1)};
    for (int i = 0; i < 400; ++i) {
      log_local(log_, {"/lab/project", {"gcc", "-E", "conftest" + std::to_string(i) + ".c"}, "probe"});
      log_.local_seconds["probe"] += 0.05;
    }
    return std::move(log_);
  }

 private:
  double run(std::uint64_t group, int step, std::string_view kind, std::vector<std::uint64_t> after, double ready) {
    Slot& slot = *std::min_element(slots_.begin(), slots_.end(), [](const auto& a, const auto& b) { return a.free_at < b.free_at; });
    auto& worker = log_.workers[slot.worker];
    LoggedAttempt attempt;
    attempt.action = ++log_.total;
    attempt.kind = kind;
    attempt.group = log_.keep("package.module" + std::to_string(group));
    attempt.title = "package/module" + std::to_string(group) + "/part" + std::to_string(step) + ".o";
    attempt.worker = worker.id;
    attempt.host = worker.host;
    attempt.slot = slot.lane;
    const double start = std::max(slot.free_at, ready), took = length_(random_);
    attempt.submitted = attempt.ready = Timestamp{from_seconds(ready)};
    attempt.sent = attempt.started = Timestamp{from_seconds(start)};
    attempt.finished = Timestamp{from_seconds(start + took)};
    attempt.published = Timestamp{from_seconds(start + took + 0.003)};
    attempt.run_time = attempt.cpu_time = from_seconds(took);
    attempt.counted = log_.total % 701 != 0;
    attempt.outcome = attempt.counted ? "succeeded" : "inputs_differ";
    attempt.reason = "never built";
    attempt.bytes_returned = 40'000;
    attempt.after = std::move(after);
    worker.actions += 1;
    worker.run_seconds += took;
    slot.free_at = start + took + 0.004;
    end_ = std::max(end_, slot.free_at);
    log_.attempts.push_back(std::move(attempt));
    return slot.free_at;
  }

  std::uint64_t count_;
  BuildLog log_;
  std::vector<Slot> slots_;
  std::mt19937 random_{1};
  std::lognormal_distribution<double> length_{0.0, 0.9};
  double end_ = 0;
};

}  // namespace
}  // namespace extfarm::reporting

int main(int argc, char** argv) {
  using namespace extfarm::reporting;
  if (argc < 3) return 2;
  const auto log = SampleBuild(std::strtoull(argv[1], nullptr, 10)).make();
  std::ofstream report(argv[2]);
  write_report(log, report);
  if (argc > 3) {
    std::ofstream trace(argv[3]);
    write_trace(log, trace);
  }
  return 0;
}
