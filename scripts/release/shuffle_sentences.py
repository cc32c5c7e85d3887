#!/usr/bin/env python3
"""Cuts texts (one paragraph a line) into sentences, a line each, and shuffles them: neighbours then tell nothing of each other, so that
a model trained on them learns to guess from the one sentence that a prompt is. Of 15 to 300 characters. Plain text only; all of
it is held in memory.

    python3 scripts/release/shuffle_sentences.py TEXT… sentences.txt
"""
import os
import random
import re
import sys

BETWEEN = re.compile(r"""(?<=[.!?])\s+(?=[A-Z"'])""")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    *sources, target = sys.argv[1:]
    if os.path.exists(target):
        sys.exit(f"shuffle_sentences: {target} is there already; name a new file, after the texts")
    sentences = []
    for source in sources:
        try:
            with open(source, encoding="utf-8") as file:
                for paragraph in file:
                    sentences += [s for s in BETWEEN.split(paragraph.strip()) if 15 <= len(s) <= 300]
        except (OSError, UnicodeDecodeError) as error:
            sys.exit(f"shuffle_sentences: {source}: {error}; expected plain text in UTF-8, unpacked")
    random.Random(1).shuffle(sentences)
    with open(target, "w", encoding="utf-8") as file:
        file.writelines(sentence + "\n" for sentence in sentences)
    print(f"{len(sentences):,} sentences in {target}")


if __name__ == "__main__":
    main()
