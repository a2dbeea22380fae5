// What report.html draws for itself: the timeline and the tables.  Text from
// the build reaches the page through textContent and attributes only.
#include "coordinator/reporting/page_parts.h"

namespace extfarm::reporting {

const char* const kPageScript = R"js(
"use strict";
const log = JSON.parse(document.getElementById("log").textContent);
const byId = id => document.getElementById(id);
const make = (tag, text, cls) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
};
const KINDS = ["cythonize", "compile", "link", "archive", "other"];
const colour = a => `var(--${!a.counted ? "lost" : KINDS.includes(a.kind) ? a.kind : "other"})`;
const time = s => s >= 100 ? s.toFixed(0) + " s" : s >= 10 ? s.toFixed(1) + " s" : s >= 1 ? s.toFixed(2) + " s" : Math.round(s * 1000) + " ms";
const size = b => b >= 1048576 ? (b / 1048576).toFixed(1) + " MiB" : b >= 1024 ? (b / 1024).toFixed(0) + " KiB" : b + " B";
const base = path => path.slice(path.lastIndexOf("/") + 1);
const chain = new Set(log.chain);

// ---- timeline: a row for each worker's name, then one for each of its slots
const rows = [], laneOf = new Map();
for (const worker of log.workers) {
  const used = log.attempts.filter(a => a.worker === worker.id);
  const count = used.reduce((most, a) => Math.max(most, a.slot + 1), worker.slots);
  rows.push({worker, height: 26});
  for (let slot = 0; slot < count; slot++) {
    laneOf.set(worker.id + "\n" + slot, rows.length);
    rows.push({slot, height: 20, bars: []});
  }
}
let total = 0;
for (const row of rows) { row.y = total; total += row.height; }
for (const a of log.attempts) {
  a.row = laneOf.get(a.worker + "\n" + a.slot);
  rows[a.row].bars.push(a);
}
for (const row of rows) if (row.bars) row.bars.sort((a, b) => a.start - b.start);
const end = Math.max(log.farm_wall, 0.001, ...log.attempts.map(a => a.end));

const describe = a => `${a.title}: ${a.kind}, ${time(a.run)} on ${a.worker} slot ${a.slot + 1}, ` +
  `${a.outcome}${a.counted ? "" : ", not used"}${chain.has(a.action) && a.counted ? ", on the longest chain" : ""}`;

