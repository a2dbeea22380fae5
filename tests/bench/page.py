"""A page of bar charts from the JSON files that the benchmarks write.

    page.py FOLDER     reads FOLDER/*.json, writes FOLDER/index.html

Knows which figures of each benchmark are worth a bar, and what they should reach; nothing of how they were measured.
"""

import html
import json
import os
import sys

# Benchmark: (title, unit, the list of rows or None for the whole, how a row is called, {figure: its goal or None}).
CHARTS = {
    "dispatch": [("No-op actions beside bare sockets", "of the bare rate", "rows", ("workers",), {"ratio": 0.5}),
                 ("Processor time of the coordinator", "µs an action", "rows", ("workers",),
                  {"cpu_microseconds": None, "bare_cpu_microseconds": None}),
                 ("Latency of one action", "ms", "rows", ("workers",), {"p50_ms": None, "p99_ms": None})],
    "efficiency": [("Best possible / wall", "", "rows", ("trace", "slots", "hosts"),
                    {"with_history": 0.97, "first_build": 0.9, "fifo": None, "manifest_order": None, "longest_first": None})],
    "ablation": [("Wall without the rule / with it", "", "rows", ("trace", "rule", "situation"), {"ratio": 1})],
    "recovery": [("What one broken worker of eight costs", "s", "rows", ("trace",),
                  {"killed half-way": None, "hangs half-way": None, "twenty times slower from the start": None,
                   "fails whatever it gets": None})],
    "scale": [("The scheduler alone", "µs an action", "rows", ("farm", "actions"),
               {"core_microseconds_per_action": None, "microseconds_per_action": None}),
              ("The scheduler alone", "bytes an action", "rows", ("farm", "actions"), {"bytes_per_action": None})],
    "results": [("Results beside bare sockets", "of the bare rate", "rounds", (), {"ratio": 0.7})],
    "rivals": [("Best possible / wall, beside other build tools and farms", "", "rows", ("trace", "slots", "by"), {"ratio": 1})],
    "many_workers": [("A build on many workers of one machine", "", "rows", ("workers",), {"actions_per_second": None}),
                     ("Processor time of its coordinator", "µs an action", "rows", ("workers",),
                      {"coordinator_cpu_us_per_action": None})],
    "view": [("A command in a private view", "ms", None, ("rounds",), {"fork_exec_ms": None, "private_view_ms": None})],
}
COLOURS = ("#2b6cb0", "#dd8d29", "#4a9a5b", "#9f5fb0", "#777777")
WIDTH, LABEL, ROW = 900, 380, 18

STYLE = """body { font: 15px system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } svg .goal { stroke: currentColor; stroke-dasharray: 4 3; }"""


def bar_chart(rows, name_of, figures, unit):
    """SVG: a bar for each figure of each row, from 0; goals as dashed lines."""
    shown = [(name_of(row) if first else "", figure, float(row[figure]), COLOURS[i % len(COLOURS)])
             for row in rows for i, (first, figure) in enumerate((n == 0, f) for n, f in enumerate(figures)) if row.get(figure) is not None]
    goals = [goal for goal in figures.values() if goal is not None]
    if not shown:
        return "<p>No figures.</p>"
    most = max([value for *_, value, _ in shown] + goals) or 1
    scale = (WIDTH - LABEL - 90) / most
    out = [f'<svg viewBox="0 0 {WIDTH} {ROW * len(shown) + 6}" width="100%" role="img">']
    for i, (name, figure, value, colour) in enumerate(shown):
        y = ROW * i
        out.append(f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>'
                   f'<rect x="{LABEL}" y="{y + 2}" width="{max(1, value * scale):.1f}" height="{ROW - 5}" fill="{colour}">'
                   f'<title>{html.escape(figure)}</title></rect>'
                   f'<text x="{LABEL + value * scale + 5:.1f}" y="{y + 13}">{value:.4g} {html.escape(unit)}</text>')
    for goal in set(goals):
        x = LABEL + goal * scale
        out.append(f'<line class="goal" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{ROW * len(shown)}"><title>goal {goal}</title></line>')
    return "\n".join(out) + "</svg>"


def legend(figures):
    return " ".join(f'<span style="color:{COLOURS[i % len(COLOURS)]}">■</span> {html.escape(figure.replace("_", " "))}'
                    + (f" (goal {goal})" if goal is not None else "") for i, (figure, goal) in enumerate(figures.items()))


def section(found):
    out = []
    for title, unit, rows_key, names, figures in CHARTS.get(found["benchmark"], ()):
        numbered = [{**row, "round": i + 1} for i, row in enumerate(found[rows_key] if rows_key else [found])]
        name_of = (lambda row, names=names: ", ".join(str(row[n]) + (f" {n}" if n in ("workers", "slots", "actions") else "") for n in names)
                   if names else f"round {row['round']}")
        out.append(f"<h2>{html.escape(title)}</h2><p>{legend(figures)}; <code>scripts/bench {html.escape(found['benchmark'])}</code></p>"
                   + bar_chart(numbered, name_of, figures, unit))
    return "\n".join(out)


def write_page(folder):
    """The path of the page.  A benchmark without a chart is left out."""
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found.append(json.load(file))
    path = os.path.join(folder, "index.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>extfarm: benchmarks</title><style>{STYLE}</style>'
                   "<h1>Benchmarks</h1>" + "\n".join(section(one) for one in found) + "</html>\n")
    return path


if __name__ == "__main__":
    print(write_page(sys.argv[1]))
