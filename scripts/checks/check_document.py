#!/usr/bin/env python3
"""Holds a Markdown page to what it shows: runs its commands, and makes a program of its C++.

    check_document.py commands PAGE --tekio PROGRAM --model FOLDER --data FOLDER
        runs every command of the page's code blocks that begins with tekio, in order, in a folder of its own in which the
        names that the page uses lead to a small model and short reviews; fails where one fails
    check_document.py code PAGE FILE.cc
        writes the page's C++ blocks, one after another, as one program
    check_document.py program PROGRAM --model FOLDER --data FOLDER
        runs that program in such a folder
    check_document.py same PAGE PAGE
        fails unless both pages show the same C++

Sizes are those of a minute instead of a tutorial's. What needs the network, a package or an account is left out.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MODELS, DATA = ["distilbert-base-uncased", "my-model"], ["imdb", "reviews"]
LEFT_OUT = re.compile(r"\bpush\b|tohoku-nlp/")
SMALLER = [(r"train_size( = | )10'?000\b", r"train_size\g<1>40"), (r"test_size( = | )1'?000\b", r"test_size\g<1>8"),
           (r"--max_chunks 1000", "--max_chunks 8"), (r"num_train_epochs( = | )3", r"num_train_epochs\g<1>2"),
           (r"batch_size( = | )64", r"batch_size\g<1>8"), (r"chunk_size( = | )128", r"chunk_size\g<1>64"),
           (r"--vocab_size 8000", "--vocab_size 300"), (r"bench step ", "bench step --max_steps 2 "),
           (r"adapt --model (?!.*chunk_size)", "adapt --chunk_size 64 --model ")]


def blocks(page, language):
    """The code blocks of a page that are marked as of this language."""
    return [text for marked, text in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M) if marked == language]


def smaller(text):
    for pattern, replacement in SMALLER:
        text = re.sub(pattern, replacement, text)
    return text


@contextlib.contextmanager
def prepared(arguments):
    """A folder with what the names mean, and the environment of what runs there."""
    with tempfile.TemporaryDirectory(prefix="tekio-page-") as name:
        folder = pathlib.Path(name)
        for names, target in ((MODELS, arguments.model), (DATA, arguments.data)):
            for copy in names:
                shutil.copytree(target, folder / copy)
        yield folder, {**os.environ, "TEKIO_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}


def commands(arguments):
    lines = [line for block in blocks(arguments.page, "") for line in block.replace("\\\n", " ").splitlines()]
    chosen = [smaller(re.sub(r" +", " ", line)) for line in lines if line.startswith("tekio ") and not LEFT_OUT.search(line)]
    if not chosen:
        sys.exit(f"{arguments.page}: no command was found")
    with prepared(arguments) as (folder, environment):
        environment["PATH"] = f"{arguments.tekio.resolve().parent}:{environment['PATH']}"
        for command in chosen:
            run = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, text=True, capture_output=True, check=False)
            if run.returncode != 0:
                sys.exit(f"{arguments.page}: {command}\nended with {run.returncode}:\n{run.stdout}{run.stderr}")
    print(f"{arguments.page.name}: {len(chosen)} commands run")


def program(arguments):
    with prepared(arguments) as (folder, environment):
        sys.exit(subprocess.run([arguments.page.resolve()], cwd=folder, env=environment, check=False).returncode)


def code(arguments):
    lines = smaller("".join(blocks(arguments.page, "cpp"))).splitlines()
    assert lines, f"{arguments.page} has no C++"
    includes = ["#include <fmt/format.h>", "#include <cstdio>"]
    includes += [line for line in lines if line.startswith("#include") and line not in includes]
    body = "\n".join("  " + line if line else "" for line in lines if not line.startswith("#include"))
    arguments.file.write_text("\n".join(includes) + "\n\nint main() {\n  try {\n" + body + "\n  } catch (const tekio::Error& error) {\n"
                              '    fmt::print(stderr, "{}\\n", error.what());\n    return tekio::exit_code(error.kind());\n  }\n}\n')


def same(arguments):
    if blocks(arguments.page, "cpp") != blocks(arguments.other, "cpp"):
        sys.exit(f"{arguments.page} and {arguments.other} show different C++")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    for verb, more in ((commands, []), (code, ["file"]), (program, []), (same, ["other"])):
        sub = verbs.add_parser(verb.__name__)
        sub.set_defaults(verb=verb)
        sub.add_argument("page", type=pathlib.Path)
        for name in more:
            sub.add_argument(name, type=pathlib.Path)
        options = {commands: ["--tekio", "--model", "--data"], program: ["--model", "--data"]}
        for option in options.get(verb, []):
            sub.add_argument(option, type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.verb(arguments)


if __name__ == "__main__":
    main()
