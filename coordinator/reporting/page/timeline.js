// The timeline of report.html: busy slots over the whole build, and under it a
// row for each slot, of which a part is looked at.  Drawn on two canvases; a bar
// narrower than a pixel shares it with its neighbours.
"use strict";
const GUTTER = 150, AXIS = 22, HOST = 28, WORKER = 20, SLOT = 19, OVERVIEW = 92;
const canvas = byId("timeline"), overview = byId("overview"), lanes = byId("lanes");

// ---- rows: each host, its workers where it has several, their slots
const rows = [], rowOf = new Map();
const add = row => { row.y = rows.length ? rows.at(-1).y + rows.at(-1).height : 0; rows.push(row); };
const slotsUsed = new Map();
for (const a of attempts) slotsUsed.set(a.worker, Math.max(slotsUsed.get(a.worker) || 0, a.slot + 1));
for (const host of [...new Set(log.workers.map(w => w.host))]) {
  const workers = log.workers.filter(w => w.host === host);
  const slots = workers.reduce((n, w) => n + w.slots, 0);
  const run = workers.reduce((n, w) => n + w.run, 0);
  add({height: HOST, label: host, note: slots && log.farm_wall ? `${plural(slots, "slot")}, ${Math.round(100 * run / slots / log.farm_wall)} % busy` : ""});
  for (const worker of workers) {
    if (workers.length > 1) add({height: WORKER, label: worker.id, isWorker: true});
    for (let slot = 0; slot < Math.max(worker.slots, slotsUsed.get(worker.id) || 0); slot++) {
      rowOf.set(worker.id + "\n" + slot, rows.length);
      add({height: SLOT, label: "slot " + (slot + 1), bars: []});
    }
  }
}
for (const a of attempts) {
  a.row = rowOf.get(a.worker + "\n" + a.slot);
  rows[a.row].bars.push(a);
}
for (const row of rows) if (row.bars) row.bars.sort((a, b) => a.start - b.start);
const total = rows.length ? rows.at(-1).y + rows.at(-1).height : 0;
const end = attempts.reduce((most, a) => Math.max(most, a.end), Math.max(log.farm_wall, 0.001));

// ---- what is looked at
const view = {from: 0, to: end};
let chosen = null, onlyChain = false, matches = null, colours = null, onPaper = false, frame = 0;
const readColours = () => {
  const probe = make("div", "", "paper");
  byId("timeline-section").append(probe);
  const style = getComputedStyle(onPaper ? probe : document.documentElement);
  colours = {};
  for (const name of [...KINDS, "lost", "bg", "panel", "fg", "soft", "line", "lane", "accent", "on-bar"])
    colours[name] = style.getPropertyValue("--" + name).trim();
  probe.remove();
};
const redraw = () => { if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); }); };
const look = (from, to) => {
  const least = end / 20000, span = Math.min(end, Math.max(least, to - from));
  view.from = Math.min(Math.max(0, from), end - span);
  view.to = view.from + span;
  redraw();
};
const zoom = (factor, at = (view.from + view.to) / 2) => look(at - (at - view.from) / factor, at + (view.to - at) / factor);
const pan = share => look(view.from + share * (view.to - view.from), view.to + share * (view.to - view.from));