let zoom = 1, chosen = null;
const element = (parent, tag, attributes, text) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) e.setAttribute(name, attributes[name]);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
};
const niceStep = (span, count) => {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map(m => m * power).find(step => step >= raw);
};
const show = a => {
  const box = byId("details");
  box.replaceChildren(make("b", a.title), make("br"));
  const facts = [a.kind + (a.group ? " of " + a.group : ""), `ran ${time(a.run)} (processor ${time(a.cpu)})`,
    `${a.worker}, slot ${a.slot + 1}`, `waited ${time(a.waited)} for its turn`, `brought home in ${time(a.home)} (${size(a.bytes)})`, a.outcome];
  if (!a.counted) facts.push("this attempt was not used");
  if (chain.has(a.action) && a.counted) facts.push("on the longest chain");
  box.append(make("span", facts.join(" · "), "soft"));
};
const choose = (a, focus) => {
  if (chosen) { chosen.element.classList.remove("chosen"); chosen.element.setAttribute("tabindex", -1); }
  chosen = a;
  a.element.classList.add("chosen");
  a.element.setAttribute("tabindex", 0);
  if (focus) a.element.focus();
  show(a);
};
const nearest = (a, direction) => {
  const middle = (a.start + a.end) / 2;
  for (let r = a.row + direction; r >= 0 && r < rows.length; r += direction) {
    if (!rows[r].bars || !rows[r].bars.length) continue;
    return rows[r].bars.reduce((best, b) =>
      Math.abs((b.start + b.end) / 2 - middle) < Math.abs((best.start + best.end) / 2 - middle) ? b : best);
  }
  return a;
};
const move = (a, key) => {
  const bars = rows[a.row].bars, at = bars.indexOf(a);
  switch (key) {
    case "ArrowRight": return bars[Math.min(at + 1, bars.length - 1)];
    case "ArrowLeft": return bars[Math.max(at - 1, 0)];
    case "Home": return bars[0];
    case "End": return bars[bars.length - 1];
    case "ArrowDown": return nearest(a, 1);
    case "ArrowUp": return nearest(a, -1);
  }
  return null;
};
const drawBar = (svg, a, x) => {
  const row = rows[a.row], left = x(a.start), width = Math.max(1.5, x(a.end) - left - 0.75);
  const g = element(svg, "g", {class: "bar" + (chain.has(a.action) && a.counted ? " chain" : ""), tabindex: -1, role: "img", "aria-label": describe(a)});
  element(g, "title", {}, describe(a));
  element(g, "rect", {x: left, y: row.y + 3, width, height: row.height - 5, rx: Math.min(2.5, width / 2), fill: colour(a)});
  const label = base(a.title), room = Math.floor((width - 8) / 6.2);
  if (room >= 4) element(g, "text", {x: left + 4, y: row.y + 14.5, "aria-hidden": true}, label.length > room ? label.slice(0, room - 1) + "…" : label);
  g.addEventListener("click", () => choose(a, true));
  g.addEventListener("mouseenter", () => show(a));
  g.addEventListener("focus", () => { if (chosen !== a) choose(a, false); });
  g.addEventListener("keydown", e => {
    const next = move(a, e.key);
    if (next) { e.preventDefault(); choose(next, true); next.element.scrollIntoView({block: "nearest", inline: "nearest"}); }
  });
  a.element = g;
};
const draw = fixedWidth => {
  const scroll = byId("scroll"), width = fixedWidth || Math.max(300, scroll.clientWidth * zoom), pad = 2, axis = 22;
  const x = t => pad + (width - 2 * pad - 34) * t / end;
  const svg = element(document.createDocumentFragment(), "svg", {width, height: total + axis, role: "group", "aria-label": "Timeline: arrow keys move from bar to bar"});
  for (const row of rows) if (row.bars) element(svg, "rect", {class: "lane", x: 0, y: row.y + 1, width, height: row.height - 1});
  const step = niceStep(end, Math.max(4, width / 110)), digits = Math.max(0, -Math.floor(Math.log10(step)));
  for (let i = 0; i * step <= end * 1.0001; i++) {
    const at = x(i * step);
    element(svg, "line", {class: "grid", x1: at, x2: at, y1: 0, y2: total + 4});
    element(svg, "text", {x: at, y: total + 17, "text-anchor": i ? "middle" : "start"}, (i * step).toFixed(digits) + " s");
  }
  for (const row of rows) for (const a of row.bars || []) drawBar(svg, a, x);
  scroll.replaceChildren(svg);
  const first = chosen || rows.flatMap(row => row.bars || [])[0];
  if (first) first.element.setAttribute("tabindex", 0);
  if (chosen) chosen.element.classList.add("chosen");
};
const setZoom = factor => {
  const scroll = byId("scroll"), middle = (scroll.scrollLeft + scroll.clientWidth / 2) / zoom;
  zoom = factor ? Math.min(64, Math.max(1, zoom * factor)) : 1;
  draw();
  scroll.scrollLeft = middle * zoom - scroll.clientWidth / 2;
};
if (log.attempts.length) {
  for (const row of rows) {
    const name = row.worker && (row.worker.host === row.worker.id ? row.worker.host : row.worker.id);
    const label = row.worker ? make("div", name, "worker") : make("div", "slot " + (row.slot + 1));
    if (row.worker) label.title = `${row.worker.id} on ${row.worker.host}`;
    byId("lanes").append(label);
  }
  byId("wider").onclick = () => setZoom(2);
  byId("narrower").onclick = () => setZoom(0.5);
  byId("fit").onclick = () => setZoom(0);
  draw();
  addEventListener("resize", () => draw());
  addEventListener("beforeprint", () => { document.querySelectorAll("details").forEach(d => d.open = true); draw(560); });
  addEventListener("afterprint", () => draw());
} else {
  byId("timeline-section").replaceChildren(make("h2", "Timeline"), make("p", "Nothing ran on a worker.", "soft"));
}

