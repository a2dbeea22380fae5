// The arithmetic of a build: how long, how much, how close to the best possible.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

// Seconds of the longest chain of counted attempts by `after`.
double longest_chain(const std::vector<LoggedAttempt>& attempts) {
  std::unordered_map<std::uint64_t, double> finish;
  std::vector<const LoggedAttempt*> in_order;
  for (const auto& attempt : attempts) {
    if (attempt.counted) in_order.push_back(&attempt);
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const auto* a, const auto* b) { return a->action < b->action; });
  double longest = 0;
  for (const auto* attempt : in_order) {  // an action follows only earlier ones
    double start = 0;
    for (const auto before : attempt->after) start = std::max(start, finish[before]);
    const double end = start + seconds(attempt->run_time);
    finish[attempt->action] = end;
    longest = std::max(longest, end);
  }
  return longest;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto index = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
  return values[std::min(index, values.size() - 1)];
}

}  // namespace

Figures figures_of(const BuildLog& log) {
  Figures out;
  out.wall = seconds(log.ended - log.started);
  out.farm_wall = std::max(0.0, seconds(log.last_publication - log.first_submission));
  for (const auto& attempt : log.attempts) {
    if (attempt.counted) out.run_total += seconds(attempt.run_time);
  }
  for (const auto& worker : log.workers) out.slots += worker.slots;
  out.critical_path = longest_chain(log.attempts);
  out.lower_bound = std::max(out.slots > 0 ? out.run_total / out.slots : 0, out.critical_path);
  out.efficiency =
      out.run_total > 0 && out.farm_wall > 0 ? std::min(1.0, out.lower_bound / out.farm_wall) : 1;
  out.dispatch_p50_ms = percentile(log.dispatch_ms, 0.50);
  out.dispatch_p99_ms = percentile(log.dispatch_ms, 0.99);
  return out;
}

}  // namespace extfarm::reporting
