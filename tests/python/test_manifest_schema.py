"""doc/manifest.schema.json: accepts the documented example, and nothing that the reader would refuse by its shape."""

import copy
import json
import pathlib
import re
import unittest

import jsonschema

DOC = pathlib.Path(__file__).resolve().parents[2] / "doc"
BROKEN_ACTIONS = {
    "no argv": {"id": "a"},
    "empty argv": {"argv": []},
    "empty program": {"argv": [""]},
    "empty program in base64": {"argv": [{"base64": ""}]},
    "argv as one string": {"argv": "gcc -c a.c"},
    "unknown key": {"argv": ["a"], "argw": []},
    "unknown kind": {"argv": ["a"], "kind": "compiled"},
    "number in argv": {"argv": ["a", 1]},
    "empty output": {"argv": ["a"], "outputs": [""]},
    "empty id": {"argv": ["a"], "id": ""},
    "environment as a list": {"argv": ["a"], "environment": ["A=b"]},
    "name with an equals sign": {"argv": ["a"], "environment": {"A=B": "c"}},
    "default as a string": {"argv": ["a"], "default": "yes"},
    "base64 without padding": {"argv": ["a", {"base64": "YQ"}]},
    "another object for a string": {"argv": ["a", {"hex": "61"}]},
}
BROKEN_FILES = {
    "no schema": {"actions": []},
    "schema of tomorrow": {"schema": 2, "actions": []},
    "no actions": {"schema": 1},
    "actions as an object": {"schema": 1, "actions": {}},
    "unknown key": {"schema": 1, "actions": [], "jobs": 3},
    "empty cwd": {"schema": 1, "cwd": "", "actions": []},
    "a compilation database": [{"directory": "/", "file": "a.c", "command": "cc"}],
}


class ManifestSchema(unittest.TestCase):
    def setUp(self):
        schema = json.loads((DOC / "manifest.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)
        self.example = json.loads(re.search(r"```json\n(.*?)```", (DOC / "manifest.md").read_text(), re.S)[1])

    def test_accepts_the_documented_example(self):
        self.validator.validate(self.example)

    def test_the_example_shows_every_key(self):
        schema = self.validator.schema
        shown = set().union(*self.example["actions"])
        self.assertEqual(set(schema["properties"]), set(self.example))
        self.assertEqual(set(schema["$defs"]["action"]["properties"]) - shown, {"stdin"})

    def test_rejects_each_broken_action(self):
        for what, action in BROKEN_ACTIONS.items():
            broken = copy.deepcopy(self.example)
            broken["actions"].append(action)
            with self.subTest(what):
                (error,) = self.validator.iter_errors(broken)
                self.assertEqual(list(error.absolute_path)[:2], ["actions", len(self.example["actions"])])

    def test_rejects_each_broken_file(self):
        for what, broken in BROKEN_FILES.items():
            with self.subTest(what):
                self.assertFalse(self.validator.is_valid(broken))


if __name__ == "__main__":
    unittest.main()
