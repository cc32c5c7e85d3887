"""The program `tekio`, which comes with the package."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import re
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


def _run(words, paths=(), options=()):
    """What the program prints with these, --json among them, as Python's dicts and lists. Errors: of its exit code's kind, with what it said, where `options`
    are called as Python calls them; FileNotFoundError where one of the `paths` that it was given is not there."""
    done = subprocess.run([path(), *words], capture_output=True, check=False)
    if done.returncode == 0 or done.stdout:
        return json.loads(done.stdout.decode("utf-8", "surrogateescape"))
    kind = {2: "usage", 3: "input", 4: "io", 5: "device", 6: "comms"}.get(done.returncode, "bug")
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line]
    said = lines[-1].removeprefix("tekio: ") if lines else f"tekio ended with {done.returncode}"
    for option in options:
        if not any(f"--{option}" in place for place in paths):
            said = re.sub(rf"--{option}\b", option, said)
    if kind == "io" and re.match("there is no (model folder|folder|file or folder) ", said):
        here, asked, of_hub = said.partition(" here, and ")
        missing = None if asked else next((place for place in paths if place in here and not os.path.exists(place)), None)
        if not asked or "no request is made" in of_hub:  # else it may be the network's fault
            raise errors.error_of(kind, said, errno.ENOENT, missing)
    raise errors.error_of(kind, said)


def doctor() -> dict:
    """Processor features, libraries, devices, disk, and a self-test of every back end: what `tekio doctor --json` prints."""
    return _run([b"doctor", b"--json"])


def bench(what: str = "step", *inputs: str | os.PathLike, **options) -> Any:
    """Measures: what `tekio bench WHAT --json` prints. inputs: the file of "tokenize", the files or names of "data", the text of "fill";
    options are the program's. Errors: of the kinds that the program has."""
    from tekio import _tekio
    from tekio._bytes import path_bytes, text_bytes
    from tekio._options import text_of, texts_of

    for name in ("help", "version", "dump_config"):
        if name in options:
            raise errors.UsageError(f"bench() has no argument {name!r}: `tekio bench --help` tells of its options")
    as_bytes = text_of if what == "fill" else path_bytes
    given = [as_bytes(each, f"input {i}") for i, each in enumerate(inputs)]
    paths = [] if what == "fill" else given[:]
    command, words = [b"bench", text_of(what, "what"), b"--json"], []
    for name, value in options.items():
        if value is not None:
            texts = texts_of(value, name)
            words += [b"--" + text_bytes(name, "the name of an argument") + b"=" + text for text in texts]
            paths += texts
    words += [b"--", *given]
    known = _tekio.run_here([*command, b"--dump_config", *words], None)  # says what is wrong, and measures nothing
    return _run([*command, *words], [os.fsdecode(each) for each in paths], known)
