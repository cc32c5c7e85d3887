"""The reference's side of a data set: texts of .txt and .jsonl files (also .gz and .zst) and of .parquet, split by split."""
import gzip
import io
import json
import sys


def add_arguments(parser):
    parser.add_argument("--split", nargs="+", action="append", required=True, metavar="FILE", help="the files of one split")
    parser.add_argument("--column", default="text", help="column of the text; else the first that holds one")
    parser.add_argument("--tokenizer", required=True, help="folder")


def lines(path):
    raw = open(path, "rb")
    if path.endswith(".zst"):
        import zstandard
        raw = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    elif path.endswith(".gz"):
        raw = gzip.GzipFile(fileobj=raw)
    return io.TextIOWrapper(raw, encoding="utf-8")


def texts_of(path, column):
    name = path.removesuffix(".zst").removesuffix(".gz")
    if name.endswith(".txt"):
        return [line.rstrip("\n") for line in lines(path)]
    if name.endswith(".parquet"):
        import pyarrow.parquet
        return pyarrow.parquet.read_table(path, columns=[column])[column].to_pylist()
    if not name.endswith((".jsonl", ".json")):
        sys.exit(f"{path}: the comparison reads .txt, .jsonl (also .gz and .zst) and .parquet")
    rows = [json.loads(line) for line in lines(path)]
    if column not in rows[0]:
        column = next(key for key, value in rows[0].items() if isinstance(value, str))
    return [row[column] for row in rows]


def megabytes(texts):
    return sum(len(text.encode()) for text in texts) / 1e6
