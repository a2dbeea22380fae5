// What mouse and keyboard do to the timeline, and what is said of an action.
"use strict";
const show = a => {
  const facts = [a.kind + (a.group ? " of " + a.group : ""), `ran ${time(a.run)} (processor ${time(a.cpu)})`,
    `${a.worker}, slot ${a.slot + 1}`, `from ${a.start.toFixed(2)} s to ${a.end.toFixed(2)} s`, `waited ${time(Math.max(0, a.start - a.ready))} for its turn`,
    `brought home in ${time(Math.max(0, a.home_at - a.end))} (${size(a.bytes)})`, a.outcome.replaceAll("_", " ")];
  if (!a.counted) facts.push("this attempt was not used");
  if (a.inChain) facts.push("on the longest chain");
  if (a.why) facts.push(a.why);
  byId("details").replaceChildren(make("b", a.title), make("br"), make("span", facts.join(" · "), "soft"));
};
const hint = () => {
  if (chosen) show(chosen);
  else byId("details").replaceChildren(make("span", "Point at a bar, or press Tab and walk with the arrow keys.", "soft"));
};
const choose = a => {
  if (!a) return;
  chosen = a;
  const span = view.to - view.from, middle = (a.start + a.end) / 2;
  if (a.end < view.from || a.start > view.to) look(middle - span / 2, middle + span / 2);
  const row = rows[a.row], seen = lanes.clientHeight - AXIS;
  if (row.y < lanes.scrollTop) lanes.scrollTop = row.y - HOST;
  if (row.y + row.height > lanes.scrollTop + seen) lanes.scrollTop = row.y + row.height - seen;
  show(a);
  redraw();
};
const inRow = direction => {
  const bars = rows[chosen.row].bars;
  return bars[Math.min(bars.length - 1, Math.max(0, bars.indexOf(chosen) + direction))];
};
const nearest = direction => {
  const middle = (chosen.start + chosen.end) / 2;
  for (let r = chosen.row + direction; r >= 0 && r < rows.length; r += direction) {
    if (!rows[r].bars || !rows[r].bars.length) continue;
    return rows[r].bars.reduce((best, b) => Math.abs((b.start + b.end) / 2 - middle) < Math.abs((best.start + best.end) / 2 - middle) ? b : best);
  }
  return chosen;
};
const alongChain = direction => {
  const at = chainBars.indexOf(chosen);
  if (at >= 0) return chainBars[Math.min(chainBars.length - 1, Math.max(0, at + direction))];
  return direction > 0 ? chainBars[0] : chainBars.at(-1);
};
const firstBar = () => chosen || chainBars[0] || attempts[0];
const setOnlyChain = on => {
  onlyChain = on;
  byId("follow").setAttribute("aria-pressed", on);
  redraw();
};
const fromFirst = step => () => choose(chosen ? step() : firstBar());
const KEYS = {
  ArrowRight: fromFirst(() => inRow(1)), ArrowLeft: fromFirst(() => inRow(-1)),
  ArrowDown: fromFirst(() => nearest(1)), ArrowUp: fromFirst(() => nearest(-1)),
  Home: fromFirst(() => rows[chosen.row].bars[0]), End: fromFirst(() => rows[chosen.row].bars.at(-1)),
  n: () => choose(alongChain(1)), p: () => choose(alongChain(-1)), c: () => setOnlyChain(!onlyChain),
  "+": () => zoom(1.6, chosen ? (chosen.start + chosen.end) / 2 : undefined), "-": () => zoom(1 / 1.6), "=": () => zoom(1.6),
  "0": () => look(0, end), ",": () => pan(-0.25), ".": () => pan(0.25),
  Escape: () => { chosen = null; hint(); redraw(); },
};
canvas.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !KEYS[e.key]) return;
  e.preventDefault();
  KEYS[e.key]();
});
addEventListener("keydown", e => {
  if (e.key !== "/" || e.target.tagName === "INPUT") return;
  e.preventDefault();
  byId("find").focus();
});

