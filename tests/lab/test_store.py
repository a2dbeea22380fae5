"""Results of earlier builds come back, and only where they are what a run would make."""

import glob
import os
import shutil
import unittest

from farm import last_build, program
from one_machine import OneMachine, c_project

HEADER = '#include "size.h"\n'


class Store(OneMachine):
    def files(self, size="-1"):
        files = c_project("one", "two")
        files["one.c"] = HEADER + files["one.c"].replace(", -1,", ", SIZE,")
        return {**files, "size.h": f"#define SIZE {size}\n"}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def build(self, *options, **variables):
        """(actions that ran, restored, up to date), and that the build succeeded."""
        done = self.run_build(*options, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        actions = last_build(self.folder)["actions"]
        self.assertEqual(actions["total"], sum(actions[k] for k in ("on_workers", "restored", "fresh", "passed_through")))
        self.said = done.stdout + done.stderr
        return actions["on_workers"], actions["restored"], actions["fresh"]

    def clean(self):
        """As a fresh checkout that kept only the store."""
        for path in glob.glob(os.path.join(self.folder, "*.so")):
            os.remove(path)
        shutil.rmtree(os.path.join(self.folder, "build"), ignore_errors=True)
        for path in glob.glob(os.path.join(self.folder, ".extfarm", "state.sqlite*")):
            os.remove(path)

    def explain(self, target):
        return self.run_command(program("extfarm"), "explain", target).stdout

    def objects(self):
        return glob.glob(os.path.join(self.folder, ".extfarm", "store", "objects", "*", "*"))

    def test_switching_back_and_forth_runs_each_variant_once(self):
        expected = {size: self.plain(self.files(size)) for size in ("-1", "0")}
        self.assertNotEqual(expected["-1"], expected["0"])
        self.lay_out(self.files("-1"))
        self.assertEqual(self.build(), (4, 0, 0))
        self.write("size.h", "#define SIZE 0\n")
        self.assertEqual(self.build(), (2, 0, 2))
        for size in ("-1", "0", "-1"):
            self.write("size.h", f"#define SIZE {size}\n")
            self.assertEqual(self.build(), (0, 2, 2))
            self.assertEqual(self.built(), expected[size])
            self.assertIn("2 restored from the store", self.said)
            explained = self.explain("one.c")
            self.assertIn("last build: an earlier result was put in place, because size.h changed", explained)
            self.assertIn("now: up to date", explained)
        self.assertEqual(self.build(), (0, 0, 4))

    def test_a_build_from_scratch_runs_only_what_changed(self):
        self.lay_out(self.files())
        self.build()
        expected = self.built()
        self.clean()
        self.assertEqual(self.build(), (0, 4, 0))
        self.assertEqual(self.built(), expected)
        self.clean()
        self.write("size.h", "#define SIZE 8\n")
        self.assertEqual(self.build(), (2, 2, 0))
        changed = self.built()
        self.assertEqual(changed, self.plain(self.files("8")))

    def test_no_store_compiles_everything_and_keeps_nothing(self):
        self.lay_out(self.files())
        self.assertEqual(self.build("--no-store"), (4, 0, 0))
        self.assertFalse(os.path.exists(os.path.join(self.folder, ".extfarm", "store")))
        self.build("--force")
        self.clean()
        self.assertEqual(self.build("--no-store"), (4, 0, 0))

    def test_force_runs_what_the_store_has(self):
        self.lay_out(self.files())
        self.build()
        self.clean()
        self.assertEqual(self.build("--force"), (4, 0, 0))

    def test_what_a_run_would_read_otherwise_does_not_come_back(self):
        files = self.files()
        files["setup.py"] = files["setup.py"].replace('[n + ".c"]', '[n + ".c"], include_dirs=["near", "far"]')
        files["near/other.h"] = ""
        files["far/size.h"] = files.pop("size.h")
        self.lay_out(files)
        self.build()
        self.clean()
        self.write("near/size.h", "#define SIZE 16\n")  # comes before the header that was read
        self.assertEqual(self.build(), (2, 2, 0))
        self.assertEqual(self.built(), self.plain({**files, "near/size.h": "#define SIZE 16\n"}))

    def test_another_environment_finds_nothing(self):
        self.lay_out(self.files())
        self.build()
        self.clean()
        self.assertEqual(self.build(CPATH=self.path("elsewhere"))[:2], (4, 0))

    def test_a_damaged_entry_is_left_out_and_said(self):
        self.lay_out(self.files())
        self.build()
        expected = self.built()
        for path in self.objects():
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                file.write(b"damage")
        self.clean()
        self.assertEqual(self.build(), (4, 0, 0))
        self.assertIn("damaged entries of the store were left out; their actions were built", self.said)
        self.assertEqual(self.built(), expected)
        self.clean()
        self.assertEqual(self.build(), (0, 4, 0))

    def test_an_entry_that_writes_elsewhere_is_not_believed(self):
        """Whoever may write in a team's store does not get to write into its users' files."""
        self.lay_out(self.files())
        self.build()
        victim = self.path("victim")
        for path in glob.glob(os.path.join(self.folder, ".extfarm", "store", "results", "*", "*")):
            text = self.run_command("zstd", "-dc", path).stdout
            changed = text.replace(os.path.join(self.folder, "build"), victim)
            with open(path + ".json", "w", encoding="utf-8") as out:
                out.write(changed)
            done = self.run_command("zstd", "-q", "-f", "--rm", path + ".json", "-o", path)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.clean()
        self.assertEqual(self.build(), (4, 0, 0))
        self.assertFalse(os.path.exists(victim))

    def test_a_team_shares_one_store(self):
        store = self.path("team")
        self.lay_out(self.files())
        self.assertEqual(self.build("--store", store), (4, 0, 0))
        expected = self.built()
        shutil.rmtree(os.path.join(self.folder, ".extfarm"))
        self.clean()
        self.assertEqual(self.build(EXTFARM_STORE=store), (0, 4, 0))
        self.assertEqual(self.built(), expected)
        self.assertFalse(os.path.exists(os.path.join(self.folder, ".extfarm", "store")))

    def test_the_store_stays_within_its_limit(self):
        self.lay_out(self.files())
        self.build("--store-limit", "40KB")
        for size in range(1, 6):
            self.write("size.h", f"#define SIZE {size}\nstatic const char text[] = \"{os.urandom(6000).hex()}\";\n")
            self.write("one.c", self.files()["one.c"] + "const char* f(void) { return text; }\n")
            self.build("--store-limit", "40KB")
        kept = glob.glob(os.path.join(self.folder, ".extfarm", "store", "*", "*", "*"))
        self.assertLessEqual(sum(os.path.getsize(path) for path in kept), 40 << 10)
        self.assertGreater(len(kept), 0)

    def test_a_store_that_cannot_be_written_costs_a_warning(self):
        self.lay_out({**self.files(), "file": ""})
        self.assertEqual(self.build("--store", os.path.join(self.folder, "file", "store")), (4, 0, 0))
        self.assertIn("building without the store of earlier results", self.said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
