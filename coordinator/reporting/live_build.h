// A build as it is at one moment: filled by the farm, shown by the terminal and
// by the live page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace extfarm::reporting {

struct LiveAttempt {
  std::string title;  // the main output's path relative to the project, or argv
  std::string kind, group;
  double seconds = 0;  // since it was sent
};

struct LiveWorker {
  std::string id, host;
  std::uint32_t slots = 0;
  bool takes_actions = false;  // false: silent, draining, lost or in quarantine
  std::uint64_t finished = 0;  // attempts whose results were used
  std::vector<LiveAttempt> running;  // longest first; no more than it has slots
  std::uint64_t queued = 0;          // sent beyond that, so that no slot waits for the next
};

struct LiveBuild {
  std::string project_root, command;
  double elapsed_seconds = 0;
  std::uint64_t total = 0, done = 0, running = 0, fresh = 0, on_workers = 0, ran_locally = 0, failed = 0, retried = 0;  // running: in slots, as far as is known
  std::uint64_t bytes_returned = 0;
  std::uint32_t usable_slots = 0;
  std::optional<double> left_seconds;  // by history and the longest chain; empty: not known
  bool left_is_guess = false;
  std::vector<LiveWorker> workers;
};

// One line of JSON, schema 1 (doc/report.md).
std::string live_build_json(const LiveBuild&);

}  // namespace extfarm::reporting
