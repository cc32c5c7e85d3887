#!/usr/bin/env python3
"""Compares Tekio's tokenizer with the live reference, text by text: ids, word ids, offsets; TextEncoder runs beside it.

    PYTHON scripts/compare/compare_tokenizer.py TOOL FOLDER --reviews DIR/imdb     every review of the data set
    PYTHON scripts/compare/compare_tokenizer.py TOOL FOLDER --nasty 1000000 [--seed 1]   generated strings
    PYTHON scripts/compare/compare_tokenizer.py TOOL FOLDER --texts FILE           a text a line
    PYTHON scripts/compare/compare_tokenizer.py TOOL - --pipelines 3000 [--seed 1]     random pipelines, 20 generated strings each

PYTHON has transformers (or only tokenizers: --plain FILE names a tokenizer.json) and, for reviews, zstandard. TOOL is
build/.../tests/text/tekio_dump_encodings. Prints how many texts and tokens were compared; fails at the first that differ.

The strings mix characters that tokenizers stumble over: controls, combining marks, CJK, Hangul, kana, emoji and joiners, right
to left, invalid UTF-8, words of more than 100 characters, literal special tokens, private use, and code points from all
planes, assigned or not. Bytes that are not UTF-8 go to Tekio as they are, and to the reference as decode("utf-8", "replace").
"""
import argparse
import io
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata

import numpy

BATCH = 20000


def reviews(folder):
    import zstandard
    for name in ("train", "test", "unsupervised"):
        with open(folder / f"{name}.jsonl.zst", "rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8", newline="\n"):
                yield json.loads(line)["text"].encode()


