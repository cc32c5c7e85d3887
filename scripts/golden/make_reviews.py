#!/usr/bin/env python3
"""Makes examples/reviews: a small corpus of invented film reviews for the examples and their tests, laid out like the real
one (train, test, unsupervised; text and label; some markup). The sentences are put together from the lists below.

    python3 scripts/golden/make_reviews.py [OUT]
"""

import json
import pathlib
import random
import sys

GOOD = ["great", "wonderful", "moving", "clever", "charming", "honest", "funny"]
BAD = ["dull", "weak", "silly", "slow", "empty", "clumsy", "tired"]
THINGS = ["movie", "film", "show", "picture", "comedy", "drama", "story", "sequel"]
PARTS = ["the plot", "the music", "the acting", "the ending", "the camera work", "the first half", "every scene", "the dialogue"]
PEOPLE = ["the director", "the leading actor", "the young actress", "the writer", "the whole cast", "the villain"]
OPENINGS = ["I saw this {thing} last week, and I must say it is a {word} {thing}.", "This is a {word} {thing}.",
            "What a {word} {thing} this is!", "My friends told me that this was a {word} {thing}, and they were right.",
            "It's hard to believe how {word} this {thing} is."]
MIDDLES = ["{part} is {word}, and {person} knows it.", "I found {part} {word} from the first minute to the last.",
           "{person} makes {part} look {word}.", "After {minutes} minutes {part} turns {word}.",
           "You don't need to like this kind of {thing} to see that {part} is {word}.",
           "<br /><br />{part}? {word}. {person}? {word}, too."]
ENDINGS = ["{stars} out of 10.", "I would see this {thing} again.", "Don't expect too much of this {thing}.",
           "For me, this is the most {word} {thing} of {year}.", "This is a {word} {thing}; tell everyone."]


def review(rng: random.Random, good: bool) -> str:
    words = GOOD if good else BAD

    def fill(pattern: str) -> str:
        text = pattern
        while "{" in text:
            for name, choices in (("word", words), ("thing", THINGS), ("part", PARTS), ("person", PEOPLE),
                                  ("minutes", ["ten", "20", "ninety"]), ("stars", ["8", "9"] if good else ["2", "3"]),
                                  ("year", [str(y) for y in range(1967, 2007)])):
                text = text.replace("{" + name + "}", rng.choice(choices), 1)
        return text[0].upper() + text[1:]

    return " ".join([fill(rng.choice(OPENINGS)), *(fill(rng.choice(MIDDLES)) for _ in range(rng.randint(2, 5))), fill(rng.choice(ENDINGS))])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "examples/reviews"
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    for split, rows in (("train", 120), ("test", 40), ("unsupervised", 40)):
        with open(folder / f"{split}.jsonl", "w", encoding="utf-8") as out:
            for i in range(rows):
                good = i >= rows // 2  # negative first, as in the real one
                label = -1 if split == "unsupervised" else int(good)
                out.write(json.dumps({"text": review(rng, good), "label": label}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
