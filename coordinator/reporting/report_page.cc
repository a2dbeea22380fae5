// report.html: one self-contained page, drawn by its own script from embedded JSON.
#include <nlohmann/json.hpp>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

using nlohmann::json;

constexpr const char* kHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>extfarm build report</title>
<style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#667;--line:#dde;--cythonize:#8250df;--compile:#0969da;--link:#1a7f37;--archive:#9a6700;--other:#888;--lost:#cf222e}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#8b949e;--line:#30363d;--cythonize:#a371f7;--compile:#58a6ff;--link:#3fb950;--archive:#d29922}}
body{font:15px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--fg);margin:2rem auto;max-width:1150px;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.soft{color:var(--soft)}
.cards{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.2rem 0}.card{border:1px solid var(--line);border-radius:8px;padding:.5rem .9rem;min-width:6rem}
.card b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:left;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
svg{width:100%;display:block}svg text{fill:var(--fg);font-size:11px}svg rect:focus{outline:2px solid var(--fg)}
.key span{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 1em}
#say{min-height:1.5em}@media print{body{max-width:none;margin:0}}
</style></head><body>
)html";

constexpr const char* kScript = R"html(
<script>
"use strict";
const log=JSON.parse(document.getElementById("log").textContent);
const $=(tag,text,cls)=>{const e=document.createElement(tag);if(text!==undefined)e.textContent=text;if(cls)e.className=cls;return e};
const s=x=>x.toFixed(x<10?2:1)+" s";
const cards=document.getElementById("cards");
for(const [name,value] of log.cards){const c=$("div",undefined,"card");c.append($("b",value),$("span",name,"soft"));cards.append(c)}
const lanes=[...new Set(log.attempts.map(a=>a.worker+"\u0000"+String(a.slot).padStart(4,"0")))].sort();
const H=20,L=170,W=1100,NS="http://www.w3.org/2000/svg",end=Math.max(0.001,...log.attempts.map(a=>a.end));
const svg=document.createElementNS(NS,"svg");svg.setAttribute("viewBox",`0 0 ${W} ${lanes.length*H+24}`);
svg.setAttribute("role","group");svg.setAttribute("aria-label","timeline");
const put=(tag,attributes,text)=>{const e=document.createElementNS(NS,tag);for(const k in attributes)e.setAttribute(k,attributes[k]);if(text!==undefined)e.textContent=text;svg.append(e);return e};
const x=t=>L+(W-L-10)*t/end,say=document.getElementById("say");
lanes.forEach((lane,i)=>{const [worker,slot]=lane.split("\u0000");put("text",{x:0,y:i*H+14},worker.slice(0,22)+" / "+Number(slot))});
for(let i=0;i<=8;i++){const t=end*i/8;put("line",{x1:x(t),x2:x(t),y1:0,y2:lanes.length*H,stroke:"var(--line)"});put("text",{x:x(t)-8,y:lanes.length*H+16},t.toFixed(1)+" s")}
for(const a of log.attempts){const i=lanes.indexOf(a.worker+"\u0000"+String(a.slot).padStart(4,"0"));
const text=`${a.kind} ${a.title}: ${s(a.run)} on ${a.worker}, ${a.outcome}`;
const r=put("rect",{x:x(a.start),y:i*H+2,width:Math.max(1,x(a.end)-x(a.start)),height:H-4,rx:2,tabindex:0,"aria-label":text,fill:a.counted?`var(--${a.kind})`:"var(--lost)"});
const t=document.createElementNS(NS,"title");t.textContent=text;r.append(t);r.onfocus=r.onmouseenter=()=>{say.textContent=text}}
document.getElementById("timeline").append(svg);
const table=(id,head,rows)=>{const place=document.getElementById(id);if(!rows.length){place.append($("p","none","soft"));return}
const t=$("table"),h=$("tr");head.forEach((c,i)=>h.append($("th",c,typeof rows[0][i]==="number"?"n":"")));t.append(h);
for(const row of rows){const r=$("tr");row.forEach(c=>r.append(typeof c==="number"?$("td",Number.isInteger(c)?String(c):s(c),"n"):$("td",c)));t.append(r)}place.append(t)};
const counted=log.attempts.filter(a=>a.counted);
table("slowest",["action","kind","host","time"],[...counted].sort((a,b)=>b.run-a.run).slice(0,20).map(a=>[a.title,a.kind,a.host,a.run+1e-9]));
const groups={};for(const a of counted)groups[a.group||"(none)"]=(groups[a.group||"(none)"]||0)+a.run;
table("groups",["extension","work"],Object.entries(groups).sort((a,b)=>b[1]-a[1]).slice(0,20).map(([g,t])=>[g,t+1e-9]));
table("local",["reason","times"],Object.entries(log.local));
table("reasons",["action","why it ran"],Object.entries(log.reasons).slice(0,500));
</script></body></html>
)html";

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// "<" never appears, so no text can end the script element.
std::string safe_for_script(std::string text) {
  std::string out;
  for (char c : text) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string report_html(const BuildLog& log) {
  const Figures figures = figures_of(log);
  json data;
  data["cards"] = {{"wall", fixed(figures.wall, 1) + " s"},
                   {"work", fixed(figures.run_total, 1) + " s"},
                   {"longest chain", fixed(figures.critical_path, 1) + " s"},
                   {"best possible", fixed(figures.lower_bound, 1) + " s"},
                   {"efficiency", fixed(figures.efficiency, 2)},
                   {"slots", std::to_string(figures.slots)},
                   {"actions", std::to_string(log.total)},
                   {"up to date", std::to_string(log.fresh)},
                   {"retried", std::to_string(log.retried)},
                   {"failed", std::to_string(log.failed)}};
  data["attempts"] = json::array();
  for (const auto& attempt : log.attempts) {
    data["attempts"].push_back({{"title", attempt.title},
                                {"kind", attempt.kind},
                                {"group", attempt.group},
                                {"worker", attempt.worker},
                                {"host", attempt.host},
                                {"slot", attempt.slot},
                                {"start", seconds(attempt.sent - log.first_submission)},
                                {"end", seconds(attempt.finished - log.first_submission)},
                                {"run", seconds(attempt.run_time)},
                                {"outcome", attempt.outcome},
                                {"counted", attempt.counted}});
  }
  data["local"] = log.local_reasons;
  data["reasons"] = log.rebuilt_reasons;
  std::string page = kHead;
  page += "<h1>extfarm build report</h1><p class=soft>" + escaped(log.command) + " in " +
          escaped(log.project_root) + ": " + escaped(log.status) + ", exit code " +
          std::to_string(log.exit_code) + "</p><div id=cards class=cards></div>";
  page +=
      "<h2>Timeline</h2><p class=key><span style='background:var(--cythonize)'></span>cythonize"
      "<span style='background:var(--compile)'></span>compile<span style='background:var(--link)'></span>link"
      "<span style='background:var(--lost)'></span>lost or rejected</p><div id=timeline></div><p id=say "
      "class=soft "
      "aria-live=polite>Point at a bar, or walk through them with Tab.</p>"
      "<h2>Slowest actions</h2><div id=slowest></div><h2>Slowest extensions</h2><div id=groups></div>"
      "<h2>What ran locally, and why</h2><div id=local></div><h2>Why things ran</h2><div id=reasons></div>";
  page += "<script type=\"application/json\" id=\"log\">" +
          safe_for_script(data.dump(-1, ' ', false, json::error_handler_t::replace)) + "</script>";
  return page + kScript;
}

}  // namespace extfarm::reporting
