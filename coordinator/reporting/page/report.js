// What report.html makes of its data beside the timeline: the tables.  Text from
// the build reaches the page through textContent only.
"use strict";
const log = JSON.parse(document.getElementById("log").textContent);
const kindOf = a => !a.counted ? "lost" : KINDS.includes(a.kind) ? a.kind : "other";
const time = s => s >= 100 ? s.toFixed(0) + " s" : s >= 10 ? s.toFixed(1) + " s" : s >= 1 ? s.toFixed(2) + " s" : Math.round(s * 1000) + " ms";
const size = b => b >= 1048576 ? (b / 1048576).toFixed(1) + " MiB" : b >= 1024 ? (b / 1024).toFixed(0) + " KiB" : b + " B";
const plural = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

// The attempts come as rows of numbers; what many of them share, as places in log.names.
const attempts = log.rows.map(row => {
  const a = {};
  log.columns.forEach((column, i) => { a[column] = log.named.includes(column) ? log.names[row[i]] : row[i]; });
  return a;
});
const chain = new Set(log.chain);
for (const a of attempts) a.inChain = a.counted && chain.has(a.action);
const barOf = new Map(attempts.filter(a => a.inChain).map(a => [a.action, a]));
const chainBars = log.chain.map(id => barOf.get(id)).filter(a => a);

// A cell is text, or {n: shown on the right}, or {text, share, kind}.
const cell = (c, tag) => {
  if (typeof c !== "object") return make(tag, c);
  if (c.n !== undefined) return make(tag, c.n, "n");
  const e = make(tag);
  if (c.kind) { const dot = make("span", "", "dot"); dot.style.background = `var(--${c.kind})`; e.append(dot); }
  e.append(c.text);
  if (c.share !== undefined) { const bar = make("span", "", "share"); bar.style.width = 100 * c.share + "%"; e.append(bar); }
  return e;
};
const table = (head, rows) => {
  const t = make("table"), h = make("thead"), r = make("tr"), body = make("tbody"), box = make("div", undefined, "wide");
  head.forEach(c => { const th = cell(c, "th"); th.scope = "col"; r.append(th); });
  h.append(r);
  for (const row of rows) { const tr = make("tr"); row.forEach(c => tr.append(cell(c, "td"))); body.append(tr); }
  t.append(h, body);
  box.append(t);
  return box;
};
// What is folded is made when it is opened: twenty thousand rows would keep the page from opening.
const MOST_ROWS = 1000;
const folded = (title, head, rows) => {
  const more = make("details");
  more.append(make("summary", title));
  more.addEventListener("toggle", () => {
    if (more.childElementCount > 1) return;
    more.append(table(head, rows.slice(0, MOST_ROWS)));
    if (rows.length > MOST_ROWS) more.append(make("p", `and ${rows.length - MOST_ROWS} more`, "soft"));
  });
  more.dataset.rows = rows.length;
  return more;
};
const fill = (id, head, rows, none, limit = 12) => {
  const place = byId(id);
  if (!rows.length) { place.append(make("p", none, "soft")); return; }
  place.append(table(head, rows.slice(0, limit)));
  if (rows.length > limit) place.append(folded(`${rows.length - limit} more`, head, rows.slice(limit)));
};

const counted = attempts.filter(a => a.counted).sort((a, b) => b.run - a.run);
const longest = counted.length ? Math.max(counted[0].run, 1e-9) : 1;
fill("slowest", ["action", "host", {n: "time"}],
  counted.slice(0, 200).map(a => [{text: a.title, share: a.run / longest, kind: kindOf(a)}, a.host, {n: time(a.run)}]), "Nothing ran.");
const longestOfChain = chainBars.reduce((most, a) => Math.max(most, a.run), 1e-9);
fill("chain", ["action", {n: "waited"}, {n: "time"}],
  chainBars.map(a => [{text: a.title, share: a.run / longestOfChain, kind: kindOf(a)}, {n: time(Math.max(0, a.start - a.ready))}, {n: time(a.run)}]),
  "Nothing ran.");
const groups = new Map();
for (const a of counted) {
  const g = groups.get(a.group) || {run: 0, count: 0, start: Infinity, end: 0, longest: a};
  g.run += a.run; g.count++; g.start = Math.min(g.start, a.start); g.end = Math.max(g.end, a.home_at);
  groups.set(a.group, g);
}
const byWork = [...groups].sort((a, b) => b[1].run - a[1].run);
fill("groups", ["group", {n: "actions"}, {n: "work"}, {n: "start to end"}, "slowest of them"],
  byWork.map(([name, g]) => [{text: name || "(no group)", share: g.run / Math.max(byWork[0][1].run, 1e-9)}, {n: g.count}, {n: time(g.run)},
    {n: time(g.end - g.start)}, `${base(g.longest.title)}, ${time(g.longest.run)}`]), "Nothing ran.");
fill("workers", ["worker", "host", {n: "slots"}, {n: "actions"}, {n: "work"}, {n: "busy"}, {n: "speed"}],
  log.workers.map(w => [w.id + (w.quarantined ? " (quarantined)" : ""), w.host, {n: w.slots}, {n: w.actions}, {n: time(w.run)},
    {n: w.slots && log.farm_wall ? Math.round(100 * w.run / (w.slots * log.farm_wall)) + " %" : "–"}, {n: w.speed.toFixed(2)}]),
  "No worker was there.");
fill("local", ["why", {n: "times"}, {n: "time"}],
  log.local.map(l => [l.why, {n: l.times}, {n: l.seconds ? time(l.seconds) : "–"}]), "Nothing ran locally.");
for (const l of log.local) {
  if (l.commands.length)
    byId("local").append(folded(`${l.why}: ${plural(l.commands.length, "command")}`, ["command"], l.commands.map(c => [c])));
}
const whys = new Map();
for (const a of counted) if (a.why) (whys.get(a.why) || whys.set(a.why, []).get(a.why)).push(a.title);
fill("reasons", ["why", {n: "actions"}, "which"],
  [...whys].sort((a, b) => b[1].length - a[1].length).map(([why, titles]) =>
    [why, {n: titles.length}, titles.slice(0, 3).join(", ") + (titles.length > 3 ? ", …" : "")]),
  "Nothing had to be rebuilt.", 20);
fill("rejected", ["action", "worker", "what happened"],
  attempts.filter(a => !a.counted).map(a => [{text: a.title, kind: "lost"}, a.worker, a.outcome.replaceAll("_", " ")]), "None.");
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { if (d.dataset.rows <= 60) d.open = true; }));
