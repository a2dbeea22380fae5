"""What a build shows while it runs: in a real terminal (tmux) at 60 and at 200 columns, and in a log."""

import re
import shlex
import unittest

from farm import program
from screen import Screen
from slow_make import FILES, SlowMake

LINE = re.compile(r"\[[ \d]\d*/\d+\] running \d+ · [ \d]?\d\d? %.*")
PLAIN = re.compile(r"\[\d/\d\] compile \S+\.o \d+\.\d s \S+")


class Progress(SlowMake):
    def expected(self):
        """The lines of the plain build, sorted: at four jobs their order is anybody's."""
        done = self.run_command("make", "-j4", "CC=/usr/bin/gcc")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.run_command("rm", *(name + ".o" for name in FILES))
        return sorted((done.stdout + done.stderr).splitlines())

    def on_screen(self, columns, rows, *options, **variables):
        command = shlex.join((program("extfarm"), "run", "-j", "2", *options, "--", *self.make))
        screen = Screen(columns, rows, command, self.folder, self.environment(**variables))
        self.addCleanup(screen.close)
        return screen

    def check_steady_line(self, columns, rows):
        expected = self.expected()
        pieces = {line[at:at + columns].rstrip() for line in expected for at in range(0, len(line), columns)}
        screen, seen = self.on_screen(columns, rows), []

        def look(shown):
            at = [i for i, row in enumerate(shown) if "running" in row]
            if not at:
                return
            self.assertEqual(at, [rows - 1], "the line is one row, the last: " + "\n".join(shown))
            self.assertRegex(shown[-1], LINE)
            strangers = [row for row in shown[:-1] if row and row.rstrip() not in pieces and not row.startswith("make")]
            self.assertEqual(strangers, [], "other rows are whole lines of the command")
            seen.append(shown[-1])

        self.assertEqual(screen.watch(look), 0)
        self.assertGreater(len(set(seen)), 2)
        self.assertTrue(any(" left" in row for row in seen), seen)
        lines = screen.history()
        self.assertEqual([line for line in lines if "running" in line], [], "nothing of it stays")
        self.assertEqual(sorted(line for line in lines if not line.startswith("extfarm:")), expected)
        self.assertTrue(any(line.startswith("extfarm: 6 actions") for line in lines))
        return seen

    def test_one_steady_line_at_60_columns(self):
        self.let_two_take(0.9)
        seen = self.check_steady_line(60, 8)  # what has scrolled away shows whether the line had scrolled with it
        self.assertLess(max(map(len, seen)), 60)

    def test_one_steady_line_at_200_columns_names_what_takes_long(self):
        self.let_two_take(1.3)
        seen = self.check_steady_line(200, 30)
        self.assertTrue(any(re.search(r"longest: a_rather_long_name_of_a_source_file_.\.o 1 s, a_rather_long_name_of_a_source_file_.\.o 1 s", row) for row in seen), seen)

    def test_top_shows_what_each_worker_does(self):
        self.start_other()
        self.let_two_take(1)
        screen, seen = self.on_screen(120, 30, "--top"), []
        self.assertEqual(screen.watch(lambda rows: seen.append(rows[-3:])), 0)
        self.assertTrue(any(LINE.match(foot[2]) and all(re.match(r"\S+ +[012]/2", row) for row in foot[:2]) and
                            any(re.search(r"[12]/2  a_rather_long\S+ \d s", row) for row in foot[:2]) for foot in seen),
                        seen[len(seen) // 2])
        self.assertEqual([line for line in screen.history() if "/2  a_rather" in line], [])

    def test_a_terminal_that_changes_its_size_keeps_the_line_in_its_last_row(self):
        screen, sizes = self.on_screen(100, 20), iter(((60, 14), (140, 25)))
        in_place = {}

        def look(shown):
            if re.match(LINE, shown[-1]):
                before = len(shown)
                in_place[before] = in_place.get(before, 0) + 1
                if in_place[before] == 3:
                    size = next(sizes, None)
                    if size:
                        screen.resize(*size)

        self.assertEqual(screen.watch(look), 0)
        self.assertEqual(sorted(in_place), [14, 20, 25])

    def test_no_color_means_none(self):
        for variables, is_wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
            self.run_command("rm", "-f", *(name + ".o" for name in FILES))
            screen, seen = self.on_screen(100, 20, "--force", **variables), []
            self.assertEqual(screen.watch(lambda rows, s=screen, found=seen: found.append(s.coloured())), 0)
            lines = [row for text in seen for row in text.split("\n") if "running" in row]
            self.assertTrue(lines)
            self.assertEqual(any("\033[" in line for line in lines), is_wanted, lines[-1])

    def test_a_log_has_plain_lines_and_quiet_adds_not_one_byte(self):
        expected = self.expected()
        done = self.run_build("-j", "2", command=self.make, TERM="xterm")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = (done.stdout + done.stderr).splitlines()
        self.assertNotIn("\033", done.stderr + done.stdout)
        own = [line for line in lines if line.startswith("extfarm:") or PLAIN.fullmatch(line)]
        self.assertEqual(sum(bool(PLAIN.fullmatch(line)) for line in own), 6, lines)
        self.assertEqual(sorted(line for line in lines if line not in own), expected)
        done = self.run_build("-j", "2", "--force", "-q", "--top", command=(*self.make, "-B"))
        self.assertEqual(sorted((done.stdout + done.stderr).splitlines()), expected)
        self.run_command("rm", *(name + ".o" for name in FILES))
        screen = self.on_screen(100, 20, "--quiet", "--force")
        self.assertEqual(screen.watch(lambda rows: self.assertEqual([row for row in rows if "running" in row], [])), 0)


if __name__ == "__main__":
    unittest.main()
