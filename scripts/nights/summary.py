"""A night in words: what failed first and why, how long it took beside the
nights before, what was slow, which workers misbehaved.
"""

import statistics

_NIGHTS_BEFORE = 7


def failures(night):
    """In the order in which they happened."""
    return [build for build in night.builds if not build["ok"]]


def history_of(nights, project):
    """(night's name, median seconds of its successful builds from scratch) for each night that has one."""
    out = []
    for night in nights:
        seconds = [build["seconds"] for build in night.builds if build["project"] == project and build["ok"]]
        if seconds:
            out.append((night.name, statistics.median(seconds)))
    return out


def compared(night, before, project):
    """ "12 % slower than the median of the last 7 nights", or ""."""
    now = history_of([night], project)
    earlier = [seconds for _, seconds in history_of(before, project)][-_NIGHTS_BEFORE:]
    if not now or not earlier:
        return ""
    ratio = now[0][1] / statistics.median(earlier)
    nights = "the night before" if len(earlier) == 1 else f"the median of the last {len(earlier)} nights"
    if abs(ratio - 1) < 0.01:
        return f"as fast as {nights}"
    return f"{abs(ratio - 1):.0%} {'slower' if ratio > 1 else 'faster'} than {nights}"


def _line(build):
    text = f"{'ok    ' if build['ok'] else 'FAILED'}  {build['project']}"
    if build["repetition"] > 1:
        text += f" #{build['repetition']}"
    text += f"  {build['seconds']:.0f} s"
    if "actions" in build:
        actions = build["actions"]
        text += f", {actions['total']} actions ({actions['on_workers']} on workers, {actions['restored']} restored, {actions['passed_through']} local)"
        if build.get("work_seconds"):
            text += f", efficiency {build['efficiency']:.2f} on {build['slots']} slots"
    return text


def text(night, before):
    """Plain text, at most 78 columns where names allow; first what matters most."""
    failed, lines = failures(night), []
    lines.append(f"extfarm night {night.name}: {len(night.builds)} builds, {len(failed)} failed")
    if failed:
        first = failed[0]
        lines += ["", f"First failure: {first['project']}, exit code {first['exit_code']}", f"  {first['cause']}",
                  f"  log: {night.folder}/{first['log']}"]
    lines.append("")
    for build in night.builds:
        lines.append(_line(build))
        if not build["ok"] and build is not failed[0]:
            lines.append(f"        {build['cause']}")
    for project in dict.fromkeys(build["project"] for build in night.builds):
        words = compared(night, before, project)
        if words:
            lines.append(f"{project}: {words}")
    slow = sorted(((seconds, kind, name, build["project"]) for build in night.builds
                   for name, kind, seconds in build.get("slowest", [])), reverse=True)[:5]
    if slow:
        lines += ["", "Slowest actions:"]
        lines += [f"  {seconds:8.1f} s  {kind:9}  {project}: {name}" for seconds, kind, name, project in slow]
    misbehaved = [(worker, words, build["project"]) for build in night.builds for worker, words in build.get("misbehaved", {}).items()]
    if misbehaved:
        lines += ["", "Workers that misbehaved:"]
        lines += [f"  {worker}: {words} ({project})" for worker, words, project in misbehaved]
    lines += ["", f"Page: {night.folder}/index.html"]
    return "\n".join(lines) + "\n"
