#!/usr/bin/env python3
"""Compares Tekio's BertJapaneseTokenizer with the live reference, text by text: ids, and words where they can be told.

    PYTHON scripts/compare/compare_japanese.py TOOL --nasty 20000 [--seed 1]      generated strings
    PYTHON scripts/compare/compare_japanese.py TOOL --texts FILE…                 a text a line

Runs all settings of scripts/golden/make_japanese_golden.py, with --dictionary ipadic or unidic_lite instead of Debian's. PYTHON has
transformers, fugashi and the dictionary; TOOL is build/.../tests/text/tekio_dump_encodings. Fails at the first that differ.
"""
import argparse
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import numpy

sys.path += [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "golden")]
from compare_tokenizer import Nasty  # noqa: E402
from make_japanese_golden import EDGES, MECAB, SENTENCES, SETTINGS, WITH_ADDED, strings, vocabulary, word_ids, write_folder  # noqa: E402


def texts_of(arguments):
    if arguments.texts:
        return [line.rstrip("\n") for path in arguments.texts for line in open(path, encoding="utf-8", errors="replace", newline="\n")]
    generator = Nasty(arguments.seed)
    generated = [generator.text().decode("utf-8", "replace") for _ in range(arguments.nasty // 2)]
    return SENTENCES + EDGES + WITH_ADDED + strings(arguments.nasty // 2, arguments.seed) + generated


def compare(tool, tokenizer, folder, texts):
    done = subprocess.run([tool, folder], input=b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts), stdout=subprocess.PIPE, check=True)
    numbers, at, tokens, counted = numpy.frombuffer(done.stdout, dtype=numpy.int32), 0, 0, 0
    differ = 0
    for text in texts:
        n = int(numbers[at])
        ids, words = numbers[at + 1:at + 1 + n].tolist(), numbers[at + 2 + n:at + 2 * n].tolist()
        at += 1 + 4 * n
        tokens += n
        wanted, wanted_words = tokenizer(text)["input_ids"], word_ids(tokenizer, text)
        counted += wanted_words is not None
        if ids != wanted or (wanted_words is not None and words != wanted_words):
            differ += 1
            if differ <= 3:
                print(f"{text!r}\n ids      {ids}\n expected {wanted}\n tokens   {tokenizer.convert_ids_to_tokens(ids)}\n expected {tokenizer.convert_ids_to_tokens(wanted)}\n"
                      f" words    {words}\n expected {wanted_words}")
    return tokens, counted, differ


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("--nasty", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=pathlib.Path, nargs="+")
    parser.add_argument("--dictionary", help="mecab_dic; TEKIO_… names its folder")
    parser.add_argument("--vocabulary", type=pathlib.Path, help="a vocab.txt instead of the golden one")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of settings")
    arguments = parser.parse_args()
    from transformers import AutoTokenizer
    tokens = arguments.vocabulary.read_text(encoding="utf-8").split("\n")[:-1] if arguments.vocabulary else vocabulary()
    texts, bad = texts_of(arguments), 0
    for number, settings in enumerate(SETTINGS):
        if arguments.only and number not in arguments.only:
            continue
        if arguments.dictionary and "mecab_kwargs" in settings:
            kwargs = dict(settings["mecab_kwargs"], mecab_dic=arguments.dictionary)
            kwargs["mecab_option"] = kwargs["mecab_option"].removeprefix(MECAB["mecab_option"])
            settings = {**settings, "mecab_kwargs": kwargs}
        with tempfile.TemporaryDirectory() as folder:
            tokenizer = AutoTokenizer.from_pretrained(write_folder(folder, tokens, settings))
            begun = time.time()
            count, counted, differ = compare(arguments.tool, tokenizer, folder, texts)
        bad += differ
        print(f"settings {number}: {len(texts):,} texts, {count:,} tokens, words of {counted:,} texts: {differ} differ; {time.time() - begun:.0f} s", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
