#!/usr/bin/env python3
"""Makes tests/golden/data/spans.json: what span masking comes to on average.

    PYTHON scripts/golden/make_span_golden.py [OUT]

A plain reading of SpanBERT's rule (Joshi et al. 2020, section 3.1, and the code published with it), with the two changes that Tekio
makes: the word that meets the share is masked whole, and a span ends where a text does. Sequences are of words of 1 to 3 tokens, and
of texts of a given number of words with two special tokens between them; many are masked, and means are kept with their standard
errors: the masked share, spans per sequence, and the share of spans (those that meet are one) that have 1, 2, … words.
"""
import json
import math
import pathlib
import sys

import numpy as np

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/data/spans.json")
CASES = [{"tokens": 128, "text": 1000, "rate": .15, "p": .2, "longest": 10}, {"tokens": 512, "text": 1000, "rate": .15, "p": .2, "longest": 10},
         {"tokens": 512, "text": 1000, "rate": .01, "p": .2, "longest": 10}, {"tokens": 128, "text": 5, "rate": .3, "p": .1, "longest": 4},
         {"tokens": 64, "text": 20, "rate": .5, "p": 1., "longest": 10}]
SEQUENCES, LENGTHS = 6000, 24


def sequence(case):
    """Of each token its text and word; word -1: special."""
    texts, words, text, word = [], [], 0, 0
    while len(words) < case["tokens"]:
        for _ in range(1 + word * 7 % 3):
            texts.append(text)
            words.append(word)
        word += 1
        if word % case["text"] == 0:
            texts += [text, text]
            words += [-1, -1]
            text += 1
    return texts[:case["tokens"]], words[:case["tokens"]]


def mask(case, texts, words, draw):
    """The masked tokens."""
    chances = np.array([case["p"] * (1 - case["p"]) ** (length - 1) for length in range(1, case["longest"] + 1)])
    chances /= chances.sum()
    tokens = [t for t, w in enumerate(words) if w >= 0]
    budget, masked = math.ceil(case["rate"] * len(tokens)), set()
    while len(masked) < budget:
        length = draw.choice(len(chances), p=chances) + 1
        anchor = tokens[draw.integers(len(tokens))]
        if anchor in masked:
            continue
        word = words[anchor]
        for _ in range(length):
            of_word = [t for t in tokens if words[t] == word and texts[t] == texts[anchor]]
            if not of_word or len(masked) >= budget:
                break
            masked.update(of_word)
            word += 1
    return masked


def spans(texts, words, masked):
    """How many words each run of masked words has."""
    lengths, before = [], None
    for t, word in enumerate(words):
        if t not in masked:
            before = None
            continue
        if before is None or texts[t] != before[0]:
            lengths.append(1)
        elif word != before[1]:
            lengths[-1] += 1
        before = (texts[t], word)
    return lengths


def main():
    out = []
    for case in CASES:
        draw = np.random.default_rng(1)
        texts, words = sequence(case)
        shares, counts, histogram = [], [], np.zeros(LENGTHS)
        for _ in range(SEQUENCES):
            masked = mask(case, texts, words, draw)
            found = spans(texts, words, masked)
            shares.append(len(masked) / sum(w >= 0 for w in words))
            counts.append(len(found))
            for length in found:
                histogram[min(length, LENGTHS) - 1] += 1
        error = lambda values: float(np.std(values) / math.sqrt(len(values)))
        out.append({**case, "share": float(np.mean(shares)), "share_error": error(shares), "spans": float(np.mean(counts)), "spans_error": error(counts),
                    "spans_seen": int(histogram.sum()), "lengths": (histogram / histogram.sum()).round(6).tolist()})
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in out) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
