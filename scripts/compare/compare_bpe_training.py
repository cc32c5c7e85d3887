#!/usr/bin/env python3
"""Compares the training of byte-level BPE with the live reference: the vocabulary and every merge, in order.

    PYTHON scripts/compare/compare_bpe_training.py BUILD FILE.txt|FILE.jsonl [FILE…] [--options JSON]

BUILD is a build folder that has the program tekio. The reference is ByteLevelBPETokenizer of `tokenizers`, given the lines of a text, or the
field "text" of JSON lines, one by one. OPTIONS are those of train() and of the constructor; without any, a list of combinations is gone through.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from tokenizers import ByteLevelBPETokenizer, __version__

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CASES = [{}, {"vocab_size": 2000, "lowercase": True}, {"vocab_size": 60000, "min_frequency": 5}, {"vocab_size": 8000, "add_prefix_space": True},
         {"vocab_size": 5000, "special_tokens": ["<mask>", "the", *SPECIAL[:4], "Ġa"]}, {"min_frequency": 10 ** 12}]


def rows_of(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)["text"] if path.suffix == ".jsonl" else line.rstrip("\n")


def reference(path, options):
    made = ByteLevelBPETokenizer(**{key: options[key] for key in ("lowercase", "add_prefix_space") if key in options})
    made.train_from_iterator(rows_of(path), show_progress=False, vocab_size=options.get("vocab_size", 30000), min_frequency=options.get("min_frequency", 2),
                             special_tokens=options.get("special_tokens", SPECIAL))
    return json.loads(made.to_str())["model"]


def ours(build, path, options):
    with tempfile.TemporaryDirectory() as folder:
        arguments = [word for name, value in options.items() for word in [f"--{name}", *(value if isinstance(value, list) else [str(value).lower()])]]
        subprocess.run([build / "tekio", "tokenizer", "train", "--data", path, "--model_type", "bpe", "--output_dir", f"{folder}/out", "--quiet", *arguments], check=True,
                       stdout=subprocess.DEVNULL)
        return json.loads(pathlib.Path(folder, "out/tokenizer.json").read_text(encoding="utf-8"))["model"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    parser.add_argument("--options", type=json.loads)
    a = parser.parse_args()
    wrong = 0
    for path in a.files:
        for options in [a.options] if a.options else CASES:
            begun = time.time()
            got, mid = ours(a.build, path, options), time.time()
            want, end = reference(path, options), time.time()
            equal = got["vocab"] == want["vocab"] and got["merges"] == want["merges"]
            wrong += not equal
            print(f"{path.name} {options}: {len(got['vocab'])} entries, {len(got['merges'])} merges, {'equal' if equal else 'DIFFERENT'}; {mid - begun:.1f} s, the reference {end - mid:.1f} s",
                  flush=True)
    print(f"tokenizers {__version__}: {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