// ---- drawing
const prepare = (element, width, height) => {
  const sharp = onPaper ? 2 : Math.min(3, devicePixelRatio || 1);
  const w = Math.round(width * sharp), h = Math.round(height * sharp);
  if (element.width !== w || element.height !== h) { element.width = w; element.height = h; }
  element.style.width = onPaper ? "100%" : width + "px";
  element.style.height = onPaper ? "auto" : height + "px";
  const g = element.getContext("2d");
  g.setTransform(sharp, 0, 0, sharp, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "11px system-ui,sans-serif";
  g.textBaseline = "middle";
  return g;
};
const niceStep = (span, count) => {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map(m => m * power).find(step => step >= raw * 0.999);
};
const cut = (text, room) => {
  const most = Math.floor(room / 6);
  return text.length <= most ? text : most < 4 ? "" : text.slice(0, most - 1) + "…";
};
const widthOf = () => onPaper ? 1000 : lanes.clientWidth;
const x = (t, width) => GUTTER + (width - GUTTER - 8) * (t - view.from) / (view.to - view.from);

const drawBars = (g, row, y, width) => {
  const left = GUTTER, right = width - 8, bars = row.bars;
  let low = 0, high = bars.length;
  while (low < high) { const middle = (low + high) >> 1; if (bars[middle].end < view.from) low = middle + 1; else high = middle; }
  let last = -1, colour = "";
  for (let i = low; i < bars.length && bars[i].start <= view.to; i++) {
    const a = bars[i], from = Math.max(left, x(a.start, width)), to = Math.min(right, x(a.end, width));
    const isFaint = (onlyChain && !a.inChain) || (matches && !matches.has(a));
    if (to - from < 1.2) {
      const pixel = Math.floor(from);
      if (pixel === last && !a.inChain && !(matches && !isFaint)) continue;
      last = pixel;
    }
    const wanted = colours[kindOf(a)];
    if (wanted !== colour) g.fillStyle = colour = wanted;
    g.globalAlpha = isFaint ? 0.18 : 1;
    const span = Math.max(1, to - from - (to - from > 4 ? 1 : 0));
    g.fillRect(from, y + 2, span, row.height - 4);
    if (span > 44) {
      g.fillStyle = colours["on-bar"];
      colour = "";
      g.fillText(cut(base(a.title), span - 8), from + 4, y + row.height / 2 + 0.5);
    }
  }
  g.globalAlpha = 1;
};
const drawChain = (g, top, height, width) => {
  g.strokeStyle = colours.fg;
  let before = null;
  for (const a of chainBars) {
    const row = rows[a.row], y = row.y - top, from = x(a.start, width), to = x(a.end, width);
    if (before && to >= GUTTER && x(before.end, width) <= width) {
      g.lineWidth = 1;
      g.globalAlpha = 0.7;
      g.beginPath();
      g.moveTo(x(before.end, width), rows[before.row].y - top + SLOT / 2);
      g.lineTo(from, y + SLOT / 2);
      g.stroke();
      g.globalAlpha = 1;
    }
    before = a;
    if (to < GUTTER || from > width || y > height || y < -SLOT) continue;
    g.lineWidth = 2;
    g.strokeRect(from + 0.5, y + 2, Math.max(2, to - from - 2), row.height - 4);
  }
};
const drawAxis = (g, width, bottom) => {
  const step = niceStep(view.to - view.from, Math.max(3, (width - GUTTER) / 110)), digits = Math.max(0, -Math.floor(Math.log10(step)));
  g.fillStyle = colours.panel;
  g.fillRect(0, bottom, width, AXIS);
  for (let i = Math.ceil(view.from / step - 1e-9); i * step <= view.to * 1.000001; i++) {
    const at = x(i * step, width);
    g.fillStyle = colours.line;
    g.fillRect(Math.round(at), 0, 1, bottom + 4);
    g.fillStyle = colours.soft;
    g.textAlign = at > width - 30 ? "right" : "center";
    g.fillText((i * step).toFixed(digits) + " s", at > width - 30 ? width - 2 : at, bottom + 13);
  }
  g.textAlign = "left";
};
const drawRows = (target, width, height, top) => {
  const g = prepare(target, width, height), bottom = height - AXIS;
  const seen = rows.filter(row => row.y + row.height > top && row.y < top + bottom);
  for (const row of seen) {
    const y = row.y - top;
    g.fillStyle = row.bars ? colours.lane : colours.fg;
    if (row.bars) g.fillRect(GUTTER, y + 1, width - GUTTER - 8, row.height - 2);
    if (!row.bars && !row.isWorker) {
      g.font = "600 12px system-ui,sans-serif";
      const name = cut(row.label, width - 200);
      g.fillText(name, 2, y + row.height / 2 + 2);
      const used = g.measureText(name).width;
      g.font = "11px system-ui,sans-serif";
      g.fillStyle = colours.soft;
      g.fillText(row.note, 10 + used, y + row.height / 2 + 2);
    } else {
      g.fillStyle = colours.soft;
      g.textAlign = row.bars ? "right" : "left";
      g.fillText(cut(row.label, row.bars ? GUTTER - 14 : width - 20), row.bars ? GUTTER - 10 : 2, y + row.height / 2 + 0.5);
      g.textAlign = "left";
    }
  }
  drawAxis(g, width, bottom);
  g.save();
  g.beginPath();
  g.rect(GUTTER, 0, width - GUTTER, bottom);
  g.clip();
  for (const row of seen) if (row.bars) drawBars(g, row, row.y - top, width);
  drawChain(g, top, bottom, width);
  if (chosen) {
    const from = x(chosen.start, width), to = x(chosen.end, width), y = rows[chosen.row].y - top;
    g.lineWidth = 2;
    g.strokeStyle = colours.panel;
    g.strokeRect(from - 1, y + 1, Math.max(4, to - from + 1), SLOT - 2);
    g.strokeStyle = colours.lost;
    g.strokeRect(from - 3, y - 0.5, Math.max(8, to - from + 5), SLOT + 1);
  }
  g.restore();
};

// ---- busy slots over the whole build, the part that is looked at framed in it
const picture = document.createElement("canvas");
let pictureWidth = 0;
const busyByPixel = (width, from, to) => {
  const level = new Float64Array(width + 2), slope = new Float64Array(width + 2);
  for (const a of attempts) {  // a share of its first and last pixel, all of those between
    const begin = Math.max(0, a[from]) / end * width, finish = Math.min(end, a[to]) / end * width;
    if (!(finish > begin)) continue;
    const first = Math.floor(begin), last = Math.min(width, Math.floor(finish));
    if (first === last) { level[first] += finish - begin; continue; }
    level[first] += first + 1 - begin;
    level[last] += finish - last;
    slope[first + 1] += 1;
    slope[last] -= 1;
  }
  for (let i = 0, sum = 0; i < width; i++) { sum += slope[i]; level[i] += sum; }
  return level;
};
const drawPicture = width => {
  const inner = Math.max(10, Math.floor(width - GUTTER - 8)), g = prepare(picture, width, OVERVIEW);
  pictureWidth = width;
  const busy = busyByPixel(inner, "start", "end"), waiting = busyByPixel(inner, "ready", "start");
  const slots = log.workers.reduce((n, w) => n + w.slots, 0);
  const top = Math.max(slots, 1), floor = OVERVIEW - 14, scale = (floor - 8) / top;
  g.fillStyle = colours.lane;
  g.fillRect(GUTTER, floor - top * scale, inner, top * scale);
  for (let i = 0; i < inner; i++) {
    const all = Math.min(top, busy[i] + waiting[i]), own = Math.min(top, busy[i]);
    g.fillStyle = colours.archive;
    g.globalAlpha = 0.35;
    g.fillRect(GUTTER + i, floor - all * scale, 1, (all - own) * scale);
    g.globalAlpha = 0.85;
    g.fillStyle = colours.accent;
    g.fillRect(GUTTER + i, floor - own * scale, 1, own * scale);
  }
  g.globalAlpha = 1;
  g.fillStyle = colours.line;
  g.fillRect(GUTTER, floor - top * scale, inner, 1);
  g.fillStyle = colours.fg;
  for (const a of chainBars) g.fillRect(GUTTER + a.start / end * inner, floor + 3, Math.max(1, (a.end - a.start) / end * inner - 0.5), 5);
  g.textAlign = "right";
  g.fillText("busy slots", GUTTER - 10, 22);
  g.fillStyle = colours.soft;
  g.fillText(`of ${slots}; above: waiting`, GUTTER - 10, 38);
  g.fillText("longest chain", GUTTER - 10, floor + 6);
  g.textAlign = "left";
};
const drawOverview = width => {
  if (pictureWidth !== width) drawPicture(width);
  const g = prepare(overview, width, OVERVIEW), inner = width - GUTTER - 8;
  g.drawImage(picture, 0, 0, width, OVERVIEW);
  if (view.to - view.from > 0.9999 * end) return;
  const from = GUTTER + view.from / end * inner, to = GUTTER + view.to / end * inner;
  g.fillStyle = colours.panel;
  g.globalAlpha = 0.65;
  g.fillRect(GUTTER, 0, from - GUTTER, OVERVIEW);
  g.fillRect(to, 0, GUTTER + inner - to, OVERVIEW);
  g.globalAlpha = 1;
  g.strokeStyle = colours.fg;
  g.lineWidth = 1.5;
  g.strokeRect(from, 1, Math.max(3, to - from), OVERVIEW - 4);
};
const draw = () => {
  byId("reach").style.height = total + AXIS + "px";  // first: it may bring a scroll bar
  const width = widthOf();
  drawOverview(width);
  drawRows(canvas, width, Math.min(lanes.clientHeight, total + AXIS), lanes.scrollTop);
  canvas.dataset.from = view.from;
  canvas.dataset.to = view.to;
};
// A picture for each host: paper breaks between pictures only.
const drawOnPaper = place => {
  const width = widthOf(), tops = rows.filter(row => !row.bars && !row.isWorker).map(row => row.y);
  drawOverview(width);
  place.replaceChildren(...tops.map((top, i) => {
    const picture = document.createElement("canvas");
    drawRows(picture, width, (tops[i + 1] ?? total) - top + AXIS, top);
    return picture;
  }));
};
