// The lines at the end of a build.
#include <fmt/format.h>

#include <set>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

std::string summary_text(const BuildLog& log, const std::string& report_path) {
  if (log.total == 0 && log.passed_through == 0) {
    return log.exit_code == 0 ? "extfarm: everything is up to date: nothing was compiled\n" : std::string{};
  }
  const Figures figures = figures_of(log);
  std::set<std::string> hosts;
  for (const auto& attempt : log.attempts) hosts.insert(attempt.host);
  std::string out = fmt::format(
      "extfarm: {} actions in {:.1f} s: {} on workers ({} host{}), {} up to date, {} local, {} failed\n",
      log.total, figures.wall, log.on_workers, hosts.size(), hosts.size() == 1 ? "" : "s", log.fresh,
      log.passed_through, log.failed);
  if (figures.run_total > 0) {
    out += fmt::format(
        "extfarm: work {:.1f} s, longest chain {:.1f} s, best possible {:.1f} s on {} slots, farm phase "
        "{:.1f} s, efficiency {:.2f}\n",
        figures.run_total, figures.critical_path, figures.lower_bound, figures.slots, figures.farm_wall,
        figures.efficiency);
  }
  if (log.retried > 0 || log.inputs_differ > 0) {
    out += fmt::format("extfarm: {} attempts were repeated, {} results rejected because inputs differed\n",
                       log.retried, log.inputs_differ);
  }
  for (const auto& [reason, count] : log.local_reasons)
    out += fmt::format("extfarm: ran locally: {} × {}\n", count, reason);
  return out + "extfarm: report " + report_path + "\n";
}

}  // namespace extfarm::reporting
