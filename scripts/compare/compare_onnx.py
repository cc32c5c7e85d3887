#!/usr/bin/env python3
"""Compares exported ONNX files with Hugging Face transformers, computed by onnxruntime.

    PYTHON scripts/compare/compare_onnx.py BUILD MODEL [MODEL…] [--dtype f32|int8]

BUILD is a build folder that has the program tekio; MODEL a model's folder with its tokenizer. Each is exported in float32 and in eight bits, checked by
onnx.checker, and computed on sequences of several lengths, padded side by side and alone. Needs onnxruntime, onnx and transformers with torch.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy
import onnx
import onnxruntime
import torch
import transformers


def sequences(vocabulary, longest):
    """Some of all lengths that matter, of tokens from all over the vocabulary."""
    draw = numpy.random.default_rng(42)
    return [[list(draw.integers(5, vocabulary, min(length, longest))) for length in lengths] for lengths in ([7], [128, 3, 50], [1, 33], [longest])]


def compare(build, folder, dtype):
    config = transformers.AutoConfig.from_pretrained(folder)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with tempfile.TemporaryDirectory() as scratch:
        report = json.loads(subprocess.run([build / "tekio", "export", "--format", "onnx", folder, "--output_dir", f"{scratch}/out", "--dtype", dtype, "--json", "--quiet"],
                                           check=True, capture_output=True, text=True).stdout)
        onnx.checker.check_model(report["path"], full_check=True)
        session = onnxruntime.InferenceSession(report["path"], providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        worst = largest = agreeing = tokens = 0
        longest = config.max_position_embeddings - (config.pad_token_id + 1 if "roberta" in config.model_type or config.model_type == "camembert" else 0)
        for batch in sequences(config.vocab_size, min(longest, 600)):
            length = max(map(len, batch))
            ids = numpy.array([row + [config.pad_token_id or 0] * (length - len(row)) for row in batch])
            mask = numpy.array([[1] * len(row) + [0] * (length - len(row)) for row in batch])
            feed = {"input_ids": ids, "attention_mask": mask}
            if "token_type_ids" in names:
                feed["token_type_ids"] = numpy.zeros_like(ids)
            there = session.run(["logits"], feed)[0]
            with torch.no_grad():
                here = model(**{name: torch.from_numpy(value) for name, value in feed.items()}).logits.numpy()
            seen = mask.astype(bool)
            worst = max(worst, float(numpy.abs(there - here)[seen].max()))
            largest = max(largest, float(numpy.abs(here)[seen].max()))
            agreeing += int((there.argmax(-1) == here.argmax(-1))[seen].sum())
            tokens += int(seen.sum())
    print(f"{folder} {dtype}: largest difference of a logit {worst:.3g} (logits up to {largest:.3g}; tekio said {report['max_logit_difference']:.3g}), "
          f"same best token for {agreeing} of {tokens}; inputs {', '.join(names)}")
    return worst / (1 + largest) < (1e-4 if dtype == "f32" else 0.3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--dtype", choices=["f32", "int8"])
    arguments = parser.parse_args()
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
    good = [compare(arguments.build, folder, dtype) for folder in arguments.models for dtype in ([arguments.dtype] if arguments.dtype else ["f32", "int8"])]
    raise SystemExit(0 if all(good) else 1)


main()
