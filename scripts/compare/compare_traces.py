#!/usr/bin/env python3
"""Compares two runs step by step: `tekio adapt --trace` beside the reference stack's trace.

    compare_traces.py REFERENCE.jsonl TEKIO.jsonl [--losses N]

Both files hold a JSON line an update: {"step","loss","grad_norm","learning_rate","batches":[{"input_ids_crc32","labels_crc32","masked"}]}.
Prints one JSON document: how many batches' checksums are equal, and the largest differences. --losses N looks at the first N losses
only (a run with dropout drifts apart by rounding after some hundred steps). Exits 1 where a batch or a learning rate differs.
"""
import argparse
import json
import sys


def read(path):
    with open(path, encoding="utf-8") as lines:
        return {row["step"]: row for row in map(json.loads, lines)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference")
    parser.add_argument("tekio")
    parser.add_argument("--losses", type=int, default=0)
    options = parser.parse_args()
    ours, theirs = read(options.tekio), read(options.reference)
    steps = sorted(theirs)
    missing = [step for step in steps if step not in ours]
    steps = [step for step in steps if step in ours]
    batches = equal = 0
    for step in steps:
        for mine, reference in zip(ours[step]["batches"], theirs[step]["batches"], strict=True):
            batches += 1
            equal += mine == reference
    near = [step for step in steps if not options.losses or step <= options.losses]
    loss = max((abs(ours[step]["loss"] - theirs[step]["loss"]) for step in near), default=0)
    norm = max((abs(ours[step]["grad_norm"] / theirs[step]["grad_norm"] - 1) for step in near), default=0)
    rate = max((abs(ours[step]["learning_rate"] - theirs[step]["learning_rate"]) for step in steps), default=0)
    print(json.dumps({"steps": len(steps), "steps_missing": missing, "batches": batches, "batches_equal": equal, "losses_compared": len(near),
                      "largest_loss_difference": loss, "largest_grad_norm_difference_relative": norm, "largest_learning_rate_difference": rate}))
    return 1 if missing or equal != batches or rate > 1e-12 else 0


if __name__ == "__main__":
    sys.exit(main())
