#!/usr/bin/env python3
"""Makes examples/tiny-model: a small DistilBERT with random weights and a WordPiece vocabulary, for tests and examples.
Needs nothing but Python and the licence texts of a Debian 12 system; the same text gives the same bytes.

    python3 scripts/golden/make_tiny_model.py [OUT]

The vocabulary: characters first, then the most frequent pair of pieces is joined again and again (ties: the alphabetically
first pair), words cut as BERT cuts them. The weights: normal(0, 0.02) matrices, zero biases, unit norms, as DistilBERT is
initialised, rounded to 16 bits so that the file stays small.
"""

import collections
import json
import pathlib
import random
import re
import struct
import sys

VOCABULARY, WIDTH, INNER, LAYERS, HEADS, POSITIONS = 2048, 96, 384, 2, 4, 128
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def licences() -> str:
    """All but MPL-2.0, one paragraph a line."""
    files = [f for f in sorted(pathlib.Path("/usr/share/common-licenses").iterdir()) if not f.is_symlink() and f.name != "MPL-2.0"]
    paragraphs = []
    for file in files:
        for paragraph in re.split(r"\n{2,}", file.read_text(encoding="utf-8", errors="replace")):
            paragraphs.append(re.sub(r"[ \t\n\f\r\v]+", " ", paragraph).removeprefix(" "))
    return "".join(p + "\n" for p in paragraphs if len(p) > 20)


def train_vocabulary(text: str, size: int) -> list[str]:
    counts = collections.Counter(re.findall(r"\w+|[^\w\s]", text.lower()))
    words = [([word[0]] + ["##" + c for c in word[1:]], count) for word, count in sorted(counts.items())]
    vocabulary = SPECIAL + sorted({piece for pieces, _ in words for piece in pieces})
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for number, (pieces, count) in enumerate(words):
        for pair in zip(pieces, pieces[1:]):
            pairs[pair] += count
            where[pair].add(number)
    known = set(vocabulary)
    while len(vocabulary) < size and pairs:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        joined = best[0] + best[1].removeprefix("##")
        if joined not in known:
            vocabulary.append(joined)
            known.add(joined)
        for number in sorted(where[best]):
            pieces, count = words[number]
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] -= count
                if pairs[pair] <= 0:
                    del pairs[pair]
            i = 0
            while i + 1 < len(pieces):
                if (pieces[i], pieces[i + 1]) == best:
                    pieces[i : i + 2] = [joined]
                i += 1
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += count
                where[pair].add(number)
        pairs.pop(best, None)
    return vocabulary


def tensors():
    """Name, shape and how it is initialised, in the reference's order. The head's matrix is the word embedding: not repeated."""
    matrix, zeros, ones = "matrix", "zeros", "ones"
    yield "distilbert.embeddings.word_embeddings.weight", (VOCABULARY, WIDTH), matrix
    yield "distilbert.embeddings.position_embeddings.weight", (POSITIONS, WIDTH), matrix
    yield "distilbert.embeddings.LayerNorm.weight", (WIDTH,), ones
    yield "distilbert.embeddings.LayerNorm.bias", (WIDTH,), zeros
    for layer in range(LAYERS):
        at = f"distilbert.transformer.layer.{layer}."
        for name in ("q_lin", "k_lin", "v_lin", "out_lin"):
            yield f"{at}attention.{name}.weight", (WIDTH, WIDTH), matrix
            yield f"{at}attention.{name}.bias", (WIDTH,), zeros
        yield at + "sa_layer_norm.weight", (WIDTH,), ones
        yield at + "sa_layer_norm.bias", (WIDTH,), zeros
        yield at + "ffn.lin1.weight", (INNER, WIDTH), matrix
        yield at + "ffn.lin1.bias", (INNER,), zeros
        yield at + "ffn.lin2.weight", (WIDTH, INNER), matrix
        yield at + "ffn.lin2.bias", (WIDTH,), zeros
        yield at + "output_layer_norm.weight", (WIDTH,), ones
        yield at + "output_layer_norm.bias", (WIDTH,), zeros
    yield "vocab_transform.weight", (WIDTH, WIDTH), matrix
    yield "vocab_transform.bias", (WIDTH,), zeros
    yield "vocab_layer_norm.weight", (WIDTH,), ones
    yield "vocab_layer_norm.bias", (WIDTH,), zeros
    yield "vocab_projector.bias", (VOCABULARY,), zeros


def weights_file() -> bytes:
    generator = random.Random(42)
    header, body = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, shape, kind in tensors():
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        if kind == "matrix":
            values = [generator.gauss(0, 0.02) for _ in range(count)]
            if name.endswith("word_embeddings.weight"):
                values[:WIDTH] = [0.0] * WIDTH  # the padding token's row
        else:
            values = [1.0 if kind == "ones" else 0.0] * count
        begin = len(body)
        body += struct.pack(f"<{count}e", *values)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, len(body)]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + bytes(body)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "examples/tiny-model"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = train_vocabulary(licences(), VOCABULARY)
    if len(vocabulary) != VOCABULARY:
        sys.exit(f"make_tiny_model: the licences give {len(vocabulary)} pieces, {VOCABULARY} are wanted: more text is needed")
    config = {
        "activation": "gelu", "architectures": ["DistilBertForMaskedLM"], "attention_dropout": 0.1, "dim": WIDTH, "dropout": 0.1,
        "hidden_dim": INNER, "initializer_range": 0.02, "max_position_embeddings": POSITIONS, "model_type": "distilbert",
        "n_heads": HEADS, "n_layers": LAYERS, "pad_token_id": 0, "sinusoidal_pos_embds": False, "tie_weights_": True,
        "vocab_size": VOCABULARY,
    }
    tokenizer = {
        "tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "model_max_length": POSITIONS, "strip_accents": None,
        "tokenize_chinese_chars": True, "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in vocabulary), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2, sort_keys=True) + "\n")
    (folder / "model.safetensors").write_bytes(weights_file())


if __name__ == "__main__":
    main()
