#!/usr/bin/env python3
"""Cuts texts (one paragraph a line) into sentences, a line each, and shuffles them: neighbours then tell nothing of each other, so that
a model trained on them learns to guess from the one sentence that a prompt is. Of 15 to 300 characters. Holds all in memory.

    python3 scripts/shuffle_sentences.py sentences.txt TEXT…
"""
import random
import re
import sys

BETWEEN = re.compile(r"""(?<=[.!?])\s+(?=[A-Z"'])""")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    target, *sources = sys.argv[1:]
    sentences = []
    for source in sources:
        with open(source, encoding="utf-8") as file:
            for paragraph in file:
                sentences += [s for s in BETWEEN.split(paragraph.strip()) if 15 <= len(s) <= 300]
    random.Random(1).shuffle(sentences)
    with open(target, "w", encoding="utf-8") as file:
        file.writelines(sentence + "\n" for sentence in sentences)
    print(f"{len(sentences):,} sentences in {target}")


if __name__ == "__main__":
    main()
