// The live page: draws each state that /events tells.  Text from builds reaches
// the page through textContent only.
"use strict";
const clock = s => {
  const whole = Math.ceil(s), two = n => String(n).padStart(2, "0");
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
};
const figures = (place, list) => byId(place).replaceChildren(...list.map(([name, value]) => {
  const box = make("div");
  box.append(make("dt", name), make("dd", value));
  return box;
}));
const say = (text, cls) => { byId("status").textContent = text; byId("status").className = "status " + cls; };

// ---- busy slots since the page was opened, one value a second
const MOST_SECONDS = 600;
let seen = [], seenOf = null, pending = 0;
const remember = build => {
  const key = build.project + "\n" + build.command, second = Math.floor(build.elapsed);
  if (seenOf !== key || (seen.length && second < seen.at(-1).second)) seen = [];
  seenOf = key;
  if (seen.length && seen.at(-1).second === second) seen.pop();
  seen.push({second, busy: build.actions.running, slots: build.slots});
  if (seen.length > MOST_SECONDS) seen.shift();
};
const drawBusy = () => {
  const canvas = byId("busy"), sharp = Math.min(3, devicePixelRatio || 1), width = canvas.parentElement.clientWidth - 36, height = 90;
  canvas.width = width * sharp;
  canvas.height = height * sharp;
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const g = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue("--" + name).trim();
  g.scale(sharp, sharp);
  const top = Math.max(1, ...seen.map(s => Math.max(s.slots, s.busy))), floor = height - 16, from = seen.length ? seen[0].second : 0;
  const span = Math.max(30, seen.length ? seen.at(-1).second - from + 1 : 1), x = second => (second - from) / span * width;
  g.fillStyle = colour("lane");
  g.fillRect(0, 0, width, floor);
  g.fillStyle = colour("accent");
  seen.forEach((s, i) => {
    const next = i + 1 < seen.length ? seen[i + 1].second : s.second + 1, tall = s.busy / top * (floor - 4);
    g.fillRect(x(s.second), floor - tall, Math.max(1, x(next) - x(s.second)), tall);
  });
  g.fillStyle = colour("soft");
  g.font = "11px system-ui,sans-serif";
  g.fillText(`busy slots of ${top}, since ${clock(from)}`, 0, height - 3);
};

// ---- workers
const slot = attempt => {
  if (!attempt) return make("span", "", "slot");
  const e = make("span", undefined, "slot busy " + (KINDS.includes(attempt.kind) ? attempt.kind : "other"));
  e.title = `${attempt.title}: ${attempt.kind}${attempt.group ? " of " + attempt.group : ""}`;
  e.append(make("b", base(attempt.title)), make("span", Math.floor(attempt.seconds) + " s"));
  return e;
};
const workerRow = (worker, isOneOfSeveral) => {
  const row = make("div", undefined, "worker"), name = make("div"), slots = make("div", undefined, "slots");
  name.append(make("div", isOneOfSeveral ? worker.id : worker.host, "name"));
  const facts = [worker.slots + (worker.slots === 1 ? " slot" : " slots")];
  if (worker.finished !== undefined) facts.push(worker.finished + " done");
  if (worker.queued) facts.push(worker.queued + " queued");
  if (worker.takes_actions === false) { facts.push("takes nothing now"); row.classList.add("away"); }
  if (worker.endpoint) facts.push(worker.endpoint);
  name.append(make("div", facts.join(" · "), "soft"));
  name.title = worker.id;
  if (worker.running) for (let i = 0; i < Math.max(worker.slots, worker.running.length); i++) slots.append(slot(worker.running[i]));
  row.append(name, slots);
  return row;
};
const showWorkers = list => byId("workers").replaceChildren(...list.length
  ? list.map(worker => workerRow(worker, list.filter(other => other.host === worker.host).length > 1))
  : [make("p", "No worker has announced itself. Start one on each lab machine: extfarm-worker", "soft")]);

// ---- builds
const showBuild = build => {
  const a = build.actions, share = a.total ? Math.floor(100 * a.done / a.total) : 0;
  byId("project").textContent = base(build.project) || build.project;
  byId("command").replaceChildren(make("code", build.command), " in ", make("code", build.project));
  byId("bar").firstElementChild.style.width = share + "%";
  byId("bar").setAttribute("aria-valuenow", share);
  figures("figures", [["done", `${a.done} / ${a.total}`], ["time left", build.left === null ? "–" : (build.left_is_guess ? "~" : "") + clock(build.left)],
    ["running", `${a.running} of ${build.slots}`], ["so far", clock(build.elapsed)], ["on workers", a.on_workers], ["up to date", a.fresh],
    ["ran locally", a.ran_locally], ["failed", a.failed], ["repeated", a.retried], ["brought home", (build.bytes_returned / 1048576).toFixed(1) + " MiB"]]);
  document.title = `${share} % ${base(build.project)}: extfarm`;
  remember(build);
  drawBusy();
};
const showLast = (last, end) => {
  byId("last").hidden = !last;
  if (!last) return;
  figures("last-figures", [["result", last.status], ["from start to end", last.seconds.wall.toFixed(1) + " s"], ["efficiency", Math.round(100 * last.efficiency) + " %"],
    ["actions", last.actions.total], ["on workers", last.actions.on_workers], ["up to date", last.actions.fresh], ["failed", last.actions.failed],
    ["ran locally", last.actions.passed_through], ["slots", last.slots], ["ended", new Date(1000 * end).toLocaleTimeString()]]);
};
const show = state => {
  byId("build").hidden = !state.build;
  if (state.build) {
    say("running", "running");
    showBuild(state.build);
    showWorkers(state.build.workers);
  } else {
    say("no build runs", "idle");
    byId("command").textContent = "";
    document.title = "extfarm";
    showWorkers(state.workers);
  }
  showLast(state.last, state.last_end_s);
};
const events = new EventSource("/events");
events.onmessage = e => {
  const state = JSON.parse(e.data);
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(() => show(state));
};
events.onerror = () => say("connection lost, trying again", "lost");
addEventListener("resize", () => { if (!byId("build").hidden) drawBusy(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!byId("build").hidden) drawBusy(); });
