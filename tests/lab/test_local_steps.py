"""What runs on the submitting host keeps to its slots, and to the tokens of a make around `extfarm run`."""

import os
import shutil
import time
import unittest

from farm import contents, last_build, program
from held_steps import LAUNCHER, LOCAL_SLOTS, HeldSteps, objects, sources
from hosts import wait_until


class LocalSteps(HeldSteps):
    def test_steps_that_the_farm_does_not_take_run_a_few_at_a_time(self):
        count = 10
        rules = f"all: {' '.join(f's{i}.i' for i in range(count))}\n%.i: %.c\n\t$(CC) -E $< -o $@\n"
        self.lay_out({"Makefile": rules, **sources(count)})
        expected = self.expect("make", "-j8", f"CC={self.compiler}")
        build = self.start_run("make", f"-j{count}", f"CC={LAUNCHER} {self.compiler}", options=())
        wait_until(lambda: len(self.asleep()) == LOCAL_SLOTS and self.launchers(build) == count - LOCAL_SLOTS,
                   lambda: f"steps: {self.log('build')}", 20)
        most = 0

        def count_them():
            nonlocal most
            most = max(most, len(self.asleep()))
        self.finish(build, count_them)
        self.assertEqual((most, contents(self.folder, ".i")), (LOCAL_SLOTS, expected))
        self.assertEqual(last_build(self.folder)["actions"]["passed_through"], count)

    def test_a_step_within_a_step_does_not_wait_for_it(self):
        self.lay_out(sources(1))
        inner = os.path.join(self.home("inner"), "inner")
        with open(inner, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\nexec {LAUNCHER} /usr/bin/gcc -E s0.c\n")
        os.chmod(inner, 0o755)
        build = self.start("build", program("extfarm"), "run", "--local", "1", "--", LAUNCHER, inner)
        self.assertEqual(build.wait(20), 0, self.log("build"))
        self.assertIn("int f0(void)", self.log("build"))


class BeneathAnotherMake(HeldSteps):
    """`make -j3` whose rules are `+extfarm run -- make` and plain steps."""

    def lay_out_both(self, count, plain_steps):
        inner = f"all: {objects(count)}\n%.o: %.c\n\t{LAUNCHER} {self.compiler} -c $< -o $@\n"
        held = f"\t@sh -c 'sleep {self.mark} 2>/dev/null; echo plain step'\n"
        names = " ".join(f"p{i}" for i in range(plain_steps))
        run = f"\t+{program('extfarm')} run --no-store -- $(MAKE) -f inner.mk\n"
        self.lay_out({"Makefile": f"all: farm {names}\nfarm:\n{run}{names or 'none'}:\n{held}", "inner.mk": inner, **sources(count)})

    def test_local_compiles_take_its_tokens(self):
        self.lay_out_both(8, 6)
        outer = self.start("build", "make", "-j3")
        together = []

        def count_all():
            now = self.sleepers().values()
            together.append((len(now), sum("plain step" in words for words in now)))
        wait_until(lambda: count_all() or together[-1] == (3, 2), lambda: f"a compile beside two plain steps: {together[-1:]}", 20)
        for _ in range(50):  # Time to begin what must not begin.
            count_all()
            time.sleep(0.02)
        self.finish(outer, count_all)
        # At times one more: what each of the two makes may always run.
        print(f"[ figure   ] at once beneath make -j3: {max(total for total, _ in together)}", flush=True)
        self.assertLessEqual(max(total for total, _ in together), 4)
        self.assertEqual(len(contents(self.folder, ".o")), 8)
        self.assertNotIn("jobserver", self.log("build"))

    def test_it_has_all_of_them_when_nobody_else_wants_any_and_gives_them_back(self):
        self.lay_out_both(6, 0)
        outer = self.start("build", "make", "-j3")
        # Three in all, but never more than twice the cores.
        most = min(3, 2 * len(os.sched_getaffinity(0)))
        wait_until(lambda: len(self.asleep()) == most, f"{most} compiles", 20)
        self.finish(outer)
        # make says so when its tokens do not come back.
        self.assertNotIn("token", self.log("build"))
        self.assertEqual(len(contents(self.folder, ".o")), 6)

    def test_the_farm_needs_none_of_them(self):
        self.lay_out_both(24, 2)
        self.start_remote("one")
        outer = self.start("build", "make", "-j3")
        wait_until(lambda: len(self.attempts()) >= 16, lambda: f"16 compiles: {self.log('build')}", 20)
        self.finish(outer)
        self.assertEqual(len(contents(self.folder, ".o")), 24)

    def test_one_that_is_not_handed_on_is_named(self):
        self.lay_out({"Makefile": f"all:\n\t{program('extfarm')} run -- true\n"})
        done = self.run_command("make", "-j3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("begin that line of the makefile with +", done.stderr)


if __name__ == "__main__":
    for tool in ("make",):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed: scripts/install-dependencies")
    unittest.main(verbosity=2)
