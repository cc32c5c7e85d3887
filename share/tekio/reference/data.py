"""The reference stack's way from files to chunks: datasets.map with the tokenizer, then with grouping. Nothing is cached.
Prints one line of JSON; `tekio bench data` runs it.

    PYTHON data.py --split FILE… [--split FILE…] --tokenizer FOLDER [--chunk_size 128] [--num_proc 1] [--column text]
"""
import argparse
import json
import os
import tempfile
import time

import texts as source


def main():
    parser = argparse.ArgumentParser()
    source.add_arguments(parser)
    parser.add_argument("--chunk_size", type=int, default=128)
    parser.add_argument("--num_proc", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tekio-reference-") as folder:
        os.environ.update(HF_DATASETS_CACHE=folder, HF_HUB_OFFLINE="1")
        measure(args)


def measure(args):
    import datasets
    import transformers
    datasets.disable_progress_bars()
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.tokenizer)
    size, processes = args.chunk_size, args.num_proc if args.num_proc > 1 else None

    def encode(rows):
        encoded = tokenizer(rows["text"])
        encoded["word_ids"] = [encoded.word_ids(row) for row in range(len(rows["text"]))]
        return encoded

    def cut(rows):
        chunks = {}
        for name, lists in rows.items():
            values = [value for part in lists for value in part]
            chunks[name] = [values[at:at + size] for at in range(0, len(values) - size + 1, size)]
        chunks["labels"] = list(chunks["input_ids"])
        return chunks

    seconds = {"read": 0.0, "tokenize": 0.0, "cut": 0.0}
    rows = chunks = 0
    megabytes = 0.0
    for files in args.split:
        begun = time.perf_counter()
        texts = [text for file in files for text in source.texts_of(file, args.column)]
        split = datasets.Dataset.from_dict({"text": texts})
        seconds["read"] += time.perf_counter() - begun
        rows += len(texts)
        megabytes += source.megabytes(texts)
        for phase, work, gone in (("tokenize", encode, ["text"]), ("cut", cut, None)):
            begun = time.perf_counter()
            split = split.map(work, batched=True, remove_columns=gone, num_proc=processes)
            seconds[phase] += time.perf_counter() - begun
        chunks += len(split)
    whole = sum(seconds.values())
    print(json.dumps({"what": "data", "mb_per_second": megabytes / whole, "seconds": whole, "phases": seconds, "rows": rows,
                      "chunks": chunks, "num_proc": args.num_proc, "datasets": datasets.__version__,
                      "transformers": transformers.__version__}))


if __name__ == "__main__":
    main()
