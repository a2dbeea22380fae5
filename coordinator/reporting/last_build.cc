// last-build.json (schema 1) and trace.json (Chrome trace format).
#include <map>
#include <nlohmann/json.hpp>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

using nlohmann::ordered_json;

std::string dumped(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string last_build_json(const BuildLog& log) {
  const Figures figures = figures_of(log);
  ordered_json out;
  out["schema"] = 1;
  out["status"] = log.status;
  out["exit_code"] = log.exit_code;
  out["actions"] = {{"total", log.total},           {"fresh", log.fresh},
                    {"on_workers", log.on_workers}, {"passed_through", log.passed_through},
                    {"failed", log.failed},         {"retried", log.retried},
                    {"backups", log.backups}};
  out["seconds"] = {{"wall", figures.wall},
                    {"run_total", figures.run_total},
                    {"critical_path", figures.critical_path},
                    {"lower_bound", figures.lower_bound}};
  out["efficiency"] = figures.efficiency;
  out["slots"] = figures.slots;
  out["coordinator_cpu_seconds"] = log.coordinator_cpu_seconds;
  out["bytes_returned"] = log.bytes_returned;
  out["dispatch_ms"] = {{"p50", figures.dispatch_p50_ms}, {"p99", figures.dispatch_p99_ms}};
  out["rejected"] = {{"inputs_differ", log.inputs_differ}, {"toolchain_differs", log.toolchain_differs}};
  out["workers"] = ordered_json::array();
  for (const auto& worker : log.workers) {
    out["workers"].push_back({{"id", worker.id},
                              {"host", worker.host},
                              {"slots", worker.slots},
                              {"actions", worker.actions},
                              {"run_seconds", worker.run_seconds},
                              {"quarantined", worker.quarantined}});
  }
  return dumped(out);
}

// One process per worker, one thread per slot; times in microseconds from the start.
std::string trace_json(const BuildLog& log) {
  ordered_json events = ordered_json::array();
  std::map<std::string, int> processes;
  const auto micros = [&](Timestamp t) { return 1e6 * seconds(t - log.started); };
  for (const auto& attempt : log.attempts) {
    const auto [it, is_new] = processes.emplace(attempt.worker, static_cast<int>(processes.size()) + 1);
    if (is_new) {
      events.push_back(
          {{"name", "process_name"}, {"ph", "M"}, {"pid", it->second}, {"args", {{"name", attempt.worker}}}});
    }
    events.push_back({{"name", attempt.title},
                      {"cat", attempt.kind},
                      {"ph", "X"},
                      {"pid", it->second},
                      {"tid", attempt.slot},
                      {"ts", micros(attempt.sent)},
                      {"dur", 1e6 * seconds(attempt.finished - attempt.sent)},
                      {"args",
                       {{"action", attempt.action},
                        {"group", attempt.group},
                        {"outcome", attempt.outcome},
                        {"run_ms", 1e3 * seconds(attempt.run_time)},
                        {"submitted_us", micros(attempt.submitted)},
                        {"published_us", micros(attempt.published)},
                        {"published", attempt.counted}}}});
  }
  return dumped({{"traceEvents", events}, {"displayTimeUnit", "ms"}});
}

}  // namespace extfarm::reporting
