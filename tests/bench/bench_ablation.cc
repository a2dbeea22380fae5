// What each rule of the policy is worth: the same build with it and without.
//   bench_ablation [--json FILE] [TRACE…]
#include <functional>

#include "tests/bench/results.h"
#include "tests/bench/virtual_farm.h"

namespace extfarm::bench {
namespace {

constexpr std::uint64_t kSeeds = 16;

struct Case {
  const char* rule;
  const char* situation;
  std::function<void(scheduling::SchedulerPolicy&)> turn_off;
  std::function<std::vector<Host>()> hosts;
  bool has_history = true;
  double time_scale = 1;  // of the trace's durations
  double one_way_seconds = Costs{}.one_way;
};

std::vector<Host> eight_hosts(std::function<void(std::vector<Host>&)> change = {}) {
  std::vector<Host> hosts(8);
  for (auto& host : hosts) host.slots = 8;
  if (change) change(hosts);
  return hosts;
}

std::vector<Case> cases() {
  using Policy = scheduling::SchedulerPolicy;
  const auto half_slow = [](std::vector<Host>& hosts) {
    for (std::size_t i = 1; i < hosts.size(); i += 2) hosts[i].speed = 0.6;
  };
  const auto fast_ones_later = [](std::vector<Host>& hosts) {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      if (i % 2 == 0) hosts[i].speed = 0.6;
      else hosts[i].joins_at_seconds = 0.5;
    }
  };
  const auto little_memory = [](std::vector<Host>& hosts) {
    for (auto& host : hosts) host.memory_bytes = std::uint64_t{2} << 30;
  };
  const auto four_and_four = [] {
    std::vector<Host> hosts(2);
    for (auto& host : hosts) host.slots = 4;
    hosts[1].speed = 0.6;
    return hosts;
  };
  const auto one = [](Host::Fault fault) {
    return [fault](std::vector<Host>& hosts) { hosts[0].fault = fault; };
  };
  return {
      {"bottom level", "64 equal slots, history", [](Policy& p) { p.orders_by_bottom_level = false; },
       [] { return eight_hosts(); }},
      {"slots kept", "8 equal slots, history", [](Policy& p) { p.successor_patience = Duration{0}; },
       [] { return std::vector<Host>(1, [] { Host host; host.slots = 8; return host; }()); }},
      {"slots kept", "4 slots, and 4 at 0.6, history", [](Policy& p) { p.successor_patience = Duration{0}; },
       four_and_four},
      {"guesses corrected", "64 equal slots, first build", [](Policy& p) { p.corrects_guesses = false; },
       [] { return eight_hosts(); }, false},
      {"guesses corrected", "4 slots, and 4 at 0.6, first build", [](Policy& p) { p.corrects_guesses = false; },
       four_and_four, false},
      {"speeds learned", "half of the hosts at 0.6, history", [](Policy& p) { p.learns_speeds = false; },
       [=] { return eight_hosts(half_slow); }},
      {"speeds learned", "half of the hosts at 0.6, first build", [](Policy& p) { p.learns_speeds = false; },
       [=] { return eight_hosts(half_slow); }, false},
      {"newcomers called to", "32 slots at 0.6, and 32 half a second later, history",
       [](Policy& p) { p.calls_to_newcomers = false; }, [=] { return eight_hosts(fast_ones_later); }},
      {"newcomers called to", "4 slots at 0.6, and 4 half a second later, history",
       [](Policy& p) { p.calls_to_newcomers = false; },
       [=] {
         auto hosts = four_and_four();
         hosts[0].joins_at_seconds = 0.5;
         return hosts;
       }},
      {"queues on workers", "a hundredth of the durations, 5 ms each way", [](Policy& p) { p.queue_round_trips = 0; },
       [] { return eight_hosts(); }, true, 0.01, 0.005},
      {"memory admission", "2 GiB for 8 slots, history", [](Policy& p) { p.memory_headroom = 0; },
       [=] { return eight_hosts(little_memory); }},
      {"memory admission", "2 GiB for 8 slots, first build", [](Policy& p) { p.memory_headroom = 0; },
       [=] { return eight_hosts(little_memory); }, false},
      {"backups", "one host of 8 twenty times slower", [](Policy& p) { p.backup_share = 0; },
       [=] { return eight_hosts(one(Host::Fault::kSlow)); }},
      {"quarantine", "one host of 8 fails at once", [](Policy& p) { p.quarantine_evidence = 0; p.doubtful_failures = 0; },
       [=] { return eight_hosts(one(Host::Fault::kBroken)); }},
  };
}

nlohmann::ordered_json measure(Graph graph, const Case& c) {
  for (auto& step : graph.steps) {
    step.seconds *= c.time_scale;
    step.guess_seconds *= c.time_scale;
  }
  graph.find_chains();
  BuildResult with, without;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    BuildSettings settings;
    settings.seed = seed;
    settings.has_history = c.has_history;
    settings.costs.one_way = c.one_way_seconds;
    const auto add = [&](BuildResult& sum) {
      const auto result = build(graph, turned(c.hosts(), seed), settings);
      sum.wall_seconds += result.wall_seconds / kSeeds;
      sum.wasted_seconds += result.wasted_seconds / kSeeds;
      sum.counts.retried += result.counts.retried;
    };
    add(with);
    c.turn_off(settings.policy);
    add(without);
  }
  std::printf("%-14s %-20s %-52s %8.2f %8.2f %7.3f %8.1f %8.1f\n", graph.name.c_str(), c.rule, c.situation,
              with.wall_seconds, without.wall_seconds, without.wall_seconds / with.wall_seconds, with.wasted_seconds,
              without.wasted_seconds);
  return {{"trace", graph.name}, {"rule", c.rule}, {"situation", c.situation}, {"with_seconds", with.wall_seconds},
          {"without_seconds", without.wall_seconds}, {"ratio", without.wall_seconds / with.wall_seconds},
          {"wasted_with_seconds", with.wasted_seconds}, {"wasted_without_seconds", without.wasted_seconds}};
}

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::printf("wall seconds with the rule and without; slot seconds wasted on attempts that came to nothing\n");
  std::printf("%-14s %-20s %-52s %8s %8s %7s %8s %8s\n", "trace", "rule", "situation", "with", "without", "ratio",
              "wasted", "wasted");
  for (const Graph& graph : read_traces(arguments.rest)) {
    for (const auto& c : cases()) rows.push_back(measure(graph, c));
  }
  write_results(arguments, {{"benchmark", "ablation"}, {"rows", rows}});
}
