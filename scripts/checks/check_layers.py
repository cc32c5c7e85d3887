#!/usr/bin/env python3
"""Holds the layering: a room includes only rooms to its left.

    base < hub < text < data        arrow_module < data        {base, hub} < compute < model        {base, compute, mpi_module} < dist        base < report        {http_module, text, model} < serve        {data, dist, model, report} < train < onnx        all < apps

Reads every #include of ours in src/, apps/, python/ (which may include what apps may), include/ and examples/, and prints each that breaks the order. Two exceptions are
granted, for headers that need nothing of their room: src/model may include data/batch.h and text/slot_decoder.h.

And holds that a name stands for one type: of two types of one name in one namespace the linker takes either's functions for both.

And holds that CONTRIBUTING's table of folders has each room.

And holds the library's manners: no line of src/ writes to a standard stream or sets a signal's handler. What is said goes
through base/log.h, and signals are the program's.
"""

import pathlib
import re
import sys

# Each room with all that it may include, itself included.
BASE = {"base"}
HUB = BASE | {"hub"}
TEXT = HUB | {"text"}
ARROW_MODULE = {"arrow_module"}
MPI_MODULE = {"mpi_module"}
DATA = TEXT | {"arrow_module", "data"}
COMPUTE = BASE | {"compute"}
MODEL = HUB | COMPUTE | {"model"}
DIST = COMPUTE | {"mpi_module", "dist"}
REPORT = BASE | {"report"}
HTTP_MODULE = {"http_module"}
SERVE = TEXT | MODEL | HTTP_MODULE | {"serve"}
TRAIN = DATA | DIST | MODEL | REPORT | {"train"}
ONNX = TRAIN | {"onnx"}
ROOMS = {"arrow_module": ARROW_MODULE, "mpi_module": MPI_MODULE, "http_module": HTTP_MODULE, "base": BASE, "hub": HUB, "text": TEXT, "data": DATA, "compute": COMPUTE, "model": MODEL, "dist": DIST, "report": REPORT, "serve": SERVE, "train": TRAIN,
         "onnx": ONNX}
APPS = ONNX | SERVE | {"apps"}
EXCEPTIONS = {("model", "data/batch.h"), ("model", "text/slot_decoder.h")}

# The room that implements each public header: who may include a room may include its header. Filling masks needs a
# tokenizer, so the model's room may use the tokenizer's public header (not its room).
PUBLIC = {"error": "base", "log": "base", "tokenizer": "text", "dataset": "data", "masking": "data", "masked_lm": "model",
          "adapt": "train", "json": "train", "export": "onnx", "tekio": "onnx"}
PUBLIC_EXCEPTIONS = {("model", "tokenizer")}

MANNERS = re.compile(r"\b(stderr|stdout|std::(cerr|cout|clog)|f?printf|puts|perror|sigaction|sigaltstack|std::signal|::signal)\b")
COMMENT = re.compile(r"//.*")

NAMESPACE = re.compile(r"namespace( [\w:]+)? \{")
NAMESPACE_END = re.compile(r"\}  // namespace")
TYPE = re.compile(r"(?:struct|class|enum class|enum|union) (?:alignas\(\w+\) )?(\w+)\b(?! *(?:::|;))[^;(]*(?:\{.*)?$")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<(tekio/[^>]+)>)', re.MULTILINE)


def problems(root: pathlib.Path):
    """Yields 'path:line: what is wrong'."""
    for path in sorted(p for folder in ("apps", "examples", "include", "python", "src") for p in (root / folder).rglob("*")):
        if path.suffix not in (".cc", ".cu", ".h") or not path.is_file():
            continue
        parts = path.relative_to(root).parts
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            where = f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}"
            wrong = problem_of(parts, match.group(1), match.group(2))
            if wrong:
                yield f"{where}: {wrong}"
        if parts[0] == "src":
            for number, line in enumerate(text.splitlines(), 1):
                match = MANNERS.search(COMMENT.sub("", line))
                if match:
                    yield f"{path.relative_to(root)}:{number}: {match.group(0)}: a library says what it has to say through base/log.h, and leaves signals alone"


def rooms_untold(root: pathlib.Path):
    """Yields what is wrong with CONTRIBUTING.md's table."""
    page = root / "CONTRIBUTING.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    for folder in sorted(path for path in (root / "src").iterdir() if path.is_dir()):
        if text and f"| `src/{folder.name}/` |" not in text:
            yield f"CONTRIBUTING.md: its table of folders lacks src/{folder.name}/"


def types_of(text):
    """Yields (line, name with its namespaces) of the types that a file defines where other files see them."""
    spaces = []
    for number, line in enumerate(text.splitlines(), 1):
        line = COMMENT.sub("", line).rstrip() if not NAMESPACE_END.match(line) else line
        if match := NAMESPACE.match(line):
            spaces.append(match.group(1))
        elif NAMESPACE_END.match(line):
            spaces.pop()
        elif (match := TYPE.match(line)) and None not in spaces:
            yield number, "::".join([space.strip() for space in spaces] + [match.group(1)])


def double_names(root: pathlib.Path):
    """Yields 'path:line: what is wrong'."""
    first = {}
    for path in sorted(p for folder in ("apps", "include", "python", "src") for p in (root / folder).rglob("*") if p.suffix in (".cc", ".cu", ".h")):
        where = path.relative_to(root)
        for number, name in types_of(path.read_text(encoding="utf-8")):
            if first.setdefault(name, where) != where:
                yield f"{where}:{number}: {name} is also a type of {first[name]}: give one of them another name"


def problem_of(parts, quoted, public):
    """What is wrong with one include of the file at `parts`, or None."""
    if parts[0] in ("include", "examples"):
        return f'includes "{quoted}": public headers and examples include only <tekio/...>' if quoted else None
    room = parts[1] if parts[0] == "src" else "apps"
    allowed = ROOMS.get(room) if room != "apps" else APPS
    if allowed is None:
        return f"src/{room} is no known room: give it a place in scripts/checks/check_layers.py"
    if public:
        header = pathlib.PurePosixPath(public).stem
        owner = PUBLIC.get(header)
        if owner is None:
            return f"<{public}> has no room in scripts/checks/check_layers.py"
        if owner not in allowed and (room, header) not in PUBLIC_EXCEPTIONS:
            return f"{room} includes <{public}>, which {owner} implements, to its right"
        return None
    target = quoted.split("/")[0] if "/" in quoted else room  # a bare name is a neighbour
    if target in ROOMS and target not in allowed and (room, quoted) not in EXCEPTIONS:
        return f'{room} includes "{quoted}", to its right'
    return None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    if not (root / "src").is_dir():
        sys.exit(f"check_layers: no src/ in {root}")
    found = [*problems(root), *double_names(root), *rooms_untold(root)]
    print("\n".join(found) if found else "layers: every include goes to the left, and every name stands for one type")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
