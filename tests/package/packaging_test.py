"""What is packaged keeps what the documentation promises of it, and the scripts that check it do nothing when they are only imported."""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


class PackagingTest(unittest.TestCase):
    def test_the_unit_lets_all_connections_wait_that_may(self):
        limits = read("src/http_module/module.h")
        served, waiting = (int(re.search(rf"uint64_t {name} = ([\d']+);", limits)[1].replace("'", "")) for name in ("connections", "crowd"))
        files = int(re.search(r"^LimitNOFILE=(\d+)$", read("packaging/tekio-serve.service"), re.M)[1])
        self.assertGreater(files, served + waiting + 1000)

    def test_a_container_has_time_to_open_its_model(self):
        check = re.search(r"^HEALTHCHECK (.*)$", read("packaging/Containerfile"), re.M)[1]
        self.assertRegex(check, r"--start-period=\d+[ms] .*CMD")

    def test_the_documented_container_has_a_token(self):
        command = re.search(r"^#   (.*docker run .*)$", read("packaging/Containerfile"), re.M)[1]
        self.assertIn(" -e TEKIO_SERVE_TOKEN ", command)
        self.assertIn(f"\n{command}\n", read("docs/serve.md"))

    def test_checks_do_nothing_when_imported(self):
        for script in sorted((ROOT / "scripts/checks").glob("*.py")):
            with self.subTest(script.name):
                subprocess.run([sys.executable, "-B", "-c", f"import {script.stem}"], cwd=script.parent, check=True)


if __name__ == "__main__":
    unittest.main()
