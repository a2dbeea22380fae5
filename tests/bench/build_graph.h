// The steps of a build as a benchmark replays them: how long each took, what it
// needed, which it waited for.  Read from a trace in tests/bench/traces.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace extfarm::bench {

struct Step {
  double seconds = 0;        // as recorded
  double guess_seconds = 0;  // as extfarm guesses from its source, before it has run once
  std::uint32_t category = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::vector<std::uint32_t> after;  // earlier steps, by position
  double chain_seconds = 0;          // of it and the longest chain behind it
};

struct Graph {
  std::string name;
  std::vector<Step> steps;

  double work_seconds() const;
  double chain_seconds() const;
  void find_chains();  // fills chain_seconds
};

// Ends the program with a message when the file is no trace.
Graph read_trace(const std::string& path);
// Those named, or all there are: recorded in tests/bench/traces, and sage_like.py's.
std::vector<Graph> read_traces(const std::vector<std::string>& paths);

}  // namespace extfarm::bench
