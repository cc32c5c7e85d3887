#!/usr/bin/env python3
"""Holds what Tekio reads from Parquet and Arrow files beside what pyarrow reads: files of random tables, written with random
options of pyarrow's writers, row by row and value by value.

    PYTHON scripts/compare/compare_parquet.py TEKIO [--files 1000] [--seed 1] [--keep FOLDER]

Every fifth file is an Arrow IPC file or stream. Prints what was compared and the first differences; fails if there is one.
"""
import argparse
import datetime
import decimal
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import arrow_json

CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
WORDS = ["film", "Ärger", "日本", "😀", "\"", "\\", "\n", "\t", " ", "a" * 13, "fine", "", "\x01", "/"]


def text(draw):
    return " ".join(draw.choice(WORDS) for _ in range(draw.choice([0, 1, 3, 8, 40])))


def moment(draw):
    return datetime.datetime(1900, 1, 1) + datetime.timedelta(seconds=draw.randrange(6 * 10**9), microseconds=draw.randrange(10**6))


LEAVES = [
    (pa.string(), text), (pa.large_string(), text), (pa.string_view(), text),
    (pa.int8(), lambda d: d.randrange(-128, 128)), (pa.uint16(), lambda d: d.randrange(2**16)), (pa.int32(), lambda d: d.randrange(-2**31, 2**31)),
    (pa.int64(), lambda d: d.randrange(-2**63, 2**63)), (pa.uint64(), lambda d: d.randrange(2**64)),
    (pa.float16(), lambda d: d.choice([1.5, -6e-8, 65504.0, d.random()])), (pa.float32(), lambda d: d.choice([0.1, -1e30, float("nan"), d.random()])), (pa.float64(), lambda d: d.choice([1e-300, float("inf"), d.random(), 3.0])),
    (pa.bool_(), lambda d: d.random() < 0.5), (pa.date32(), lambda d: moment(d).date()), (pa.timestamp("us"), moment), (pa.timestamp("ms", "UTC"), lambda d: moment(d).replace(microsecond=5000)),
    (pa.timestamp("ns"), lambda d: moment(d)), (pa.time64("us"), lambda d: moment(d).time()), (pa.time32("ms"), lambda d: moment(d).time().replace(microsecond=0)),
    (pa.duration("us"), lambda d: datetime.timedelta(microseconds=d.randrange(10**15))),
    (pa.decimal128(20, 4), lambda d: decimal.Decimal(d.randrange(-10**12, 10**12)).scaleb(-4)), (pa.decimal256(60, 10), lambda d: decimal.Decimal(d.randrange(-10**25, 10**25)).scaleb(-10)),
    (pa.binary(), lambda d: d.randbytes(d.randrange(9))), (pa.binary(5), lambda d: d.randbytes(5)), (pa.large_binary(), lambda d: d.randbytes(d.randrange(20))),
]


def kind(draw, depth=0):
    """A type and a maker of its values."""
    choice = draw.random()
    if depth < 3 and choice < 0.1:
        inner, make = kind(draw, depth + 1)
        made = draw.choice([pa.list_, pa.large_list])(inner)
        return made, lambda d: [null_or(d, make) for _ in range(d.randrange(4))]
    if depth < 3 and choice < 0.2:
        fields = [(f"f{i}", *kind(draw, depth + 1)) for i in range(draw.randrange(1, 4))]
        return pa.struct([(name, inner) for name, inner, _ in fields]), lambda d: {name: null_or(d, make) for name, _, make in fields}
    if depth < 2 and choice < 0.24:
        inner, make = kind(draw, depth + 1)
        return pa.map_(pa.string(), inner), lambda d: [(text(d) + str(i), null_or(d, make)) for i in range(d.randrange(3))]
    if choice < 0.28:
        inner, make = draw.choice(LEAVES[3:8])
        return pa.list_(inner, 2), lambda d: [null_or(d, make), make(d)]
    return draw.choice(LEAVES)


def null_or(draw, make, share=0.15):
    return None if draw.random() < share else make(draw)


def random_table(draw):
    rows = draw.choice([0, 1, 2, 7, 40, 300, 300, 2500])
    names = [f"c{i}" for i in range(draw.randrange(1, 6))]
    arrays = []
    for _ in names:
        made, make = kind(draw)
        share = draw.choice([0, 0.1, 0.9])
        few = [null_or(draw, make, share) for _ in range(10)] if draw.random() < 0.3 else None
        array = pa.array([draw.choice(few) if few else null_or(draw, make, share) for _ in range(rows)], made)
        if pa.types.is_string(made) and draw.random() < 0.3:
            array = array.dictionary_encode()
        arrays.append(array)
    return pa.table(arrays, names)