// ---- mouse
const timeAt = px => view.from + (px - GUTTER) / (widthOf() - GUTTER - 8) * (view.to - view.from);
const barAt = e => {
  const box = canvas.getBoundingClientRect(), px = e.clientX - box.left, y = e.clientY - box.top + lanes.scrollTop;
  const row = rows.find(r => y >= r.y && y < r.y + r.height);
  if (!row || !row.bars || px < GUTTER) return null;
  const at = timeAt(px), slack = 2 * (view.to - view.from) / widthOf();
  let best = null;
  for (const a of row.bars) {
    if (a.start > at + slack) break;
    if (a.end >= at - slack) best = !best || a.inChain || a.start <= at ? a : best;
  }
  return best;
};
let held = null;
canvas.addEventListener("pointerdown", e => {
  held = {x: e.clientX, y: e.clientY, from: view.from, to: view.to, top: lanes.scrollTop, moved: false};
  canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener("pointermove", e => {
  if (!held) {
    const a = barAt(e);
    canvas.style.cursor = a ? "pointer" : "";
    if (a) show(a); else hint();
    return;
  }
  const dx = e.clientX - held.x;
  held.moved = held.moved || Math.abs(dx) + Math.abs(e.clientY - held.y) > 4;
  if (!held.moved) return;
  canvas.classList.add("held");
  const by = -dx / (widthOf() - GUTTER - 8) * (held.to - held.from);
  look(held.from + by, held.to + by);
  lanes.scrollTop = held.top - (e.clientY - held.y);
});
const release = e => {
  if (held && !held.moved && e.type === "pointerup") choose(barAt(e));
  held = null;
  canvas.classList.remove("held");
};
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => { if (!held) hint(); });
canvas.addEventListener("dblclick", e => zoom(3, timeAt(e.clientX - canvas.getBoundingClientRect().left)));
canvas.addEventListener("wheel", e => {
  if (e.ctrlKey || e.metaKey) {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY / 300), timeAt(e.clientX - canvas.getBoundingClientRect().left));
  } else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
    e.preventDefault();
    pan((e.deltaX || e.deltaY) / widthOf());
  }
}, {passive: false});
const lookFrom = e => {
  const at = (e.clientX - overview.getBoundingClientRect().left - GUTTER) / (widthOf() - GUTTER - 8) * end;
  const span = view.to - view.from > 0.9 * end ? end / 4 : view.to - view.from;
  look(at - span / 2, at + span / 2);
};
overview.addEventListener("pointerdown", e => { overview.setPointerCapture(e.pointerId); lookFrom(e); });
overview.addEventListener("pointermove", e => { if (e.buttons) lookFrom(e); });

// ---- find
byId("find").addEventListener("input", e => {
  const word = e.target.value.trim().toLowerCase();
  matches = word ? new Set(attempts.filter(a => a.title.toLowerCase().includes(word) || a.group.toLowerCase().includes(word))) : null;
  const work = matches ? [...matches].reduce((sum, a) => sum + a.run, 0) : 0;
  byId("found").textContent = matches ? `${plural(matches.size, "attempt")}, ${time(work)}` : "";
  redraw();
});
byId("find").addEventListener("keydown", e => {
  if (e.key === "Enter" && matches && matches.size) { choose([...matches].sort((a, b) => b.run - a.run)[0]); canvas.focus(); }
  if (e.key === "Escape") { e.target.value = ""; matches = null; byId("found").textContent = ""; canvas.focus(); redraw(); }
});

// ---- start
if (attempts.length) {
  byId("wider").onclick = () => zoom(2);
  byId("narrower").onclick = () => zoom(0.5);
  byId("fit").onclick = () => look(0, end);
  byId("follow").onclick = () => setOnlyChain(!onlyChain);
  const again = () => { readColours(); pictureWidth = 0; redraw(); };
  lanes.addEventListener("scroll", redraw);
  addEventListener("resize", () => { pictureWidth = 0; redraw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let before = null;
  addEventListener("beforeprint", () => {
    onPaper = true;
    before = {...view};
    view.from = 0;
    view.to = end;
    readColours();
    pictureWidth = 0;
    drawOnPaper(byId("prints"));
  });
  addEventListener("afterprint", () => {
    onPaper = false;
    byId("prints").replaceChildren();
    if (before) Object.assign(view, before);
    again();
  });
  readColours();
  draw();
  hint();
} else {
  byId("timeline-section").replaceChildren(make("h2", "Timeline"), make("p", "Nothing ran on a worker.", "soft"));
}
