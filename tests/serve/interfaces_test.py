"""What `tekio serve` says of itself, read by others: its OpenAPI description by schemathesis, which makes requests of it, its metrics by Prometheus' promtool.

    interfaces_test.py TEKIO MODEL    TEKIO: the program; MODEL: a small model's folder

Each is skipped where it is not installed: schemathesis beside this Python, promtool on the path.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from program import make_run, run_suite, start_server

SCHEMATHESIS = shutil.which("schemathesis", path=str(pathlib.Path(sys.executable).parent))
PROMTOOL = shutil.which("promtool")


class InterfacesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = start_server(cls)

    @unittest.skipUnless(SCHEMATHESIS, "there is no schemathesis (scripts/setup.sh --ci brings it)")
    def test_schemathesis_finds_nothing(self):
        self.check_by_schemathesis(self.url, "--max-examples", "20")

    @unittest.skipUnless(SCHEMATHESIS, "there is no schemathesis (scripts/setup.sh --ci brings it)")
    def test_schemathesis_finds_nothing_in_a_runs_events(self):
        url = start_server(type(self), "--run", make_run(type(self), "run"))
        told = self.check_by_schemathesis(url, "--include-path", "/events", "--max-examples", "3", "--request-timeout", "2")  # it reads a stream without end for so long
        self.assertIn("Tested: 1", told)

    def check_by_schemathesis(self, url, *options):
        # --seed: the same requests each time. It writes what it remembers where it runs.
        with tempfile.TemporaryDirectory() as scratch:
            ran = subprocess.run([SCHEMATHESIS, "run", f"{url}/openapi.json", "--checks", "all", "--seed", "1", "--no-color", *options], capture_output=True, text=True, timeout=200, cwd=scratch)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return ran.stdout

    @unittest.skipUnless(PROMTOOL, "there is no promtool (it is in Debian's package prometheus)")
    def test_promtool_finds_nothing(self):
        for path in ("/models", "/nowhere"):  # so that there is something to tell
            try:
                urllib.request.urlopen(self.url + path).close()
            except urllib.error.HTTPError as error:
                error.close()
        with urllib.request.urlopen(f"{self.url}/metrics") as metrics:
            ran = subprocess.run([PROMTOOL, "check", "metrics"], input=metrics.read(), capture_output=True, timeout=60)
        self.assertEqual((ran.returncode, ran.stdout + ran.stderr), (0, b""))


sys.exit(run_suite(unittest.TestLoader().loadTestsFromTestCase(InterfacesTest), "interfaces"))
