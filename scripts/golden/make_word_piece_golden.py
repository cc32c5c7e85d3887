#!/usr/bin/env python3
"""Makes tests/golden/text/word_piece.json with the live reference: what `tokenizers`' BertWordPieceTokenizer trains.

    PYTHON scripts/golden/make_word_piece_golden.py [OUT]

A list of cases: text, options of the trainer, all entries in the order of their ids. The texts are written here, or come from
compare_tokenizer.py's generator with a fixed seed. Two things the reference draws anew in every run (see compare_word_piece.py): a
test reads them from the entries, and has the trainer repeat them. A file that differs from the new one in nothing else is kept.
"""
import itertools
import json
import pathlib
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "compare"))
from compare_tokenizer import Nasty
from compare_word_piece import reference

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/text/word_piece.json")
PROSE = """The wind had dropped, and in the harbour the boats lay still. Nobody on the quay spoke; somebody coughed.
"We shall not sail before Thursday," said the harbour master, "and whoever sails before Thursday sails without me."
Windward, leeward: the sailors' words went over the children's heads. Unsailed seas are the calmest, said the oldest sailor.
He had sailed in 1907, 1912 and 1926; he would not sail again. The Thursday boat sailed on Friday, half-laden and half-asleep.
Sailing-boats, rowing-boats, steam-boats: the harbour's boats were counted, recounted and miscounted. Counting is no sailor's work.
"""
TEXTS = {
    "prose": PROSE * 3,
    "overlaps": "aaaa aaaaa aaaaaa baaab abababab abab bababa aabbaabb aaabbb\n" * 2 + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
    "two ways": "abc abc abc bcabc abcd abcd bcd xbcd xabcd abcabc cabcab ab bc abcbc\n" * 3,
    "scripts": "Straße strasse İstanbul ISTANBUL ΣΊΣΥΦΟΣ Σίσυφος naïve naive cafe\u0301 café Война и мир, война мира — «мир»\n"
               "日本の映画 한국어 한국 हिन्दी हिन्द שלום שלומות العربية العرب ﬁne ﬂow 😀😀 👩‍👩‍👧 x² e=mc² 5€ №1\n" * 2,
    "literal": "[MASK] [mask] ##ing ##ing [PAD][PAD] [UNK]ed # ## ### [CLS] masking masked mask\n" * 2,
}
SPECIAL = ["[CLS]", "sail", "[PAD]", "##ing", "s", "[SEP]", "[UNK]", "##e", "[MASK]", "[PAD]"]
CASES = [
    ("prose", {"vocab_size": 200}), ("prose", {"vocab_size": 200, "lowercase": False}), ("prose", {"vocab_size": 5000}),
    ("prose", {"vocab_size": 5000, "min_frequency": 0}), ("prose", {"vocab_size": 300, "min_frequency": 7}),
    ("prose", {"min_frequency": 1000000}), ("prose", {"vocab_size": 10}), ("prose", {"vocab_size": 150, "limit_alphabet": 12}),
    ("prose", {"vocab_size": 150, "initial_alphabet": "zßZ日", "limit_alphabet": 40}), ("prose", {"vocab_size": 200, "special_tokens": SPECIAL}),
    ("overlaps", {"vocab_size": 100, "min_frequency": 0}), ("overlaps", {"vocab_size": 30}), ("two ways", {"vocab_size": 100, "min_frequency": 0}),
    ("two ways", {"vocab_size": 24}), ("two ways", {"vocab_size": 100, "min_frequency": 4}), ("scripts", {}), ("scripts", {"lowercase": False}),
    ("scripts", {"lowercase": False, "strip_accents": True}), ("scripts", {"strip_accents": False}), ("scripts", {"handle_chinese_chars": False}),
    ("literal", {"min_frequency": 1}), ("nasty", {"vocab_size": 2500}),
    ("nasty", {"vocab_size": 2500, "limit_alphabet": 150, "lowercase": False, "min_frequency": 1}),
]


def nasty():
    generator = Nasty(11)
    return "\n".join(generator.text().decode("utf-8", "replace") for _ in range(250)) + "\n"


def undrawn(document):
    """What every run gives: texts, options, and the entries before the first letter that goes on a word; those too are drawn where letters are left out."""
    def head(case):
        if "limit_alphabet" in case["options"] or case["text"] == "nasty":  # more letters than the default limit, 1,000
            return None
        special = case["options"].get("special_tokens", [])
        return list(itertools.takewhile(lambda entry: entry in special or not entry.startswith("##"), case["entries"]))
    return document["texts"], [(case["text"], case["options"], head(case)) for case in document["cases"]]


def main():
    texts = {**TEXTS, "nasty": nasty()}
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name, options in CASES:
            path = pathlib.Path(folder) / "text.txt"
            path.write_bytes(texts[name].encode())
            cases.append({"text": name, "options": options, "entries": reference(path, options)})
    document = {"texts": texts, "cases": cases}
    if OUT.exists() and undrawn(json.loads(OUT.read_text(encoding="utf-8"))) == undrawn(document):
        return
    OUT.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{OUT}: {len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
