// How near replayed builds come to the best possible time: traces × slots ×
// equal and unequal hosts × with history and without, beside plain orders.
//   bench_efficiency [--json FILE] [TRACE…]
#include <algorithm>

#include "tests/bench/results.h"
#include "tests/bench/virtual_farm.h"

namespace extfarm::bench {
namespace {

constexpr std::uint64_t kSeeds = 101;
constexpr double kSlowHost = 0.6;

std::vector<Host> hosts_of(std::uint32_t slots, bool are_equal) {
  const std::uint32_t count = std::max<std::uint32_t>(2, slots / 16);
  std::vector<Host> hosts(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    hosts[i].slots = slots / count;
    hosts[i].speed = are_equal || i % 2 == 0 ? 1 : kSlowHost;
  }
  return hosts;
}

// The mean over the seeds, and the worst.
struct Efficiency {
  double mean = 0, least = 1;
};

Efficiency efficiency(const Graph& graph, const std::vector<Host>& hosts, bool has_history) {
  Efficiency out;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    BuildSettings settings;
    settings.has_history = has_history;
    settings.seed = seed;
    const double found = build(graph, turned(hosts, seed), settings).efficiency();
    out.mean += found / kSeeds;
    out.least = std::min(out.least, found);
  }
  return out;
}

nlohmann::ordered_json measure(const Graph& graph, std::uint32_t slots, bool are_equal) {
  const auto hosts = hosts_of(slots, are_equal);
  const Costs costs;
  const double bound = lower_bound_seconds(graph, hosts);
  const Efficiency history = efficiency(graph, hosts, true), first = efficiency(graph, hosts, false);
  const auto plain = [&](Order order) { return bound / build_in_order(graph, hosts, order, costs); };
  const double fifo = plain(Order::kFirstReadyFirst), ninja = plain(Order::kManifestOrder),
               longest = plain(Order::kLongestFirst);
  std::printf("%-14s %5u %-8s %9.2f %8.3f %8.3f %8.3f | %8.3f %8.3f %8.3f\n", graph.name.c_str(), slots,
              are_equal ? "equal" : "unequal", bound, history.mean, history.least, first.mean, fifo, ninja, longest);
  return {{"trace", graph.name}, {"slots", slots}, {"hosts", are_equal ? "equal" : "unequal"},
          {"best_possible_seconds", bound}, {"with_history", history.mean}, {"with_history_least", history.least},
          {"first_build", first.mean}, {"fifo", fifo}, {"manifest_order", ninja}, {"longest_first", longest}};
}

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::printf("efficiency = best possible / wall, mean of %lu seeds\n", static_cast<unsigned long>(kSeeds));
  std::printf("%-14s %5s %-8s %9s %8s %8s %8s | %8s %8s %8s\n", "trace", "slots", "hosts", "best/s", "history",
              "(least)", "first", "fifo", "ninja", "longest");
  for (const Graph& graph : read_traces(arguments.rest)) {
    for (const std::uint32_t slots : {8u, 64u, 256u}) {
      for (const bool are_equal : {true, false}) rows.push_back(measure(graph, slots, are_equal));
    }
  }
  write_results(arguments, {{"benchmark", "efficiency"}, {"rows", rows}});
}
