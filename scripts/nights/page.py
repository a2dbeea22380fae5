"""A night as one self-contained page: the summary's facts, and the time of
each project over the nights.  Light, dark and on paper; no script.
"""

import html

from nights import summary

_WIDTH, _HEIGHT, _MOST_NIGHTS = 560, 120, 30
_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--panel:#fff;--fg:#1a2029;--soft:#5b6675;--line:#dfe3e9;--accent:#2563c9;--good:#1d7a45;--bad:#c22f3a}
@media(prefers-color-scheme:dark){:root{--bg:#0e1116;--panel:#161b22;--fg:#e5eaf1;--soft:#98a3b3;--line:#2a313c;--accent:#7fb0ff;--good:#6fcf8d;--bad:#ff8b8b}}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,"Segoe UI",sans-serif}
main{max-width:1000px;margin:0 auto;padding:1.5rem 1.2rem 3rem}h1{font-size:1.45rem;margin:0}h2{font-size:1.05rem;margin:0 0 .6rem}
section{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;margin-top:1rem}
.soft{color:var(--soft)}.ok{color:var(--good);font-weight:600}.failed{color:var(--bad);font-weight:600}
code{font:.88em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}tr:last-child td{border-bottom:0}
.plots{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}figure{margin:0}figcaption{font-size:.9rem}
svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--soft)}svg .axis{stroke:var(--line)}
svg polyline{fill:none;stroke:var(--accent);stroke-width:2}svg circle{fill:var(--accent)}a{color:var(--accent)}
@media print{:root{color-scheme:light;--bg:#fff;--panel:#fff;--fg:#000;--soft:#444;--line:#bbb}section{break-inside:avoid}}
"""


def _plot(points):
    """An SVG of (night's name, seconds); the axis starts at zero."""
    points = points[-_MOST_NIGHTS:]
    highest = max(seconds for _, seconds in points)
    left, bottom, top = 46, _HEIGHT - 20, 10
    def place(number, seconds):
        x = left + (_WIDTH - left - 12) * (number / (len(points) - 1) if len(points) > 1 else 0.5)
        return x, bottom - (bottom - top) * seconds / highest
    places = [place(number, seconds) for number, (_, seconds) in enumerate(points)]
    out = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="seconds of each night">',
           f'<line class="axis" x1="{left}" y1="{bottom}" x2="{_WIDTH}" y2="{bottom}"/>',
           f'<text x="{left - 6}" y="{top + 4}" text-anchor="end">{highest:.0f} s</text>',
           f'<text x="{left - 6}" y="{bottom + 4}" text-anchor="end">0</text>',
           f'<text x="{left}" y="{_HEIGHT - 4}">{html.escape(points[0][0])}</text>']
    if len(points) > 1:
        out.append(f'<text x="{_WIDTH - 2}" y="{_HEIGHT - 4}" text-anchor="end">{html.escape(points[-1][0])}</text>')
        out.append('<polyline points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) + '"/>')
    for (name, seconds), (x, y) in zip(points, places):
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{html.escape(name)}: {seconds:.1f} s</title></circle>')
    return "\n".join(out) + "</svg>"


def _table(heads, rows):
    """`heads`: (text, is it a number); cells are HTML."""
    out = ['<div class="wide"><table><tr>']
    out += [f'<th{" class=n" if number else ""}>{text}</th>' for text, number in heads]
    out.append("</tr>")
    for row in rows:
        cells = (f'<td{" class=n" if number else ""}>{cell}</td>' for cell, (_, number) in zip(row, heads))
        out.append("<tr>" + "".join(cells) + "</tr>")
    return "".join(out) + "</table></div>"


def _build_row(build):
    actions, state = build.get("actions", {}), "ok" if build["ok"] else "failed"
    name = html.escape(build["project"]) + (f" #{build['repetition']}" if build["repetition"] > 1 else "")
    links = [f'<a href="{html.escape(build["log"])}">log</a>']
    if "report" in build:
        links.append(f'<a href="{html.escape(build["report"])}">report</a>')
    efficiency = f"{build['efficiency']:.2f}" if build.get("work_seconds") else ""
    return (f'<span class="{state}">{state}</span>', name, f"{build['seconds']:.0f} s", actions.get("total", ""),
            actions.get("on_workers", ""), actions.get("restored", ""), actions.get("passed_through", ""), efficiency, " ".join(links))


def page(night, nights):
    """`nights`: all up to this one, oldest first."""
    failed, escape = summary.failures(night), html.escape
    out = ["<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
           f"<title>Night {escape(night.name)}</title><style>{_STYLE}</style><main>",
           f"<h1>Night {escape(night.name)}</h1><p class=soft>{len(night.builds)} builds, {len(failed)} failed; "
           f"from {escape(night.record['started'])} to {escape(night.record['ended'] or 'now')}</p>"]
    if failed:
        first = failed[0]
        out.append(f"<section><h2>Failed first: {escape(first['project'])}</h2><p><code>{escape(first['cause'])}</code></p>"
                   f"<p class=soft>exit code {first['exit_code']}, <a href=\"{escape(first['log'])}\">log</a></p></section>")
    out.append("<section><h2>Builds</h2>" + _table(
        (("", False), ("project", False), ("time", True), ("actions", True), ("on workers", True), ("restored", True),
         ("local", True), ("efficiency", True), ("", False)), [_build_row(build) for build in night.builds]) + "</section>")
    plots = []
    for project in dict.fromkeys(build["project"] for build in night.builds):
        points = summary.history_of(nights, project)
        if points:
            words = summary.compared(night, [other for other in nights if other is not night], project)
            plots.append(f"<figure><figcaption>{escape(project)} <span class=soft>{escape(words)}</span></figcaption>{_plot(points)}</figure>")
    if plots:
        out.append("<section><h2>Time over the nights</h2><div class=plots>" + "".join(plots) + "</div></section>")
    slow = [(f"{seconds:.1f} s", escape(kind), escape(build["project"]), f"<code>{escape(name)}</code>")
            for build in night.builds for name, kind, seconds in build.get("slowest", [])]
    if slow:
        slow.sort(key=lambda row: -float(row[0].split()[0]))
        heads = (("time", True), ("kind", False), ("project", False), ("action", False))
        out.append("<section><h2>Slowest actions</h2>" + _table(heads, slow[:15]) + "</section>")
    bad = [(escape(worker), escape(words), escape(build["project"])) for build in night.builds
           for worker, words in build.get("misbehaved", {}).items()]
    if bad:
        heads = (("worker", False), ("what", False), ("project", False))
        out.append("<section><h2>Workers that misbehaved</h2>" + _table(heads, bad) + "</section>")
    return "\n".join(out) + "</main></html>\n"