// ---- tables; a cell is text, or {n: shown on the right}, or {text, share, kind}
const cell = (c, tag) => {
  if (typeof c !== "object") return make(tag, c);
  if (c.n !== undefined) return make(tag, c.n, "n");
  const e = make(tag);
  if (c.kind) { const dot = make("span", "", "dot"); dot.style.background = c.kind; e.append(dot); }
  e.append(c.text);
  if (c.share !== undefined) { const bar = make("span", "", "share"); bar.style.width = 100 * c.share + "%"; e.append(bar); }
  return e;
};
const fill = (id, head, all, none, limit = 12) => {
  const place = byId(id);
  if (!all.length) { place.append(make("p", none, "soft")); return; }
  const table = part => {
    const t = make("table"), h = make("thead"), r = make("tr"), body = make("tbody"), box = make("div", undefined, "wide");
    head.forEach(c => { const th = cell(c, "th"); th.scope = "col"; r.append(th); });
    h.append(r);
    for (const row of part) { const tr = make("tr"); row.forEach(c => tr.append(cell(c, "td"))); body.append(tr); }
    t.append(h, body);
    box.append(t);
    return box;
  };
  place.append(table(all.slice(0, limit)));
  if (all.length > limit) {
    const more = make("details");
    more.append(make("summary", `${all.length - limit} more`), table(all.slice(limit)));
    place.append(more);
  }
};
const counted = log.attempts.filter(a => a.counted).sort((a, b) => b.run - a.run);
const longest = counted.length ? Math.max(counted[0].run, 1e-9) : 1;
fill("slowest", ["action", "host", {n: "time"}],
  counted.map(a => [{text: a.title, share: a.run / longest, kind: colour(a)}, a.host, {n: time(a.run)}]), "Nothing ran.");
const groups = new Map();
for (const a of counted) {
  const g = groups.get(a.group) || {run: 0, count: 0, start: Infinity, end: 0};
  g.run += a.run; g.count++; g.start = Math.min(g.start, a.start); g.end = Math.max(g.end, a.home_at);
  groups.set(a.group, g);
}
const byWork = [...groups].sort((a, b) => b[1].run - a[1].run);
fill("groups", ["extension", {n: "actions"}, {n: "work"}, {n: "start to end"}],
  byWork.map(([name, g]) => [{text: name || "(no extension)", share: g.run / Math.max(byWork[0][1].run, 1e-9)}, {n: g.count}, {n: time(g.run)}, {n: time(g.end - g.start)}]), "Nothing ran.");
fill("workers", ["worker", "host", {n: "slots"}, {n: "actions"}, {n: "work"}, {n: "busy"}],
  log.workers.map(w => [w.id + (w.quarantined ? " (quarantined)" : ""), w.host, {n: w.slots}, {n: w.actions}, {n: time(w.run)},
    {n: w.slots && log.farm_wall ? Math.round(100 * w.run / (w.slots * log.farm_wall)) + " %" : "–"}]), "No worker was there.");
fill("local", ["why", {n: "times"}], Object.entries(log.local).sort((a, b) => b[1] - a[1]).map(([why, n]) => [why, {n}]),
  "Nothing ran locally.");
fill("reasons", ["action", "why it ran"], counted.filter(a => a.why).map(a => [a.title, a.why]), "Nothing had to be rebuilt.", 20);
fill("rejected", ["action", "worker", "what happened"],
  log.attempts.filter(a => !a.counted).map(a => [{text: a.title, kind: colour(a)}, a.worker, a.outcome.replaceAll("_", " ")]), "None.");
)js";

}  // namespace extfarm::reporting
