"""Makes tests/golden/parquet/: small Parquet and Arrow files of every codec, page version, encoding and type, and
expected.json: what pyarrow reads from them.

    PYTHON scripts/golden/make_parquet_golden.py [FOLDER]

expected.json: {FILE or FOLDER: {SPLIT: {"column": the text column's name or path, "texts": [text or null], "rows": [row]}}}.
Only the files that are about values have "rows". Files in `refused` are to be refused with these words.
"""
import datetime
import decimal
import json
import os
import pathlib
import shutil
import struct
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import pyarrow as pa
import pyarrow.parquet as pq

import arrow_json

TEXTS = ["A fine film.", "", "Naïve “quotes” — and a long dash", "two\nlines\tand a tab", "\"quoted\" \\ and /", "日本語の映画", "😀 and 🎬",
         "zero\u0000byte", "a longer review, which does not fit twelve bytes, so that views point into a buffer", "x" * 40, "A fine film.", "end"]


def table(texts, kind=pa.string()):
    column = pa.array(texts, pa.string()).cast(kind) if kind != pa.dictionary(pa.int32(), pa.string()) else \
        pa.array(texts, pa.string()).dictionary_encode()
    return pa.table({"text": column, "label": pa.array([i % 2 for i in range(len(texts))], pa.int64())})


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.expected, self.refused = {}, {}

    def expect(self, name, read, column="text", split="train", rows=False):
        at = read
        for i, key in enumerate(column.split(".") if column not in read.column_names else [column]):
            at = at.column(key) if i == 0 else pa.chunked_array([pa.array([None if v is None else v[key] for v in at.to_pylist()], pa.string())])
        entry = {"column": column, "texts": [arrow_json.value(v) for v in at]}
        if rows:
            entry["rows"] = arrow_json.rows(read)
        self.expected.setdefault(name, {})[split] = entry

    def parquet(self, name, made, column="text", rows=False, **options):
        pq.write_table(made, self.path / name, **options)
        self.expect(name, pq.read_table(self.path / name), column, rows=rows)

    def ipc(self, name, made, stream=False, rows=False, column="text", **options):
        new = pa.ipc.new_stream if stream else pa.ipc.new_file
        with new(str(self.path / name), made.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            for batch in made.to_batches(max_chunksize=5):
                writer.write_batch(batch)
        read = (pa.ipc.open_stream if stream else pa.ipc.open_file)(str(self.path / name)).read_all()
        self.expect(name, read, column, rows=rows)


def types_table():
    day = datetime.date(1969, 12, 31)
    moment = datetime.datetime(2024, 2, 29, 23, 59, 59, 123456)
    return pa.table({
        "text": ["a", "b", None],
        "int8": pa.array([-128, 127, None], pa.int8()),
        "uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
        "int64": pa.array([-2**63, 2**63 - 1, None], pa.int64()),
        "float32": pa.array([0.1, -1.5e30, None], pa.float32()),
        "float64": pa.array([0.1, float("nan"), float("inf")], pa.float64()),
        "half": pa.array([1.5, -0.000061, None], pa.float16()),
        "flag": [True, False, None],
        "day": pa.array([day, datetime.date(2024, 2, 29), None]),
        "moment": pa.array([moment, datetime.datetime(1, 1, 1), None], pa.timestamp("us")),
        "zoned": pa.array([moment, datetime.datetime(9999, 12, 31), None], pa.timestamp("ms", "Europe/Berlin")),
        "nano": pa.array([1, -1, None], pa.timestamp("ns")),
        "time": pa.array([datetime.time(23, 59, 59, 5), datetime.time(0), None], pa.time64("us")),
        "took": pa.array([5, -7, None], pa.duration("ms")),
        "price": pa.array([decimal.Decimal("12.30"), decimal.Decimal("-0.05"), None], pa.decimal128(10, 2)),
        "wide": pa.array([decimal.Decimal("1" * 50), decimal.Decimal("-1"), None], pa.decimal256(60, 0)),
        "bytes": pa.array([b"\x00\xff", b"", None], pa.binary()),
        "fixed": pa.array([b"abcd", b"\x00\x01\x02\x03", None], pa.binary(4)),
        "tags": [["x", None, "y"], [], None],
        "pair": pa.array([[1, 2], [3, None], None], pa.list_(pa.int32(), 2)),
        "deep": [{"a": {"b": [1, {}.get("x")], "c": "in"}}, {"a": None}, None],
        "map": pa.array([[("k", 1), ("l", None)], [], None], pa.map_(pa.string(), pa.int64())),
        "kind": pa.array(["red", "blue", None]).dictionary_encode(),
        "none": pa.nulls(3),
    })


def parquet_files(out):
    codecs = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
    for i, codec in enumerate(codecs):
        for version in ("1.0", "2.0"):
            out.parquet(f"{codec}-v{version[0]}.parquet", table(TEXTS), compression=codec, data_page_version=version,
                        use_dictionary=(i + int(version[0])) % 2 == 0, write_page_checksum=i % 2 == 0)
    for encoding in ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"):
        out.parquet(f"{encoding.lower()}.parquet", table(TEXTS), use_dictionary=False, column_encoding={"text": encoding, "label": "DELTA_BINARY_PACKED"})
    split = pa.table({"text": TEXTS[:3], "x": pa.array([1.5, 2.5, -1e9], pa.float32())})
    out.parquet("byte_stream_split.parquet", split, use_dictionary=False, column_encoding={"text": "PLAIN", "x": "BYTE_STREAM_SPLIT"}, rows=True)
    out.parquet("large_string.parquet", table(TEXTS, pa.large_string()))
    out.parquet("string_view.parquet", table(TEXTS, pa.string_view()))
    out.parquet("dictionary.parquet", table(TEXTS, pa.dictionary(pa.int32(), pa.string())))
    out.parquet("nulls.parquet", table([None if i % 3 == 1 else text for i, text in enumerate(TEXTS)]))
    out.parquet("all_null.parquet", pa.table({"text": pa.array([None] * 4, pa.string())}))
    out.parquet("groups.parquet", table(TEXTS), row_group_size=1)
    out.parquet("pages.parquet", table(TEXTS), use_dictionary=False, data_page_size=32, write_batch_size=1)
    out.parquet("empty.parquet", table([]))
    pq.ParquetWriter(out.path / "no_group.parquet", table([]).schema).close()
    out.expect("no_group.parquet", table([]))
    nested = [None if i == 2 else {"text": None if i == 3 else text, "n": i} for i, text in enumerate(TEXTS)]
    out.parquet("nested.parquet", pa.table({"id": list(range(len(TEXTS))), "note": nested}), column="note.text", rows=True)
    out.parquet("dotted.parquet", pa.table({"a.b": TEXTS, "a": [{"b": "not this"}] * len(TEXTS)}), column="a.b")
    out.parquet("types.parquet", types_table(), rows=True)
    many = pa.table({"text": [f"row {i}" for i in range(30_000)]})  # more than are decoded at once; the test knows their texts
    pq.write_table(many, out.path / "many.parquet", compression="zstd", use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")
    with pa.ipc.new_stream(str(out.path / "many.arrow"), many.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(many.slice(0, 6_000))


def arrow_files(out):
    for stream in (False, True):
        form = "stream" if stream else "file"
        out.ipc(f"{form}.arrow", table(TEXTS), stream)
        for codec in ("lz4", "zstd"):
            out.ipc(f"{form}-{codec}.arrow", table(TEXTS, pa.large_string()), stream, compression=codec)
        out.ipc(f"{form}-view.arrow", table(TEXTS, pa.string_view()), stream)
        out.ipc(f"{form}-empty.arrow", table([]), stream)
        parts = [pa.RecordBatch.from_arrays([pa.array(part).dictionary_encode()], ["text"]) for part in (TEXTS[:6], TEXTS[6:])]
        dictionary = pa.table({"text": pa.chunked_array([part.column(0) for part in parts])})
        out.ipc(f"{form}-dictionary.arrow", dictionary if stream else dictionary.unify_dictionaries(), stream)
        out.ipc(f"{form}-types.arrow", types_table(), stream, rows=True)


def saved_folders(out):
    import datasets
    datasets.disable_progress_bars()
    one = datasets.Dataset.from_dict({"text": TEXTS, "label": list(range(len(TEXTS)))})
    one.save_to_disk(out.path / "saved", num_shards=3)
    out.expect("saved", one.data.table)
    parts = datasets.DatasetDict({"train": one.select(range(5)), "test": one.select(range(5, 12)), "extra": one.select([0, 0, 3])})
    parts.save_to_disk(out.path / "saved_dict")
    for split, part in parts.items():
        out.expect("saved_dict", part.flatten_indices().data.table, split=split)
    for path in out.path.rglob("state.json"):  # the fingerprint is drawn anew
        state = json.loads(path.read_text())
        state["_fingerprint"] = "0123456789abcdef"
        path.write_text(json.dumps(state, indent=2, sort_keys=True))


def refused_files(out):
    def write(name, made, *words, **options):
        pq.write_table(made, out.path / name, **options)
        out.refused[name] = list(words)
    write("list.parquet", pa.table({"text": [["a", "b"], ["c"]]}), "lists of strings", "text")
    write("binary.parquet", pa.table({"text": pa.array([b"a", b"b"], pa.binary())}), "binary", "text")
    write("numbers.parquet", pa.table({"id": [1, 2], "score": [0.5, 1.5]}), "no column holds text", "int64")
    write("two.parquet", pa.table({"title": ["a", "b"], "body": ["longer text", "and more"]}), "text_column body")
    bad = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb"))
    write("not_utf8.parquet", pa.table({"text": bad}), "row 2", "UTF-8")
    sound = (out.path / "file.arrow").read_bytes()
    (out.path / "other_footer.arrow").write_bytes(sound.replace(b"text", b"test", 1))  # the schema, not the footer
    out.refused["other_footer.arrow"] = ["not those of its footer"]
    (out.path / "no_head.arrow").write_bytes(without_heads((out.path / "stream.arrow").read_bytes()))
    out.refused["no_head.arrow"] = ["a record batch has -1 rows"]


def without_heads(stream):
    """An Arrow stream whose messages after the schema say what they are, and hold nothing: a flatbuffer's field is absent
    where its place in the table of fields is 0."""
    made, at = bytearray(stream), 0
    while at + 8 < len(made):
        size, root = struct.unpack_from("<iI", made, at + 4)
        if size == 0:
            break
        table = at + 8 + root
        fields = table - struct.unpack_from("<i", made, table)[0]
        has_body = struct.unpack_from("<H", made, fields)[0] > 10  # the fourth field: bytes of the body
        body = struct.unpack_from("<q", made, table + struct.unpack_from("<H", made, fields + 10)[0])[0] if has_body else 0
        if at > 0:
            struct.pack_into("<H", made, fields + 8, 0)  # the third field: the head
        at += 8 + size + body
    return bytes(made)


def main():
    out = Folder(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/parquet")
    shutil.rmtree(out.path, ignore_errors=True)
    out.path.mkdir(parents=True)
    parquet_files(out)
    arrow_files(out)
    saved_folders(out)
    refused_files(out)
    text = json.dumps({"files": out.expected, "refused": out.refused}, ensure_ascii=False, indent=1)
    (out.path / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
