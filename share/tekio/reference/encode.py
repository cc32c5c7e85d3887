"""The tokenizers crate on texts in memory, special tokens included. Prints one line of JSON; `tekio bench tokenize` runs it.

    PYTHON encode.py --split FILE… --tokenizer FOLDER [--threads 1] [--column text]
"""
import argparse
import json
import os
import statistics
import time

import texts as source

REPEATS, BATCH = 3, 1000


def main():
    parser = argparse.ArgumentParser()
    source.add_arguments(parser)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if args.threads > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    import tokenizers
    import transformers
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.tokenizer).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [text for files in args.split for file in files for text in source.texts_of(file, args.column)]

    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        tokens = 0
        for first in range(0, len(texts), BATCH):
            tokens += sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts[first:first + BATCH]))
        seconds.append(time.perf_counter() - begun)
    each = statistics.median(seconds)
    print(json.dumps({"what": "tokenize", "mb_per_second": source.megabytes(texts) / each, "tokens_per_second": tokens / each,
                      "seconds": each, "texts": len(texts), "tokens": tokens, "threads": args.threads,
                      "tokenizers": tokenizers.__version__}))


if __name__ == "__main__":
    main()
