#!/usr/bin/env python3
"""Makes share/tekio/tekio-small-uncased out of a run of `tekio pretrain`: weights rounded to bf16 (nearest, ties to even), the
tokenizer's files and the config as they are, but for the dropout that whoever trains on should have. Only Python is needed.

    python3 scripts/release/bundle_model.py RUN share/tekio/tekio-small-uncased [--dropout 0.1]
"""

import argparse
import array
import json
import pathlib
import shutil
import struct
import sys


def to_bf16(numbers: bytes) -> bytes:
    words = array.array("I", numbers)
    halves = array.array("H", (((w + 0x7FFF + ((w >> 16) & 1)) >> 16) & 0xFFFF for w in words))
    return halves.tobytes()


def rounded(source: pathlib.Path) -> bytes:
    data = source.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    entries, out = {"__metadata__": header.pop("__metadata__", {"format": "pt"})}, bytearray()
    for name, entry in sorted(header.items()):
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            sys.exit(f"bundle_model: {name} in {source} is {entry['dtype']}, expected F32 as tekio saves it")
        half = to_bf16(body[begin:end])
        entries[name] = {"dtype": "BF16", "shape": entry["shape"], "data_offsets": [len(out), len(out) + len(half)]}
        out += half
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + bytes(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dropout", type=float, default=0.1)
    arguments = parser.parse_args()
    weights = rounded(arguments.run / "model.safetensors")
    config = json.loads((arguments.run / "config.json").read_text())
    for rate in ("dropout", "attention_dropout"):
        config[rate] = arguments.dropout
    config.pop("torch_dtype", None)
    config["dtype"] = "bfloat16"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (arguments.folder / "model.safetensors").write_bytes(weights)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (arguments.run / name).exists():
            shutil.copyfile(arguments.run / name, arguments.folder / name)


if __name__ == "__main__":
    main()
