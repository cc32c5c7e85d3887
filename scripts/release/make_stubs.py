#!/usr/bin/env python3
"""Makes the type stubs of the Python package: python/tekio/_tekio.pyi, of the extension, and python/tekio/__init__.pyi, whose names are
loaded when they are used. PACKAGE is the folder that holds a built tekio/. With --check: fails where they are not what would be made.

    python3 scripts/release/make_stubs.py build/release/python [--check]
"""

import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "python" / "tekio"


def of_extension():
    from nanobind.stubgen import StubGen

    import tekio._tekio

    generator = StubGen(tekio._tekio)
    generator.put(tekio._tekio)
    return generator.get()


def of_package():
    import tekio

    lines = ["from tekio import errors as errors"]
    for module, names in sorted(tekio._WHERE.items()):
        lines += [f"from {module} import {name} as {name}" for name in names]
    return "\n".join([*lines, "", "__version__: str", ""])


def main():
    sys.path.insert(0, str(pathlib.Path(sys.argv[1]).resolve()))
    for name, made in (("_tekio.pyi", of_extension()), ("__init__.pyi", of_package())):
        path = FOLDER / name
        if "--check" not in sys.argv:
            path.write_text(made, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != made:
            sys.exit(f"python/tekio/{name} is not what the package is: python3 scripts/release/make_stubs.py build/release/python")


if __name__ == "__main__":
    main()