def lines(path):
    with open(path, "rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


class Nasty:
    """Strings from a seed."""

    WORDS = ("the movie was great Bad film I'm don't re-make U.S. naïve café façade Ünïcödé İstanbul ΣΑΣ straße ﬁne Ǆ ǅ ẞ "
             "unbelievably antidisestablishmentarianism 3.14 1,000 e×f 5€ x² ½ №1 <br /> [UNK] [CLS] [SEP] [PAD] [MASK] [mask] "
             "[MASK][MASK] x[MASK]y [ MASK ] [[MASK]] [MAS [MASK ##ing # ## @@ http://a.b/c?d=e#f a_b snake_case").split()
    RANGES = {
        "ascii": [(0x20, 0x7E)], "control": [(0, 0x1F), (0x7F, 0x9F)], "latin": [(0xA0, 0x24F), (0x1E00, 0x1EFF)],
        "marks": [(0x300, 0x36F), (0x483, 0x487), (0x591, 0x5BD), (0x64B, 0x65F), (0x8D4, 0x8FF), (0x93C, 0x94D), (0x302A, 0x302F),
                  (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x1D165, 0x1D172), (0x1E000, 0x1E02A), (0x340, 0x345), (0xF71, 0xF84)],
        "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)], "cyrillic": [(0x400, 0x52F)], "rtl": [(0x590, 0x6FF), (0x7C0, 0x85F)],
        "indic": [(0x900, 0xDFF)], "thai": [(0xE00, 0xEFF)], "tibetan": [(0xF00, 0xFFF)], "jamo": [(0x1100, 0x11FF), (0xA960, 0xA97F)],
        "hangul": [(0xAC00, 0xD7A3)], "kana": [(0x3040, 0x30FF), (0xFF66, 0xFF9F)],
        "cjk": [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2B730, 0x2B930), (0x2F800, 0x2FA1F)],
        "space": [(0x9, 0xD), (0x1C, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200F), (0x2028, 0x202F),
                  (0x205F, 0x2064), (0x3000, 0x3000), (0xFEFF, 0xFEFF), (0x180B, 0x180F)],
        "punctuation": [(0x2010, 0x205E), (0x2E00, 0x2E5D), (0x3001, 0x3020), (0xFE10, 0xFE6B), (0xFF00, 0xFF65), (0xA1, 0xBF)],
        "emoji": [(0x1F300, 0x1FAFF), (0x1F1E6, 0x1F1FF), (0x200D, 0x200D), (0xFE0E, 0xFE0F), (0x1F3FB, 0x1F3FF), (0xE0020, 0xE007F)],
        "private": [(0xE000, 0xF8FF), (0xF0000, 0xF0FFF), (0x10FF00, 0x10FFFF)], "special": [(0xFFF0, 0xFFFF), (0xFDD0, 0xFDEF)],
        "new": [(0x1C80, 0x1C8F), (0xA7C0, 0xA7FF), (0x10D40, 0x10D8F), (0x16E40, 0x16EBF), (0x11900, 0x1195F), (0x105C0, 0x105FF)],
        "any": [(0, 0xD7FF), (0xE000, 0x10FFFF)],
    }

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kinds = list(self.RANGES)

    def character(self, kind):
        return chr(self.random.randint(*self.random.choice(self.RANGES[kind])))

    def run(self):
        r = self.random
        choice = r.random()
        if choice < 0.3:
            return r.choice(self.WORDS)
        if choice < 0.33:
            return self.character(r.choice(self.kinds)) * r.choice((2, 3, 16, 17, 99, 100, 101, 150))
        if choice < 0.36:
            return "".join(r.choice("abcdefgXYZ01") for _ in range(r.choice((14, 15, 16, 17, 31, 32, 33, 99, 100, 101, 200))))
        kind = r.choice(self.kinds)
        if choice < 0.6:  # a letter with marks in disorder
            return "".join(self.character("latin" if i == 0 else r.choice(("marks", kind))) for i in range(r.randint(1, 5)))
        return "".join(self.character(kind) for _ in range(r.randint(1, 8)))

    def text(self):
        r = self.random
        count = min(int(r.expovariate(0.18)), 60)
        if r.random() < 0.01:
            return b""
        separators = r.choice(([" "], [""], [" ", "", "\t", "\n", "\r\n", "  "], ["", " ", " ", ".", ",", "\u3000", "\u200b"]))
        data = "".join(self.run() + r.choice(separators) for _ in range(count)).encode()
        if data and r.random() < 0.15:  # break it
            broken = bytearray(data)
            for _ in range(r.randint(1, 4)):
                at = r.randrange(len(broken))
                action = r.random()
                if action < 0.4:
                    broken[at] = r.randrange(256)
                elif action < 0.7:
                    del broken[at]
                else:
                    broken[at:at] = r.choice((b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90"))
                if not broken:
                    break
            data = bytes(broken)
        return data


def encodings(backend, texts):
    """The reference's answer in the tool's form."""
    out = []
    for e in backend.encode_batch(texts):
        words = numpy.array([-1 if w is None else w for w in e.word_ids], dtype=numpy.int32)
        out.append(struct.pack("<I", len(e.ids)) + numpy.array(e.ids, dtype=numpy.int32).tobytes() + words.tobytes()
                   + numpy.array(e.offsets, dtype=numpy.int32).tobytes())
    return out


def compare_pipelines(tool, count, seed):
    """Random pipelines. Where the reference panics on a text (it does, on some empty matches) the text is left out and counted. Where a
    regular expression takes part, characters that came after Unicode 14.0 are left out of texts: Debian 12's Oniguruma does not know them."""
    from random_pipelines import pipeline
    from tokenizers import Tokenizer
    compared = tokens = panics = crashed = differ = refused = ambiguous = 0
    kinds = {}
    begun = time.time()
    for number in range(seed * 1000000, seed * 1000000 + count):
        try:
            backend, generator = pipeline(number), Nasty(number)
            written = backend.to_str()
            backend = Tokenizer.from_str(written)  # reads scores as it reads files, and has added tokens in their order
            normal = [backend.normalizer.normalize_str(t["content"]) for t in json.loads(written)["added_tokens"] if t["normalized"] and backend.normalizer]
            if len(set(normal)) < len(normal):  # which of two is found is a matter of a hash table's order
                ambiguous += 1
                continue
        except BaseException as error:  # the reference panics on an added token that its normalizer lengthens
            if isinstance(error, KeyboardInterrupt):
                raise
            panics += 1
            continue
        if '"Regex"' in written:
            known = lambda text: "".join(c for c in text.decode("utf-8", "replace") if unicodedata.category(c) != "Cn").encode()
        else:
            known = lambda text: text
        given = [known(text) for text in (generator.text() for _ in range(20)) if len(text) < 400] + ["The foX 12mg\u3000é e\u0301\u0323 한국 ﬁ １２ = \u0338".encode()]
        wanted = []
        for text in given:
            try:
                wanted.append((text, encodings(backend, [text.decode("utf-8", "replace")])[0]))
            except BaseException as error:  # a Rust panic is no Exception
                if isinstance(error, KeyboardInterrupt):
                    raise
                panics += 1
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "tokenizer.json").write_text(written, encoding="utf-8")
            pathlib.Path(folder, "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
            done = subprocess.run([tool, folder], input=b"".join(struct.pack("<I", len(t)) + t for t, _ in wanted), capture_output=True)
        parts = json.loads(written)
        what = parts["model"]["type"] + " " + json.dumps({k: parts[k] for k in ("normalizer", "pre_tokenizer", "added_tokens")})
        if b"nothing is left of the added token" in done.stderr:  # refused here; the reference never finds such a token
            refused += 1
            continue
        if done.returncode:
            crashed += 1
            print(f"pipeline {number}: {tool} ended with {done.returncode}: {done.stderr.decode().strip()}\n  {what}")
            continue
        at = 0
        for text, want in wanted:
            got, at = done.stdout[at:at + len(want)], at + len(want)
            if got != want:
                differ += 1
                n, m = struct.unpack_from("<I", got)[0], struct.unpack_from("<I", want)[0]
                print(f"pipeline {number}: {text!r}\n  got      {numpy.frombuffer(got[4:], dtype=numpy.int32).tolist()} ({n})\n"
                      f"  expected {numpy.frombuffer(want[4:], dtype=numpy.int32).tolist()} ({m})\n  {what}")
                break
            compared += 1
            tokens += struct.unpack_from("<I", want)[0]
        for step in re.findall(r'"type": "(\w+)"', json.dumps([parts["normalizer"], parts["pre_tokenizer"]])):
            kinds[step] = kinds.get(step, 0) + 1
    print(f"{count:,} pipelines, {compared:,} texts, {tokens:,} tokens: ids, word ids and offsets of encode() and ids and word starts of "
          f"TextEncoder; {differ} pipelines differ, {crashed} failed, {refused} refused (an added token of which nothing is left), {panics} pipelines and texts left out on which the reference panics, {ambiguous} pipelines in which two added tokens become one text; {time.time() - begun:.0f} s")
    print("steps: " + ", ".join(f"{name} {number}" for name, number in sorted(kinds.items())))
    return differ + crashed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("folder")
    parser.add_argument("--plain", help="a tokenizer.json to be trusted as it is, without transformers")
    parser.add_argument("--reviews", type=pathlib.Path)
    parser.add_argument("--nasty", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=pathlib.Path)
    parser.add_argument("--write", help="only write the texts in the tool's input form to this file")
    parser.add_argument("--pipelines", type=int, help="that many random pipelines instead of FOLDER's")
    a = parser.parse_args()
    if a.pipelines:
        sys.exit(1 if compare_pipelines(a.tool, a.pipelines, a.seed) else 0)
    if a.reviews:
        texts = reviews(a.reviews)
    elif a.texts:
        texts = lines(a.texts)
    else:
        generator = Nasty(a.seed)
        texts = (generator.text() for _ in range(a.nasty or 1000))
    if a.write:
        with open(a.write, "wb") as file:
            for text in texts:
                file.write(struct.pack("<I", len(text)) + text)
        return
    if a.plain:
        from tokenizers import Tokenizer
        backend = Tokenizer.from_file(a.plain)
    else:
        from transformers import AutoTokenizer
        backend = AutoTokenizer.from_pretrained(a.folder).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    compared = tokens = broken = 0
    begun = time.time()
    while True:
        batch = [text for _, text in zip(range(BATCH), texts)]
        if not batch:
            break
        given = b"".join(struct.pack("<I", len(text)) + text for text in batch)
        done = subprocess.run([a.tool, a.folder], input=given, stdout=subprocess.PIPE)
        if done.returncode:
            sys.exit(f"{a.tool} failed with {done.returncode} in the batch that begins at text {compared}")
        decoded = [text.decode("utf-8", "replace") for text in batch]
        broken += sum(1 for text, string in zip(batch, decoded) if string.encode() != text)
        expected = encodings(backend, decoded)
        if done.stdout != b"".join(expected):
            at = 0
            for i, want in enumerate(expected):
                got = done.stdout[at:at + len(want)]
                if got != want:
                    n, = struct.unpack_from("<I", done.stdout, at)
                    numbers = numpy.frombuffer(done.stdout, dtype=numpy.int32, count=4 * n, offset=at + 4)
                    reference = numpy.frombuffer(want, dtype=numpy.int32, offset=4)
                    m = len(reference) // 4
                    print(f"text {compared + i}: {batch[i]!r}\n ids      {numbers[:n].tolist()}\n expected {reference[:m].tolist()}")
                    print(f" words    {numbers[n:2 * n].tolist()}\n expected {reference[m:2 * m].tolist()}")
                    print(f" offsets  {numbers[2 * n:].tolist()}\n expected {reference[2 * m:].tolist()}")
                    sys.exit(1)
                at += len(want)
            sys.exit("the tool wrote more than expected")
        compared += len(batch)
        tokens += sum(struct.unpack_from("<I", e)[0] for e in expected)
    print(f"{compared:,} texts ({broken:,} of them not valid UTF-8), {tokens:,} tokens: ids, word ids and offsets of encode() and "
          f"ids and word starts of TextEncoder equal the reference's; {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