def write_parquet(draw, table, path):
    dictionary = draw.choice([True, False, table.column_names[:1]])
    options = {
        "compression": draw.choice(CODECS), "version": draw.choice(["1.0", "2.4", "2.6"]), "data_page_version": draw.choice(["1.0", "2.0"]),
        "use_dictionary": dictionary, "write_statistics": draw.random() < 0.7, "data_page_size": draw.choice([None, 16, 200, 4096]),
        "row_group_size": draw.choice([None, 1 if table.num_rows < 50 else 100, 37, 1000]), "write_page_index": draw.random() < 0.3,
        "write_page_checksum": draw.random() < 0.4, "store_schema": draw.random() < 0.7, "dictionary_pagesize_limit": draw.choice([None, 50]),
        "write_batch_size": draw.choice([None, 1, 10]), "use_compliant_nested_type": draw.random() < 0.7, "store_decimal_as_integer": draw.random() < 0.3,
    }
    if dictionary is False:
        encodings = {}
        for field in table.schema:
            if pa.types.is_string(field.type) or pa.types.is_binary(field.type) or pa.types.is_large_string(field.type):
                encodings[field.name] = draw.choice(["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
            elif pa.types.is_int32(field.type) or pa.types.is_int64(field.type):
                encodings[field.name] = draw.choice(["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"])
            elif pa.types.is_float32(field.type) or pa.types.is_float64(field.type):
                encodings[field.name] = draw.choice(["PLAIN", "BYTE_STREAM_SPLIT"])
            elif pa.types.is_boolean(field.type):
                encodings[field.name] = draw.choice(["PLAIN", "RLE"])
        options["column_encoding"] = encodings or None
    pq.write_table(table, path, **options)
    return pq.read_table(path), options


def write_ipc(draw, table, path):
    stream = draw.random() < 0.5
    compression = draw.choice([None, "lz4", "zstd"])
    size = draw.choice([None, 1 if table.num_rows < 50 else 100, 33])
    # Schemas with dictionaries in nested columns are written as they are.
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=size)
    return (pa.ipc.open_stream if stream else pa.ipc.open_file)(str(path)).read_all(), {"ipc": "stream" if stream else "file", "compression": compression, "size": size}


def compare(tekio, path, expected):
    """What differs, or None."""
    run = subprocess.run([tekio, "data", "head", str(path), "-n", "1000000", "--json"], capture_output=True, text=True)
    if run.returncode != 0:
        return f"exit code {run.returncode}: {run.stderr.strip()}"
    shown, wanted = json.loads(run.stdout), arrow_json.rows(expected)
    if len(shown) != len(wanted):
        return f"{len(shown)} rows, expected {len(wanted)}"
    for i, (a, b) in enumerate(zip(shown, wanted)):
        for name in b:
            if list(a) != list(b) or not arrow_json.equal(a[name], b[name]):
                return f"row {i}, column {name} of type {expected.schema.field(name).type}: {a.get(name)!r}, expected {b[name]!r}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tekio")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="differing files are left here")
    args = parser.parse_args()
    draw = random.Random(args.seed)
    differing = rows = unwritten = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.files):
            ipc = i % 5 == 4
            path = pathlib.Path(folder) / f"{i}.{'arrow' if ipc else 'parquet'}"
            while True:  # not every type can be written with every option
                table = random_table(draw)
                try:
                    expected, options = (write_ipc if ipc else write_parquet)(draw, table, path)
                    break
                except (pa.ArrowException, OSError):
                    unwritten += 1
            wrong = compare(args.tekio, path, expected)
            rows += expected.num_rows
            if wrong:
                differing += 1
                print(f"{path.name}: {wrong}\n  {options}")
                if args.keep:
                    path.rename(pathlib.Path(args.keep) / path.name)
            path.unlink(missing_ok=True)
    print(f"compare_parquet: {args.files} files, {rows} rows, {differing} differ (pyarrow {pa.__version__}, seed {args.seed}; "
          f"{unwritten} tables that pyarrow does not write were drawn anew)")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
