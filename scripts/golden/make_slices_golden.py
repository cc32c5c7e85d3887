"""Makes tests/golden/data/slices.json: how many rows load_dataset's split= takes for random slices, the first and the last.

    PYTHON scripts/golden/make_slices_golden.py [OUT.json]

Written with datasets 5.2.0.
"""

import json, pathlib, random, sys, tempfile

import datasets
from datasets.arrow_reader import ReadInstruction

OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/data/slices.json"
rng = random.Random(5)
datasets.logging.set_verbosity_error()
datasets.disable_progress_bars()


def bound(rows):
    kind = rng.randrange(5)
    if kind == 0:
        return ""
    if kind <= 2:
        return f"{rng.randint(-100, 100)}%"
    return str(rng.randint(-rows - 5, rows + 5))


def term(rows):
    return "train" if rng.randrange(8) == 0 else f"train[{bound(rows)}:{bound(rows)}]"


def text_of(rows):
    while True:
        text = "+".join(term(rows) for _ in range(rng.choice([1, 1, 1, 2, 3])))
        # "[5:20%]" takes 5 for per cent, too. Bounds in reverse are left out: the reference takes the rest of the rows where
        # they are so by one, none where they are so by more.
        if all("%" not in part or all(abs(int(n.strip("%]") or 0)) <= 100 for n in part[part.index("[") + 1 :].split(":")) for part in text.split("+")):
            if all(part.from_ <= part.to for part in ReadInstruction.from_spec(text).to_absolute({"train": rows})):
                return text


out = []
with tempfile.TemporaryDirectory() as folder:
    sizes = [1, 2, 3, 7, 25, 100, 101, 250, 999, 1001]
    for rows in sizes:
        path = f"{folder}/{rows}.txt"
        pathlib.Path(path).write_text("".join(f"{i}\n" for i in range(rows)))
        for _ in range(20):
            text = text_of(rows)
            try:
                read = datasets.load_dataset("text", data_files=path, split=text, cache_dir=folder + "/cache")["text"]
                read = [int(value) for value in read]
            except ValueError as error:
                assert "corresponds to no data" in str(error), error
                read = []
            out.append({"slice": text, "rows": rows, "count": len(read), "ends": [read[0], read[-1]] if read else []})
with open(OUT, "w", encoding="utf-8") as f:
    f.write("[\n" + ",\n".join(json.dumps(case) for case in out) + "\n]\n")
print(len(out), sum(not case["count"] for case in out))
