#!/usr/bin/env python3
"""Compares exported ONNX files with Hugging Face transformers, computed by onnxruntime.

    PYTHON scripts/compare/compare_onnx.py BUILD MODEL [MODEL…] [--dtype f32|int8] [--data FILE [--chunks 64]]

BUILD is a build folder that has the program tekio; MODEL a model's folder with its tokenizer. Each is exported in float32 and in eight bits, checked by
onnx.checker, and computed on sequences of several lengths, padded side by side and alone. With a text file also so many chunks of 128 tokens, masked by the reference's
collator: the perplexity by transformers, and by onnxruntime. Beside eight bits stands what onnxruntime's quantize_dynamic, with a scale a channel, makes of the
float32 file. Needs onnxruntime, onnx and transformers with torch.
"""
import argparse
import json
import math
import pathlib
import subprocess
import tempfile

import numpy
import onnx
import onnxruntime
import torch
import transformers
from onnxruntime import quantization


def sequences(vocabulary, longest):
    """Some of all lengths that matter, of tokens from all over the vocabulary."""
    draw = numpy.random.default_rng(42)
    return [[list(draw.integers(5, vocabulary, min(length, longest))) for length in lengths] for lengths in ([7], [128, 3, 50], [1, 33], [longest])]


def masked_chunks(folder, data, count, size=128):
    """(input_ids, labels) of chunks of the text, masked with seed 42."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = [each for line in data.read_text(encoding="utf-8").splitlines() if line.strip() for each in tokenizer(line.strip())["input_ids"]][: count * size]
    collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15, seed=42)
    batch = collator([{"input_ids": ids[i : i + size]} for i in range(0, len(ids) - size + 1, size)])
    return batch["input_ids"].numpy(), batch["labels"].numpy()


def perplexity(logits_of, ids, labels):
    """Of what is masked; 16 chunks at a time."""
    total = count = 0
    for begin in range(0, len(ids), 16):
        wanted = labels[begin : begin + 16]
        logits = logits_of(ids[begin : begin + 16])[wanted != -100].astype(numpy.float64)
        logits -= logits.max(-1, keepdims=True)
        picked = logits[numpy.arange(len(logits)), wanted[wanted != -100]]
        total += float((numpy.log(numpy.exp(logits).sum(-1)) - picked).sum())
        count += len(picked)
    return math.exp(total / count)


def export(build, folder, dtype, out):
    """What `tekio export --json` prints."""
    command = [build / "tekio", "export", "--format", "onnx", folder, "--output_dir", out, "--dtype", dtype, "--json", "--quiet"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def open_session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def distance(session, model):
    """(largest difference of a logit, largest logit, tokens with the same best token, tokens) of a file and a model by torch, over sequences()."""
    config = model.config
    worst = largest = agreeing = tokens = 0
    longest = config.max_position_embeddings - (config.pad_token_id + 1 if "roberta" in config.model_type or config.model_type == "camembert" else 0)
    for batch in sequences(config.vocab_size, min(longest, 600)):
        length = max(map(len, batch))
        ids = numpy.array([row + [config.pad_token_id or 0] * (length - len(row)) for row in batch])
        mask = numpy.array([[1] * len(row) + [0] * (length - len(row)) for row in batch])
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in [entry.name for entry in session.get_inputs()]:
            feed["token_type_ids"] = numpy.zeros_like(ids)
        there = session.run(["logits"], feed)[0]
        with torch.no_grad():
            here = model(**{name: torch.from_numpy(value) for name, value in feed.items()}).logits.numpy()
        seen = mask.astype(bool)
        worst = max(worst, float(numpy.abs(there - here)[seen].max()))
        largest = max(largest, float(numpy.abs(here)[seen].max()))
        agreeing += int((there.argmax(-1) == here.argmax(-1))[seen].sum())
        tokens += int(seen.sum())
    return worst, largest, agreeing, tokens


def compare(build, folder, dtype, data, chunks):
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with tempfile.TemporaryDirectory() as scratch:
        report = export(build, folder, dtype, f"{scratch}/out")
        onnx.checker.check_model(report["path"], full_check=True)
        session = open_session(report["path"])
        names = [entry.name for entry in session.get_inputs()]
        worst, largest, agreeing, tokens = distance(session, model)
        beside = ""
        if dtype == "int8":
            quantization.quantize_dynamic(export(build, folder, "f32", f"{scratch}/f32")["path"], f"{scratch}/theirs.onnx", per_channel=True)
            theirs = distance(open_session(f"{scratch}/theirs.onnx"), model)
            beside = f"; by quantize_dynamic {theirs[0]:.3g}, the same for {theirs[2]}"
        drift = ""
        if data:
            def with_types(ids):
                feed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids)}
                return {**feed, "token_type_ids": numpy.zeros_like(ids)} if "token_type_ids" in names else feed

            def by_torch(ids):
                with torch.no_grad():
                    return model(**{name: torch.from_numpy(value) for name, value in with_types(ids).items()}).logits.numpy()

            ids, labels = masked_chunks(folder, data, chunks)
            before, after = (perplexity(by, ids, labels) for by in (by_torch, lambda ids: session.run(["logits"], with_types(ids))[0]))
            drift = f"; perplexity of {len(ids)} chunks {before:.4f} by transformers, {after:.4f} by onnxruntime ({100 * (after / before - 1):+.4f} %)"
    print(f"{folder} {dtype}: largest difference of a logit {worst:.3g} (logits up to {largest:.3g}; tekio said {report['max_logit_difference']:.3g}), "
          f"same best token for {agreeing} of {tokens}{beside}; inputs {', '.join(names)}{drift}", flush=True)
    return worst / (1 + largest) < (1e-4 if dtype == "f32" else 0.3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--dtype", choices=["f32", "int8"])
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--chunks", type=int, default=64)
    arguments = parser.parse_args()
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
    good = [compare(arguments.build, folder, dtype, arguments.data, arguments.chunks) for folder in arguments.models for dtype in ([arguments.dtype] if arguments.dtype else ["f32", "int8"])]
    raise SystemExit(0 if all(good) else 1)


main()
