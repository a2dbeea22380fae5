// The arithmetic of a build: how long, how much, how close to the best
// possible.  Knows nothing of how the figures are shown.
#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/longest_chain.h"
#include "coordinator/reporting/slot_time.h"

namespace extfarm::reporting {
namespace {

struct Node {
  double run_seconds = 0;
  const std::vector<std::uint64_t>* after = nullptr;
  enum class State { kNew, kOpen, kDone } state = State::kNew;
  double end_seconds = 0;
  std::optional<std::uint64_t> before;  // the predecessor that ends last
};
using Nodes = std::unordered_map<std::uint64_t, Node>;

// Settles `first` and all before it, without recursion: a chain may be long.
void settle(Nodes& nodes, std::uint64_t first) {
  std::vector<std::uint64_t> open{first};
  while (!open.empty()) {
    const auto id = open.back();
    Node& node = nodes.at(id);
    if (node.state == Node::State::kDone) {
      open.pop_back();
      continue;
    }
    if (node.state == Node::State::kNew) {
      node.state = Node::State::kOpen;
      for (const auto before : *node.after) {
        const auto it = nodes.find(before);
        if (it != nodes.end() && it->second.state == Node::State::kNew) open.push_back(before);
      }
      continue;  // this one again when those are done
    }
    double start = 0;
    for (const auto before : *node.after) {
      const auto it = nodes.find(before);
      if (it == nodes.end() || it->second.state != Node::State::kDone) continue;
      if (it->second.end_seconds >= start) {
        start = it->second.end_seconds;
        node.before = before;
      }
    }
    node.end_seconds = start + node.run_seconds;
    node.state = Node::State::kDone;
    open.pop_back();
  }
}

// Nearest rank.
double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

}  // namespace

Chain longest_chain(const std::deque<LoggedAttempt>& attempts,
                    const std::function<double(const LoggedAttempt&)>& run_seconds) {
  Nodes nodes;
  for (const auto& attempt : attempts) {
    if (attempt.counted) nodes[attempt.action] = {run_seconds(attempt), &attempt.after, {}, 0, {}};
  }
  Chain chain;
  std::optional<std::uint64_t> last;
  for (const auto& attempt : attempts) {
    if (!attempt.counted) continue;
    settle(nodes, attempt.action);
    const double end = nodes.at(attempt.action).end_seconds;
    if (end <= chain.seconds) continue;
    chain.seconds = end;
    last = attempt.action;
  }
  for (; last; last = nodes.at(*last).before) chain.actions.push_back(*last);
  std::reverse(chain.actions.begin(), chain.actions.end());
  return chain;
}

namespace {

// No schedule on these hosts ends earlier: not with all slots busy, not along
// the longest chain on the fastest host, not in the memory there is.
double lower_bound_of(const BuildLog& log) {
  std::unordered_map<std::string_view, double> speeds;
  double total_speed = 0, fastest = 0, memory = 0;
  bool memory_is_known = true;
  for (const auto& worker : log.workers) {
    speeds[worker.id] = worker.speed;
    total_speed += worker.slots * worker.speed;
    fastest = std::max(fastest, worker.speed);
    memory += static_cast<double>(worker.memory_bytes);
    memory_is_known = memory_is_known && worker.memory_bytes != 0;
  }
  const auto on_equal_host = [&](const LoggedAttempt& attempt) {
    const auto speed = speeds.find(attempt.worker);
    return run_seconds_of(attempt) * (speed == speeds.end() ? 1 : speed->second);
  };
  double work = 0, memory_time = 0;
  for (const auto& attempt : log.attempts) {
    if (!attempt.counted) continue;
    work += on_equal_host(attempt);
    memory_time += run_seconds_of(attempt) * static_cast<double>(attempt.peak_memory_bytes);
  }
  const double chain = longest_chain(log.attempts, on_equal_host).seconds;
  double bound = fastest > 0 ? chain / fastest : chain;
  if (total_speed > 0) bound = std::max(bound, work / total_speed);
  if (memory_is_known && memory > 0) bound = std::max(bound, memory_time / memory);
  return bound;
}

}  // namespace

Figures figures_of(const BuildLog& log) {
  Figures out;
  out.wall = std::max(0.0, seconds(log.ended - log.started));
  out.farm_wall = std::max(0.0, seconds(log.last_publication - log.first_submission));
  for (const auto& attempt : log.attempts) {
    if (attempt.counted) out.run_total += seconds(attempt.run_time);
  }
  for (const auto& worker : log.workers) out.slots += worker.slots;
  out.critical_path = longest_chain(log.attempts).seconds;
  out.lower_bound = lower_bound_of(log);
  const bool ran = out.run_total > 0 && out.farm_wall > 0;
  out.efficiency = ran ? std::min(1.0, out.lower_bound / out.farm_wall) : 1;
  for (const auto& [reason, seconds] : log.local_seconds) (reason == "probe" ? out.probes : out.local) += seconds;
  out.farmed_share = out.run_total + out.local > 0 ? out.run_total / (out.run_total + out.local) : 1;
  out.dispatch_p50_ms = percentile(log.dispatch_ms, 0.50);
  out.dispatch_p99_ms = percentile(log.dispatch_ms, 0.99);
  out.slot_time = slot_time_of(log, out.slots * out.lower_bound);
  return out;
}

}  // namespace extfarm::reporting
