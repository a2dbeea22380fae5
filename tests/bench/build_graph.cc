#include "tests/bench/build_graph.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace extfarm::bench {

double Graph::work_seconds() const {
  double sum = 0;
  for (const auto& step : steps) sum += step.seconds;
  return sum;
}

double Graph::chain_seconds() const {
  double longest = 0;
  for (const auto& step : steps) longest = std::max(longest, step.chain_seconds);
  return longest;
}

void Graph::find_chains() {
  for (auto& step : steps) step.chain_seconds = step.seconds;
  for (std::size_t i = steps.size(); i-- > 0;) {
    for (const auto before : steps[i].after) {
      Step& earlier = steps[before];
      earlier.chain_seconds = std::max(earlier.chain_seconds, earlier.seconds + steps[i].chain_seconds);
    }
  }
}

Graph read_trace(const std::string& path) {
  std::ifstream in(path);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  if (json.is_discarded() || !json.contains("steps")) {
    std::fprintf(stderr, "%s is no trace: record_trace.py and sage_like.py write them\n", path.c_str());
    std::exit(2);
  }
  Graph graph;
  graph.name = json.at("name");
  for (const auto& row : json.at("steps")) {
    Step step;
    step.category = row.at(0);
    step.seconds = row.at(1);
    step.guess_seconds = row.at(2);
    step.peak_memory_bytes = static_cast<std::uint64_t>(row.at(3).get<double>() * (1 << 20));
    for (const auto& before : row.at(4)) step.after.push_back(before);
    graph.steps.push_back(std::move(step));
  }
  graph.find_chains();
  return graph;
}

std::vector<Graph> read_traces(const std::vector<std::string>& paths) {
  std::vector<std::string> chosen = paths;
  if (chosen.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(EXTFARM_TRACES)) chosen.push_back(entry.path());
    std::sort(chosen.begin(), chosen.end());
    chosen.push_back(EXTFARM_GENERATED);
  }
  std::vector<Graph> graphs;
  for (const auto& path : chosen) graphs.push_back(read_trace(path));
  return graphs;
}

}  // namespace extfarm::bench
