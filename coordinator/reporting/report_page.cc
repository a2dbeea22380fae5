// report.html: one self-contained page.  The figures are plain HTML, so that
// they can be read without the script; the rest is drawn from embedded JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <utility>

#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/longest_chain.h"
#include "coordinator/reporting/page_parts.h"

namespace extfarm::reporting {
namespace {

using nlohmann::json;

// For element content and quoted attributes.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// "<" never appears, so nothing in a file's name can end the script element or
// open a comment in it; JSON reads it back all the same.
std::string safe_in_script(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

// Bytes that are not UTF-8 become U+FFFD.
std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string as_utf8(const std::string& text) { return json::parse(dumped(text)).get<std::string>(); }

// An attempt at a time: as one value, very many would fill the memory.
void write_attempts(const BuildLog& log, std::ostream& out) {
  const char* before = "[";
  for (const auto& attempt : log.attempts) {
    const auto since_start = [&](Timestamp t) { return seconds(t - log.first_submission); };
    const json value = {{"action", attempt.action},
                        {"title", attempt.title},
                        {"kind", attempt.kind},
                        {"group", attempt.group},
                        {"worker", attempt.worker},
                        {"host", attempt.host},
                        {"slot", attempt.slot},
                        {"start", since_start(attempt.sent)},
                        {"end", since_start(attempt.finished)},
                        {"home_at", since_start(attempt.published)},
                        {"waited", std::max(0.0, seconds(attempt.sent - attempt.submitted))},
                        {"home", std::max(0.0, seconds(attempt.published - attempt.finished))},
                        {"run", seconds(attempt.run_time)},
                        {"cpu", seconds(attempt.cpu_time)},
                        {"bytes", attempt.bytes_returned},
                        {"outcome", attempt.outcome},
                        {"why", attempt.reason},
                        {"counted", attempt.counted}};
    out << std::exchange(before, ",") << safe_in_script(dumped(value));
  }
  out << (log.attempts.empty() ? "[]" : "]");
}

// Those that joined, then any that are known from an attempt alone.
json workers_json(const BuildLog& log) {
  json out = json::array();
  std::set<std::string> known;
  const auto add = [&](const LoggedWorker& worker) {
    if (!known.insert(worker.id).second) return;
    out.push_back({{"id", worker.id},
                   {"host", worker.host},
                   {"slots", worker.slots},
                   {"actions", worker.actions},
                   {"run", worker.run_seconds},
                   {"quarantined", worker.quarantined}});
  };
  for (const auto& worker : log.workers) add(worker);
  for (const auto& attempt : log.attempts) add({std::string(attempt.worker), std::string(attempt.host), 0, 0, 0, false});
  return out;
}

void write_embedded_json(const BuildLog& log, const Figures& figures, std::ostream& out) {
  out << "{\"attempts\":";
  write_attempts(log, out);
  const json rest = {{"workers", workers_json(log)},
                     {"chain", longest_chain(log.attempts).actions},
                     {"farm_wall", figures.farm_wall},
                     {"local", log.local_reasons}};
  out << "," << safe_in_script(dumped(rest).substr(1));
}

std::string figure(const std::string& name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

std::string bound_row(const std::string& name, double seconds, double widest, bool is_mild) {
  return fmt::format("<span>{}</span><i{} style=\"width:{:.1f}%\"></i><b>{:.2f} s</b>\n", name,
                     is_mild ? " class=\"mild\"" : "", widest > 0 ? 100 * seconds / widest : 0, seconds);
}

std::string figures_section(const BuildLog& log, const Figures& f) {
  std::string out = "<section aria-label=\"Figures\"><dl class=\"figures\">\n";
  out += figure("from start to end", fmt::format("{:.1f} s", f.wall));
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
  out += "</dl>\n";
  if (f.run_total > 0) {
    const double shared = f.slots > 0 ? f.run_total / f.slots : 0;
    const double widest = std::max({f.farm_wall, f.critical_path, shared});
    out +=
        "<div class=\"bounds\">" + bound_row("farm phase", f.farm_wall, widest, false) +
        bound_row(fmt::format("{:.1f} s of work / {} slot{}", f.run_total, f.slots, f.slots == 1 ? "" : "s"),
                  shared, widest, true) +
        bound_row("longest chain", f.critical_path, widest, true) + "</div>\n" +
        fmt::format(
            "<p class=\"soft\">No schedule on these slots ends before {:.2f} s: the longer of work "
            "shared by all slots and the longest chain.</p>\n",
            f.lower_bound);
  }
  return out + "</section>\n";
}

constexpr const char* kTimeline =
    R"html(<section id="timeline-section"><div class="bar-head"><h2>Timeline</h2>
<div class="key"><span><i style="background:var(--cythonize)"></i>cythonize</span>
<span><i style="background:var(--compile)"></i>compile</span><span><i style="background:var(--link)"></i>link</span>
<span><i style="background:var(--archive)"></i>archive</span><span><i style="background:var(--other)"></i>other</span>
<span><i style="background:var(--lost)"></i>not used</span><span><i class="chain"></i>longest chain</span></div>
<div class="zoom"><button type="button" id="narrower" aria-label="Zoom out">−</button><button type="button"
id="wider" aria-label="Zoom in">+</button><button type="button" id="fit">fit</button></div></div>
<div id="timeline"><div id="lanes" aria-hidden="true"></div><div id="scroll"></div></div>
<div id="details" aria-live="polite"><span class="soft">Point at a bar, or press Tab and walk with the arrow
keys.</span></div></section>
)html";

constexpr const char* kTables =
    R"html(<div class="pair"><section id="slowest"><h2>Slowest actions</h2></section>
<section id="groups"><h2>Slowest extensions</h2></section></div>
<section id="workers"><h2>Workers</h2></section>
<div class="pair"><section id="local"><h2>What ran locally, and why</h2></section>
<section id="rejected"><h2>Attempts that were not used</h2></section></div>
<section id="reasons" class="long"><h2>Why actions ran</h2></section>
)html";

constexpr const char* kHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
)html";

}  // namespace

void write_report(const BuildLog& log, std::ostream& page) {
  const Figures figures = figures_of(log);
  const std::string root = as_utf8(log.project_root);
  const std::string project = escaped(root.substr(root.find_last_of('/') + 1));
  const std::string status = escaped(as_utf8(log.status));
  page << kHead << "<title>" << project << ": extfarm build report</title>\n<style>" << kPageStyle
       << "</style></head>\n<body><main><header><h1>" << project << "</h1><span class=\"status " << status << "\">"
       << status << (log.exit_code == 0 ? "" : fmt::format(", exit code {}", log.exit_code)) << "</span><p><code>"
       << escaped(as_utf8(log.command)) << "</code> in <code>" << escaped(root) << "</code></p></header>\n"
       << figures_section(log, figures)
       << "<noscript><section><p>The timeline and the tables need this page's own script.</p></section></noscript>\n"
       << kTimeline << kTables << "</main><script type=\"application/json\" id=\"log\">";
  write_embedded_json(log, figures, page);
  page << "</script>\n<script>" << kPageScript << "</script></body></html>\n";
}

}  // namespace extfarm::reporting
