// A build in virtual time: the real scheduler core, workers that take as long
// as the trace says, a network with a delay, a front end that asks for a step
// when those before it are answered.  Seeded; the same seed, the same build.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "coordinator/scheduling/scheduler.h"
#include "tests/bench/build_graph.h"
#include "tests/simulation/network.h"

namespace extfarm::bench {

struct Host {
  std::uint32_t slots = 1;
  double speed = 1;
  std::uint64_t memory_bytes = 0;  // 0: more than anything needs
  double joins_at_seconds = 0;
  enum class Fault { kNone, kKilled, kHangs, kSlow, kBroken } fault = Fault::kNone;
  double fault_at_seconds = 0;  // kSlow and kBroken: from the start
};

struct Costs {  // measured on real hosts; seconds
  double one_way = 0.0005;     // a message
  double set_up = 0.002;       // of an attempt: view, fork, exec; while it waits for a slot, if it has to
  double heartbeats_apart = 0.01;  // at least, however much there is to tell
  double publication = 0.002;  // fetch, check, write
  double front_end = 0.001;    // from an answer to the next request
};

struct BuildSettings {
  bool has_history = true;      // durations, edges and speeds of an earlier build
  double history_error = 0.05;  // sigma of ln(remembered / taken)
  double measurement_error = 0.1;  // likewise, of the speed that a worker measures, without history
  std::uint64_t seed = 1;
  Costs costs;
  scheduling::SchedulerPolicy policy;
};

struct BuildResult {
  double wall_seconds = 0, lower_bound_seconds = 0;
  double wasted_seconds = 0;  // slot time of attempts that came to nothing
  std::uint64_t out_of_memory = 0, sent_home = 0;
  scheduling::Scheduler::Counts counts;
  double efficiency() const { return lower_bound_seconds / wall_seconds; }
};

// The same hosts, another first for each seed: the first one gets the longest chain.
std::vector<Host> turned(std::vector<Host>, std::uint64_t seed);
double lower_bound_seconds(const Graph&, const std::vector<Host>&);
BuildResult build(const Graph&, const std::vector<Host>&, const BuildSettings&);

// The same hosts and costs under a plain list scheduler that knows no host's speed.
enum class Order { kFirstReadyFirst, kManifestOrder, kLongestFirst };
double build_in_order(const Graph&, const std::vector<Host>&, Order, const Costs&);

}  // namespace extfarm::bench
