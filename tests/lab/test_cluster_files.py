"""The files of scripts/clusters, as far as they can be checked without a cluster: their commands start a worker that
announces itself and drains at TERM, and what they say belongs together."""

import json
import os
import re
import shlex
import signal
import subprocess
import unittest

import yaml

from farm import SOURCES, program
from hosts import wait_until
from one_machine import OneMachine


def text_of(name):
    with open(os.path.join(SOURCES, "scripts", "clusters", name), encoding="utf-8") as file:
        return file.read()


def deployment():
    (document,) = yaml.safe_load_all(text_of("kubernetes.yaml"))
    return document


def condor():
    """The commands of the submit file, and its last line."""
    lines = [line for line in text_of("htcondor.sub").splitlines() if line and not line.startswith("#")]
    pairs = [re.fullmatch(r"(\w+) *= (.+)", line) for line in lines[:-1]]
    return {pair[1]: pair[2] for pair in pairs}, lines[-1]


def nomad():
    """The blocks and settings of the job file as nested dicts: the little of HCL that it uses."""
    words = re.sub(r"^ *#.*$", "", text_of("nomad.hcl"), flags=re.MULTILINE)
    words = re.sub(r'(\w+) *= *', r'"\1": ', words)
    words = re.sub(r'(\w+)(?: "([\w-]+)")? \{', lambda m: f'"{m[1]}{" " + m[2] if m[2] else ""}": {{', words)
    words = re.sub(r"([\]}\"\d])\n(\s*\")", r"\1,\n\2", words)
    words = re.sub(r",(\s*[\]}])", r"\1", words)
    return json.loads("{" + words + "}")


class ClusterFiles(OneMachine):
    def starts_and_drains(self, name, words):
        """The worker of a file, with /srv/lab and the scratch folder in a folder of the test's."""
        place = self.home(name)
        for variable, value in (("$(NODE_ADDRESS)", "127.0.0.1"), ("$(Cluster).$(Process)", "7.0"), ("${NOMAD_ALLOC_ID}", "a-b")):
            words = [word.replace(variable, value) for word in words]
        # On the loopback interface alone, and not in memory that others need.
        words = [word.replace("/srv/lab", place).replace("tcp://*", "tcp://127.0.0.1").replace("=/scratch", f"={place}/scratch")
                 for word in words]
        os.makedirs(os.path.join(place, "extfarm"))
        worker = self.start(name, program("extfarm-worker"), *words, cwd="/")
        wait_until(lambda: "worker.ready" in self.log(name) or worker.poll() is not None, lambda: f"worker: {self.log(name)}")
        self.assertIsNone(worker.poll(), self.log(name))
        status = self.run_command(program("extfarm"), "status", "--rendezvous", f"{place}/extfarm/workers").stdout
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(20), 0, self.log(name))
        self.assertEqual(os.listdir(f"{place}/extfarm/workers"), [])
        return status

    def setUp(self):
        super().setUp()
        os.makedirs(self.folder)

    def test_kubernetes(self):
        document = deployment()
        self.assertEqual((document["apiVersion"], document["kind"]), ("apps/v1", "Deployment"))
        template = document["spec"]["template"]
        self.assertEqual(document["spec"]["selector"]["matchLabels"], template["metadata"]["labels"])
        pod = template["spec"]
        (container,) = pod["containers"]
        self.assertEqual({m["name"] for m in container["volumeMounts"]}, {v["name"] for v in pod["volumes"]})
        self.assertEqual(container["resources"]["requests"], container["resources"]["limits"], "else slots are counted that are not always there")
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        named = {word.split("=", 1)[1] for word in container["args"] if "=/" in word}
        self.assertEqual([p for p in named if not any(p == top or p.startswith(top + "/") for top in paths)], [])
        self.assertEqual(set(re.findall(r"\$\((\w+)\)", " ".join(container["args"]))), {v["name"] for v in container["env"]})
        self.assertRegex(self.starts_and_drains("kubernetes", container["args"]), r"tcp://127\.0\.0\.1:\d+ .*  kubernetes\n")

    @unittest.skipIf("EXTFARM_SANITIZER" in os.environ, "what a sanitized worker is linked with nobody installs")
    def test_the_container_has_what_the_worker_needs(self):
        packages = set(re.search(r"--no-install-recommends \\\n(.*?)&&", text_of("Containerfile"), re.DOTALL)[1].replace("\\", "").split())
        copied = re.search(r"^COPY (\S+) (\S+)$", text_of("Containerfile"), re.MULTILINE)
        self.assertEqual(copied[1], "build/bin/extfarm-worker")
        self.assertIn(json.dumps([copied[2]]), text_of("Containerfile"))
        linked = subprocess.run(["objdump", "-p", program("extfarm-worker")], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"NEEDED +(\S+)", linked):
            found = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True, check=False).stdout
            owners = {line.split(":")[0] for line in found.splitlines()}
            self.assertTrue(owners & (packages | {"libc6", "libstdc++6", "libgcc-s1"}), f"{library} is of {owners}")

    def test_htcondor(self):
        commands, last = condor()
        self.assertRegex(last, r"^queue \d+$")
        words = shlex.split(commands["arguments"].strip('"'))
        self.assertEqual(words[words.index("--slots") + 1], commands["request_cpus"])
        self.assertEqual(words[words.index("--memory") + 1] + " GB", commands["request_memory"])
        self.assertRegex(self.starts_and_drains("condor", words), "4 slots  .*  condor:7.0\n")

    def test_nomad(self):
        task = nomad()["job extfarm-worker"]["group workers"]["task worker"]
        words = task["config"]["args"]
        self.assertEqual(words[words.index("--slots") + 1], str(task["resources"]["cores"]))
        self.assertEqual(int(words[words.index("--memory") + 1]) * 1024, task["resources"]["memory"])
        self.assertRegex(self.starts_and_drains("nomad", words), "4 slots  .*  nomad:a-b\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
