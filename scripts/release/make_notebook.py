#!/usr/bin/env python3
"""Makes examples/walkthrough.ipynb of examples/walkthrough.py: its cells, which "# %%" and "# %% [markdown]" begin. The notebook holds no
outputs. With --check: fails where it is not what would be made.

    python3 scripts/release/make_notebook.py [--check]
"""

import json
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples"


def cells(source):
    head, *parts = re.split(r"^# %%(.*)\n", source, flags=re.M)
    yield "markdown", head.strip().strip('"').strip()
    for kind, text in zip(parts[::2], parts[1::2]):
        if "markdown" in kind:
            yield "markdown", re.sub(r"^# ?", "", text, flags=re.M).strip()
        else:
            yield "code", text.strip()


def notebook(source):
    made = []
    for number, (kind, text) in enumerate(cells(source)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
        if kind == "code":
            cell.update(execution_count=None, outputs=[])
        made.append(cell)
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main():
    made = json.dumps(notebook((FOLDER / "walkthrough.py").read_text(encoding="utf-8")), indent=1, ensure_ascii=False) + "\n"
    path = FOLDER / "walkthrough.ipynb"
    if "--check" not in sys.argv:
        path.write_text(made, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != made:
        sys.exit("examples/walkthrough.ipynb is not what examples/walkthrough.py makes: python3 scripts/release/make_notebook.py")


if __name__ == "__main__":
    main()
