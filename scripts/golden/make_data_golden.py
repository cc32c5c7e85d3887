"""Makes tests/golden/data/readers.json: what the reference stack's loaders read from nasty little files.

    PYTHON scripts/golden/make_data_golden.py [OUT.json]

Each case: {"kind", "bytes" (base64), "rows": a list of rows, or null where the reference refuses}. CSV is read with pandas, as the csv
loader does, but with dtype=str and keep_default_na=False: text stays text there. Random cases come from a fixed seed.
"""
import base64, json, os, pathlib, random, sys, tempfile
import pandas

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="tekio-goldens-")
import datasets

datasets.disable_progress_bars()
datasets.logging.set_verbosity(datasets.logging.CRITICAL)

CASES = {
    "txt": [
        b"", b"\n", b"a", b"a\n", b"a\n\nb\n", b"a\r\nb\r\n", b"a\rb\r", b"a\r\r\nb", b"\r", b"\n\r", b"  a \n\t\n", "x\u2028y\x0bz\x0cw\x85v\n".encode(),
        b"\xef\xbb\xbfa\nb", "\u00e9\n\U0001f600\r\u4e2d".encode(), b"a\x00b\nc", b"a\xff\n", b"\xed\xa0\x80\n", b"\n\n\n",
    ],
    "jsonl": [
        b'{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n', b'{"text": "a"}\n\n  \n{"text": "b"}', b'\xef\xbb\xbf{"text": "a"}\n',
        b'{"text": "a"}\r\n{"text": "b"}\r\n', b'[{"text": "a"}, {"text": "b"}]', b'["a", "b"]', b'\n [\n{"text": "a,]}\\""},\n{"text": "b"}\n]\n',
        b'{"text": "a", "x": null}\n{"text": "b", "y": 2}\n', b'{"text": "\\u00e9\\n\\ud83d\\ude00"}\n', b'{"text": "a", "n": {"k": [1, 2.5, true]}}\n',
        b'{"text": "a"}\nnot json\n', b'{"text": "a"} {"text": "b"}\n', b'{"text": "a"', b'[{"text": "a"}', b'[{"text": "a"},]', b"[]", b'{"text": "\xff"}\n',
        b'{"a": 1, "b": "x", "text": "y"}\n',
    ],
    "csv": [
        b"text,label\na,1\nb,0\n", b'text,label\n"a, b",1\n"say ""hi""",0\n', b'text,label\n"two\nlines",1\r\n"a\r\nb",2\r\n', b"text\na\n\nb\n", b"text,label\na\nb,1\n",
        b"text,label\na,1,2\n", b'text\n"a"b\n', b'text\na"b"\n', b'text\n"a', b"text,text,\na,b,c\n", b"\xef\xbb\xbftext,label\na,1\n", b"text,label\r\na,1\rb,2\n",
        b"text\nNA\nnull\n\"\"\nNone\n", b"text,label\n,1\na,\n", b"text,label\n a , 1 \n", "text\n\u00e9\U0001f600\n".encode(), b"text\n\xff\n", b"a,text\n1,x\n",
    ],
}


def random_texts(count):
    draw = random.Random(7)
    for _ in range(count):
        yield "".join(draw.choice("ab \n\r\t\u00e9\u2028") for _ in range(draw.randint(1, 40))).encode()


def random_tables(count):
    """Three columns; fields raw or quoted, with quotes, commas and line ends inside; a tail after a closing quote; short rows; all line ends."""
    draw = random.Random(8)

    def some(alphabet, most):
        return "".join(draw.choice(alphabet) for _ in range(draw.randint(0, most)))

    def field():
        if draw.random() < 0.5:
            return draw.choice("ab") + some('ab "', 4)
        return '"' + some('ab, \n\r"', 6).replace('"', '""') + '"' + (some('ab "', 2) if draw.random() < 0.2 else "")

    for _ in range(count):
        rows = [[field() for _ in range(3 if number == 0 else draw.randint(1, 3))] for number in range(draw.randint(1, 6))]
        text = "x,y,z" + draw.choice(["\n", "\r\n", "\r"])
        for row in rows:
            text += ",".join(row) + draw.choice(["\n", "\r\n", "\r", "\n\n"])
        yield text.encode()


def read(kind, content, folder, number):
    path = os.path.join(folder, f"{number}.{kind}")
    with open(path, "wb") as f:
        f.write(content)
    try:
        if kind == "csv":
            table = pandas.read_csv(path, dtype=str, keep_default_na=False)
            return [{k: v if isinstance(v, str) else None for k, v in row.items()} for row in table.to_dict("records")]
        return list(datasets.load_dataset({"txt": "text", "jsonl": "json"}[kind], data_files=path, split="train"))
    except Exception:
        return None


with tempfile.TemporaryDirectory() as folder:
    out = []
    for kind, contents in CASES.items():
        contents = contents + list({"txt": random_texts, "csv": random_tables}.get(kind, lambda count: [])(60))
        for number, content in enumerate(contents):
            out.append({"kind": kind, "bytes": base64.b64encode(content).decode(), "rows": read(kind, content, folder, f"{kind}{number}")})
path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/data/readers.json"
with open(path, "w", encoding="utf-8") as f:
    f.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in out) + "\n]\n")
