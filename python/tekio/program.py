"""The program `tekio`, which comes with the package."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

from tekio import errors
from tekio.errors import MissingFileError


def path() -> str:
    """Where the program is."""
    here = pathlib.Path(__file__).absolute().parent
    for place in (here / "bin" / "tekio", here.parent.parent / "tekio"):  # of a wheel, of a build
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    found = shutil.which("tekio")
    if found is None or pathlib.Path(found).read_bytes()[:4] != b"\x7fELF":  # not the launcher that this is
        raise MissingFileError("the program tekio is not in this installation", errno.ENOENT)
    return found


def main():
    """Becomes the program."""
    try:
        program = path()
    except MissingFileError as error:
        sys.exit(f"tekio: {error}")
    os.execv(program, ["tekio", *sys.argv[1:]])


def run(*arguments):
    """What the program prints with --json, as Python's dicts and lists. Errors: of its exit code's kind, with what it said."""
    done = subprocess.run([path(), *map(str, arguments), "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0 and not done.stdout:
        kind = {2: "usage", 3: "input", 4: "io", 5: "device", 6: "comms"}.get(done.returncode, "bug")
        lines = [line for line in done.stderr.splitlines() if line]
        said = lines[-1].removeprefix("tekio: ") if lines else f"tekio ended with {done.returncode}"
        raise errors.error_of(kind, said)
    return json.loads(done.stdout)


def doctor() -> dict:
    """Processor features, libraries, devices, disk, and a self-test of every back end: what `tekio doctor --json` prints."""
    return run("doctor")


def bench(what: str = "step", **options) -> Any:
    """Measures: what `tekio bench WHAT --json` prints; options are the program's."""
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return run("bench", what, *arguments)
