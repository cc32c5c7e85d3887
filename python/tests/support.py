"""What the tests share: the tiny model and the invented reviews of examples/, a cache of their own, and whether the reference is here."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = str(ROOT / "examples" / "tiny-model")
REVIEWS = str(ROOT / "examples" / "reviews")
GOLDEN = ROOT / "tests" / "golden"

_cache = tempfile.TemporaryDirectory()
os.environ["TEKIO_CACHE"] = _cache.name


def run_python(*arguments, more=None, **options):
    """What another Python prints that finds the same packages; `more`: of its environment."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **(more or {})}
    arguments = ("-c", *arguments) if len(arguments) == 1 else arguments
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment, **options).stdout


def needs(*modules):
    """Skips, and says so, where one of these is not installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")
