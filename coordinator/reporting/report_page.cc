// report.html: one self-contained page.  The figures are plain HTML, so that
// they can be read without the script; the rest is drawn from embedded JSON.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/page_parts.h"
#include "coordinator/reporting/report_data.h"

namespace extfarm::reporting {
namespace {

std::string figure(const std::string& name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

std::string figures_list(const BuildLog& log, const Figures& f) {
  std::string out = figure("from start to end", fmt::format("{:.1f} s", f.wall));
  out += figure("efficiency", fmt::format("{:.0f} %", 100 * f.efficiency));
  out += figure("slots", fmt::format("{}", f.slots));
  out += figure("actions", fmt::format("{}", log.total));
  out += figure("ran on workers", fmt::format("{}", log.on_workers));
  out += figure("up to date", fmt::format("{}", log.fresh));
  if (log.restored > 0) out += figure("restored", fmt::format("{}", log.restored));
  out += figure("ran locally", fmt::format("{}", log.passed_through));
  out += figure("failed", fmt::format("{}", log.failed));
  out += figure("attempts repeated", fmt::format("{}", log.retried));
  out += figure("ready to sent, median and p99",
                fmt::format("{:.1f} / {:.1f} ms", f.dispatch_p50_ms, f.dispatch_p99_ms));
  return out;
}

std::string bound_row(const std::string& name, double seconds, double widest, bool is_mild) {
  return fmt::format("<span>{}</span><i{} style=\"width:{:.1f}%\"></i><b>{:.2f} s</b>\n", name,
                     is_mild ? " class=\"mild\"" : "", widest > 0 ? 100 * seconds / widest : 0, seconds);
}

std::string bounds(const Figures& f) {
  if (f.run_total <= 0) return {};
  const double shared = f.slots > 0 ? f.run_total / f.slots : 0;
  const double widest = std::max({f.farm_wall, f.critical_path, shared});
  return "<div class=\"bounds\">" + bound_row("farm phase", f.farm_wall, widest, false) +
         bound_row(fmt::format("{:.1f} s of work / {} slot{}", f.run_total, f.slots, f.slots == 1 ? "" : "s"), shared,
                   widest, true) +
         bound_row("longest chain", f.critical_path, widest, true) + "</div>\n" +
         fmt::format("<p class=\"soft\">No schedule on these slots ends before {:.2f} s: the longer of work "
                     "shared by all slots and the longest chain.</p>\n",
                     f.lower_bound);
}

// Where the slots' time went; what cost nothing is left out.
std::string losses(const SlotTime& time) {
  struct Part {
    const char* name;
    double slot_seconds;
    const char* meaning;
  };
  const Part parts[] = {
      {"work", time.work, "attempts whose results were used"},
      {"critical path", time.critical_path, "nothing was ready, and no schedule avoids it: the longest chain is too long"},
      {"nothing ready", time.nothing_ready, "nothing was ready; a better order or earlier requests would help"},
      {"dispatch", time.dispatch, "something was ready, or handed over and not yet started"},
      {"memory", time.memory, "something was ready, and no worker had the memory for it"},
      {"retries", time.retries, "attempts that came to nothing"},
      {"transfers", time.transfers, "nothing was ready, but results were on their way"},
      {"late workers", time.absent, "slots of workers that came later"}};
  const double sum = time.sum();
  if (sum <= 0) return {};
  std::string out =
      "<section id=\"losses\"><h2>Where the slots' time went</h2>\n<div class=\"losses\">\n";
  for (const auto& part : parts) {
    const double share = 100 * part.slot_seconds / sum;
    if (share < 0.05) continue;
    out += fmt::format("<span>{}</span><i{} style=\"width:{:.1f}%\"></i><b>{:.1f} %</b><span class=\"soft\">{:.2f} s: "
                       "{}</span>\n",
                       part.name, &part == parts ? " class=\"work\"" : "", share, share,
                       part.slot_seconds, part.meaning);
  }
  return out + "</div></section>\n";
}

std::function<void(std::ostream&)> text(std::string words) {
  return [words = std::move(words)](std::ostream& out) { out << words; };
}

}  // namespace

void write_report(const BuildLog& log, std::ostream& page) {
  const Figures figures = figures_of(log);
  const auto script = [](std::ostream& out) {
    out << embedded::kPageJs << embedded::kReportJs << embedded::kTimelineJs << embedded::kTimelineInputJs;
  };
  write_page(embedded::kReportHtml,
             {{"project", text(escaped(log.project_root.substr(log.project_root.find_last_of('/') + 1)))},
              {"style", [](std::ostream& out) { out << embedded::kPageCss << embedded::kReportCss; }},
              {"status", text(escaped(log.status))},
              {"exit_code", text(log.exit_code == 0 ? "" : fmt::format(", exit code {}", log.exit_code))},
              {"command", text(escaped(log.command))},
              {"root", text(escaped(log.project_root))},
              {"figures", text(figures_list(log, figures))},
              {"bounds", text(bounds(figures))},
              {"losses", text(losses(figures.slot_time))},
              {"log", [&](std::ostream& out) { write_report_data(log, figures, out); }},
              {"script", script}},
             page);
}

}  // namespace extfarm::reporting
