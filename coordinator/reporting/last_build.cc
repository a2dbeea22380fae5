// last-build.json and ran-locally.json, schema 1: what scripts read.  A field is never renamed or
// dropped without a new schema number.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

using nlohmann::ordered_json;

std::string dumped(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

constexpr std::size_t kMostLocal = 10'000;

}  // namespace

void log_local(BuildLog& log, LoggedLocal local) {
  ++log.passed_through;
  ++log.local_reasons[local.reason];
  if (log.local.size() < kMostLocal) log.local.push_back(std::move(local));
}

std::string last_build_json(const BuildLog& log) {
  const Figures figures = figures_of(log);
  ordered_json out;
  out["schema"] = 1;
  out["status"] = log.status;
  out["exit_code"] = log.exit_code;
  out["actions"] = {{"total", log.total},           {"fresh", log.fresh},
                    {"restored", log.restored},     {"on_workers", log.on_workers},
                    {"passed_through", log.passed_through}, {"failed", log.failed},
                    {"retried", log.retried},       {"backups", log.backups}};
  out["seconds"] = {{"wall", figures.wall},
                    {"run_total", figures.run_total},
                    {"critical_path", figures.critical_path},
                    {"lower_bound", figures.lower_bound},
                    {"local", figures.local},
                    {"probes", figures.probes},
                    {"command_cpu", log.command_cpu_seconds}};
  out["farmed_share"] = figures.farmed_share;
  out["local"] = ordered_json::array();
  for (const auto& [reason, count] : log.local_reasons) {
    const auto seconds = log.local_seconds.find(reason);
    out["local"].push_back({{"reason", reason},
                            {"count", count},
                            {"seconds", seconds != log.local_seconds.end() ? seconds->second : 0.0}});
  }
  out["efficiency"] = figures.efficiency;
  const SlotTime& time = figures.slot_time;
  out["slot_seconds"] = {{"work", time.work},           {"critical_path", time.critical_path},
                         {"nothing_ready", time.nothing_ready}, {"dispatch", time.dispatch},
                         {"memory", time.memory},       {"retries", time.retries},
                         {"transfers", time.transfers}, {"absent", time.absent}};
  out["slots"] = figures.slots;
  out["coordinator_cpu_seconds"] = log.coordinator_cpu_seconds;
  out["bytes_returned"] = log.bytes_returned;
  out["dispatch_ms"] = {{"p50", figures.dispatch_p50_ms}, {"p99", figures.dispatch_p99_ms}};
  out["rejected"] = {{"inputs_differ", log.inputs_differ}, {"toolchain_differs", log.toolchain_differs}};
  out["inputs_changed"] = log.inputs_changed;
  out["compared"] = {{"repeated", log.compared.repeated},
                     {"agreed", log.compared.agreed},
                     {"differed", log.compared.differed},
                     {"not_reproducible", log.compared.not_reproducible},
                     {"unanswered", log.compared.unanswered},
                     {"wrong_results", log.wrong_results}};
  out["workers"] = ordered_json::array();
  for (const auto& worker : log.workers) {
    out["workers"].push_back({{"id", worker.id},
                              {"host", worker.host},
                              {"slots", worker.slots},
                              {"actions", worker.actions},
                              {"run_seconds", worker.run_seconds},
                              {"quarantined", worker.quarantined},
                              {"speed", worker.speed},
                              {"joined_seconds", std::max(0.0, seconds(worker.joined - log.started))}});
  }
  return dumped(out);
}

std::string ran_locally_json(const BuildLog& log) {
  ordered_json out;
  out["schema"] = 1;
  out["count"] = log.passed_through;
  out["reasons"] = log.local_reasons;
  out["commands"] = ordered_json::array();
  for (const auto& local : log.local) {
    ordered_json words = ordered_json::array();
    for (const auto& word : local.argv) words.push_back(ordered_json(bytes_to(word)));
    out["commands"].push_back(
        {{"reason", local.reason}, {"cwd", ordered_json(bytes_to(local.cwd))}, {"argv", std::move(words)}});
  }
  return dumped(out);
}

}  // namespace extfarm::reporting
