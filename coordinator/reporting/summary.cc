// The few lines at the end of a build: what ran where, how close to the best
// possible, what to look at next.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/progress.h"

namespace extfarm::reporting {
namespace {

constexpr std::size_t kReasonsShown = 5;  // more of them scroll the rest away; the report has all

std::string plural(std::uint64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string counts_line(const BuildLog& log, const Figures& figures) {
  std::set<std::string_view> hosts;
  for (const auto& attempt : log.attempts) {
    if (attempt.counted) hosts.insert(attempt.host);
  }
  std::string line = fmt::format("extfarm: {} in {:.1f} s: {} on workers ({}), {} up to date, {} failed",
                                 plural(log.total, "action"), figures.wall, log.on_workers,
                                 plural(hosts.size(), "host"), log.fresh, log.failed);
  if (log.restored > 0) line += fmt::format(", {} restored from the store", log.restored);
  if (log.passed_through > 0) line += fmt::format(", {} ran locally", log.passed_through);
  return line + "\n";
}

// Shares of the slots' time in tenths of a percent that add up to 100.0: the
// largest takes what rounding leaves.
std::string shares_of(const SlotTime& time) {
  const std::pair<const char*, double> parts[] = {
      {"work", time.work},         {"critical path", time.critical_path}, {"nothing ready", time.nothing_ready},
      {"dispatch", time.dispatch}, {"memory", time.memory},               {"retries", time.retries},
      {"transfers", time.transfers}, {"absent workers", time.absent}};
  const double sum = time.sum();
  if (sum <= 0) return "none";
  std::vector<long> tenths;
  long left = 1000;
  for (const auto& part : parts) left -= tenths.emplace_back(std::lround(1000 * part.second / sum));
  *std::max_element(tenths.begin(), tenths.end()) += left;
  std::string out;
  for (std::size_t i = 0; i < tenths.size(); ++i) {
    if (tenths[i] == 0) continue;
    out += fmt::format("{}{} {}.{} %", out.empty() ? "" : ", ", parts[i].first, tenths[i] / 10, tenths[i] % 10);
  }
  return out;
}

std::string figures_line(const Figures& f) {
  return fmt::format("extfarm: wall {:.2f} s on {}, work {:.1f} s, best possible {:.2f} s, efficiency {:.2f}; "
                     "slot time: {}\n",
                     f.farm_wall, plural(f.slots, "slot"), f.run_total, f.lower_bound, f.efficiency,
                     shares_of(f.slot_time));
}

std::string time_of(const BuildLog& log, const std::string& reason) {
  const auto found = log.local_seconds.find(reason);
  return found != log.local_seconds.end() && found->second > 0 ? fmt::format(", {:.1f} s", found->second) : "";
}

// Most frequent first.
std::string local_lines(const BuildLog& log) {
  std::vector<std::pair<std::string, std::uint64_t>> reasons(log.local_reasons.begin(),
                                                             log.local_reasons.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (std::size_t i = 0; i < reasons.size() && i < kReasonsShown; ++i)
    out += fmt::format("extfarm: ran locally: {} × {}{}\n", reasons[i].second, printable(reasons[i].first),
                       time_of(log, reasons[i].first));
  if (reasons.size() > kReasonsShown)
    out += fmt::format("extfarm: ran locally: {} more in the report\n",
                       plural(reasons.size() - kReasonsShown, "reason"));
  return out;
}

}  // namespace

std::string summary_text(const BuildLog& log, const std::string& report_path) {
  if (log.total == 0 && log.passed_through == 0) return "extfarm: nothing was asked of the farm\n";
  if (log.total > 0 && log.fresh == log.total) {
    return fmt::format("extfarm: everything is up to date ({}, 0 run)\n", plural(log.total, "action")) +
           local_lines(log);
  }
  const Figures figures = figures_of(log);
  std::string out = counts_line(log, figures);
  if (figures.run_total > 0) out += figures_line(figures);
  if (log.retried > 0) out += fmt::format("extfarm: {} repeated\n", plural(log.retried, "attempt"));
  if (log.backups > 0)
    out += fmt::format("extfarm: {} overdue, made a second time elsewhere\n", plural(log.backups, "attempt"));
  if (log.inputs_differ + log.toolchain_differs > 0) {
    out += fmt::format("extfarm: {} rejected: {} had read other inputs, {} had another toolchain\n",
                       plural(log.inputs_differ + log.toolchain_differs, "result"), log.inputs_differ,
                       log.toolchain_differs);
  }
  if (const auto& c = log.compared; c.repeated + c.unanswered > 0) {
    out += fmt::format("extfarm: {} made again on other hosts: {} the same, {} different, {} of no one result; {} found no other host\n",
                       plural(c.repeated, "result"), c.agreed, c.differed, c.not_reproducible, c.unanswered);
  }
  out += local_lines(log);
  if (figures.local > 0)
    out += fmt::format("extfarm: {:.1f} % of the work, probes apart, ran on workers\n", 100 * figures.farmed_share);
  return out + "extfarm: report " + report_path + "\n";
}

}  // namespace extfarm::reporting
