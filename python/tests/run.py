"""Runs the package's tests, with GoogleTest's last lines, so that scripts/test.sh counts them one by one and says what was skipped.

    run.py PACKAGE [PATTERN]    PACKAGE: the folder that holds tekio/; PATTERN: of files, test_*.py otherwise
"""

import pathlib
import signal
import sys
import time
import unittest


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()
        print(f"[ RUN      ] {test.id()}", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        bad = any(test.id() == getattr(each, "test_case", each).id() for each, _ in self.failures + self.errors)
        shown = "  FAILED  " if bad else "       OK "
        print(f"[{shown}] {test.id()} ({(time.monotonic() - self.begun) * 1000:.0f} ms)", flush=True)


def main():
    sys.path[:0] = [str(pathlib.Path(sys.argv[1]).resolve()), str(pathlib.Path(__file__).resolve().parent)]
    sys.exit(run_suite(unittest.TestLoader().discover(str(pathlib.Path(__file__).resolve().parent), *sys.argv[2:3]), "python"))


def run_suite(suite, name):
    """Returns the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would what tests start
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(suite)
    for _, reason in result.skipped:
        print(f"{name}: Skipped\n{reason}\n")
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"[  PASSED  ] {result.passed} tests.")
    if skipped:
        print(f"[  SKIPPED ] {skipped} {'test' if skipped == 1 else 'tests'}, listed below:")
    if failed:
        print(f"[  FAILED  ] {failed} {'test' if failed == 1 else 'tests'}, listed below:")
    return 1 if failed or result.passed + skipped == 0 else 0


if __name__ == "__main__":
    main()
