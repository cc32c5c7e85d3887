#!/usr/bin/env python3
"""Compares the training of WordPiece vocabularies with the live reference, entry by entry.

    PYTHON scripts/compare/compare_word_piece.py BUILD FILE [FILE...] [--runs 2] [--options JSON]
    PYTHON scripts/compare/compare_word_piece.py BUILD FILE [FILE...] --time 5 [--options JSON]

BUILD is a build folder that has tests/text/tekio_train_vocabulary. The reference (BertWordPieceTokenizer of `tokenizers`) gives
the letters that go on a word ("##a") their ids in the order of a hash map, anew in every run, and equally frequent pairs are
merged in the order of ids; likewise it draws which of equally frequent letters limit_alphabet keeps. So each of its runs is
repeated with what it drew: all entries must then be equal, in order. Beside it stands how many entries of what we draw
ourselves are in none of the runs, and how much two runs of the reference differ.

FILE is text. OPTIONS are those of train() and of the constructor; without any, a list of combinations is gone through.

--time: `BUILD/tekio tokenizer train` and the reference's training on each FILE in alternation, so many pairs, each a process of its
own, from its start until the vocabulary is saved: seconds, processor seconds and MiB of the medians, and the ratio of seconds.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from tokenizers import BertWordPieceTokenizer, __version__

CONSTRUCTOR = ("lowercase", "strip_accents", "handle_chinese_chars")
CASES = [
    {}, {"lowercase": False}, {"vocab_size": 8000}, {"vocab_size": 2000, "lowercase": False, "min_frequency": 50},
    {"vocab_size": 50, "limit_alphabet": 40}, {"vocab_size": 5000, "limit_alphabet": 30}, {"vocab_size": 200000, "min_frequency": 0},
    {"vocab_size": 100000, "min_frequency": 3, "strip_accents": False}, {"vocab_size": 20000, "lowercase": False, "strip_accents": True},
    {"vocab_size": 20000, "handle_chinese_chars": False, "limit_alphabet": 100000}, {"min_frequency": 10 ** 12},
    {"vocab_size": 3000, "initial_alphabet": "€ßα中", "limit_alphabet": 60},
    {"vocab_size": 6000, "special_tokens": ["[CLS]", "the", "[PAD]", "##ing", "a", "[SEP]", "[UNK]", "##e", "[MASK]", "x"]},
]


def reference(path, options):
    """The entries in the order of their ids."""
    options = dict(options)
    tokenizer = BertWordPieceTokenizer(**{key: options.pop(key) for key in CONSTRUCTOR if key in options})
    if "initial_alphabet" in options:
        options["initial_alphabet"] = list(options["initial_alphabet"])
    tokenizer.train([str(path)], show_progress=False, **options)
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.get)


def ours(tool, path, options):
    """The same; "entries" among the options: of the run that is to be repeated."""
    with open(path, "rb") as text, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(options, file)
        file.flush()
        return json.loads(subprocess.run([tool, file.name], stdin=text, stdout=subprocess.PIPE, check=True).stdout)


REFERENCE_RUN = """
import json, sys
from tokenizers import BertWordPieceTokenizer
path, folder, options, constructor = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
tokenizer = BertWordPieceTokenizer(**constructor)
tokenizer.train([path], show_progress=False, **options)
tokenizer.save_model(folder)
tokenizer.save(folder + "/tokenizer.json")
"""


def measure(command):
    """Seconds, processor seconds and MiB of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status != 0:
        sys.exit(f"{command} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def time_pairs(build, path, options, pairs):
    flags = [part for key, value in options.items() for part in (f"--{key}", str(value).lower() if isinstance(value, bool) else str(value))]
    constructor = {key: value for key, value in options.items() if key in CONSTRUCTOR}
    training = {key: value for key, value in options.items() if key not in CONSTRUCTOR}
    both = []
    with tempfile.TemporaryDirectory() as folder:
        ours_command = [build / "tekio", "tokenizer", "train", "--data", path, "--output_dir", f"{folder}/ours", "--quiet", *flags]
        reference_command = [sys.executable, "-c", REFERENCE_RUN, path, folder, json.dumps(training), json.dumps(constructor)]
        for _ in range(pairs):
            both.append((measure(ours_command), measure(reference_command)))
    middle = [[statistics.median(pair[side][i] for pair in both) for i in range(3)] for side in range(2)]
    ratios = sorted(pair[1][0] / pair[0][0] for pair in both)
    print(f"{path.name} {json.dumps(options)}: Tekio {middle[0][0]:.3f} s, {middle[0][1]:.3f} s of processors, {middle[0][2]:.0f} MiB; reference "
          f"{middle[1][0]:.3f} s, {middle[1][1]:.3f} s, {middle[1][2]:.0f} MiB; {statistics.median(ratios):.1f} x ({ratios[0]:.1f} to "
          f"{ratios[-1]:.1f}), of processor seconds {middle[1][1] / middle[0][1]:.1f} x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--options", type=json.loads)
    parser.add_argument("--time", type=int, default=0, metavar="PAIRS")
    arguments = parser.parse_args()
    tool = arguments.build / "tests/text/tekio_train_vocabulary"
    print(f"tokenizers {__version__}")
    for path in arguments.files if arguments.time else []:
        time_pairs(arguments.build, path, arguments.options or {}, arguments.time)
    if arguments.time:
        return
    failures = 0
    for path in arguments.files:
        for options in [arguments.options] if arguments.options is not None else CASES:
            runs = [reference(path, options) for _ in range(arguments.runs)]
            repeated = [ours(tool, path, {**options, "entries": run}) for run in runs]
            own = ours(tool, path, options)
            wrong = sum(a != b for a, b in zip(runs, repeated))
            failures += wrong
            strange = len(set(own) - set().union(*runs))
            moved = sum(a != b for a, b in zip(runs[0], runs[-1]))
            print(f"{'ok  ' if wrong == 0 else 'FAIL'} {path.name} {json.dumps(options, ensure_ascii=False)}: {len(runs[0])} entries; "
                  f"two runs of the reference: {moved} at other ids, {len(set(runs[0]) - set(runs[-1]))} other entries; "
                  f"our own draw: {strange} entries in no run", flush=True)
            for run, again in zip(runs, repeated):
                if run != again:
                    at = next((i for i, (a, b) in enumerate(zip(run, again)) if a != b), min(len(run), len(again)))
                    print(f"     {len(run)} and {len(again)} entries, first different at {at}: {run[at:at + 3]} and {again[at:at + 3]}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
