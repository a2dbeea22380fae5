// Seconds a build loses to one worker of eight that is killed, that hangs with
// its heartbeats going on, or that is twenty times slower than the others.
//   bench_recovery [--json FILE] [TRACE…]
#include "tests/bench/results.h"
#include "tests/bench/virtual_farm.h"

namespace extfarm::bench {
namespace {

constexpr std::uint64_t kSeeds = 16;

double mean_wall(const Graph& graph, const std::vector<Host>& hosts) {
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    BuildSettings settings;
    settings.seed = seed;
    sum += build(graph, turned(hosts, seed), settings).wall_seconds;
  }
  return sum / kSeeds;
}

nlohmann::ordered_json measure(const Graph& graph) {
  std::vector<Host> hosts(8);
  for (auto& host : hosts) host.slots = 8;
  const double healthy = mean_wall(graph, hosts);
  const double without = mean_wall(graph, {hosts.begin() + 1, hosts.end()});
  nlohmann::ordered_json out = {{"trace", graph.name}, {"healthy_seconds", healthy}, {"seven_workers_seconds", without}};
  std::printf("%-14s healthy %.1f s; with seven workers from the start %.1f s\n", graph.name.c_str(), healthy, without);
  const auto show = [&](const char* what, Host::Fault fault, double at) {
    auto broken = hosts;
    broken[0].fault = fault;
    broken[0].fault_at_seconds = at;
    const double wall = mean_wall(graph, broken);
    std::printf("  %-42s %8.1f s, %+6.1f s lost\n", what, wall, wall - healthy);
    out[what] = wall - healthy;
  };
  show("killed half-way", Host::Fault::kKilled, healthy / 2);
  show("hangs half-way", Host::Fault::kHangs, healthy / 2);
  show("twenty times slower from the start", Host::Fault::kSlow, 0);
  show("fails whatever it gets", Host::Fault::kBroken, 0);
  return out;
}

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Graph& graph : read_traces(arguments.rest)) rows.push_back(measure(graph));
  write_results(arguments, {{"benchmark", "recovery"}, {"rows", rows}});
}
