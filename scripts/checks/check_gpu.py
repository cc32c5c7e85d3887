#!/usr/bin/env python3
"""What must hold, and what is to be measured, on a machine with an NVIDIA GPU: the tests that skip elsewhere, the same again under
compute-sanitizer, 50 updates beside the processor's, and steps of growing batches.

    python3 scripts/checks/check_gpu.py BUILD [--reference PYTHON] [--quick]

BUILD is a build folder with its tests. --reference: a Python with the reference stack, run in alternation at batch 64. --quick
leaves out compute-sanitizer. Exit code 1 if something did not hold; the table at the end tells what.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

CURVE_STEPS, BATCHES = 50, (16, 64, 128, 256, 512)
# Odd shapes of every kernel, small enough for a tool that makes them a hundred times slower.
SANITIZED = ":".join(f"cuda*/CudaTest.*{case}*" for case in (
    "_n7_", "_n8_", "_n17_", "_n50_", "_n131_", "embed_n13_", "gather_rows_n9_", "softmax_rows_", "squared_norm_n1_", "adamw_n1_", "linear_n130_"))


class Checks:
    def __init__(self, build):
        self.build, self.outcomes = build, []

    def run(self, name, command, environment=None, limit=600):
        """Runs a command, keeps its outcome, and returns what it printed."""
        begun = time.monotonic()
        try:
            done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=limit)
            ok, output = done.returncode == 0, done.stdout + done.stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            ok, output = False, str(error)
        self.tell(name, ok, f"{time.monotonic() - begun:.0f} s")
        if not ok:
            print(output[-4000:])
        return output

    def tell(self, name, ok, words):
        self.outcomes.append((name, ok))
        print(f"{'ok    ' if ok else 'WRONG '} {name}: {words}", flush=True)

    def program(self, *arguments):
        return [str(self.build / "tekio"), *arguments]


def losses(run):
    with open(run / "metrics.jsonl", encoding="utf-8") as file:
        return [json.loads(line)["loss"] for line in file]


def tests(checks, sanitize):
    for room in ("compute", "model", "train"):
        test = str(checks.build / "tests" / room / f"tekio_{room}_test")
        output = checks.run(f"{room}'s tests on cuda", [test, "--gtest_filter=*cuda*:Cuda*"])
        if "no usable GPU" in output:
            sys.exit("check_gpu: there is no usable GPU here, or the build has no CUDA (tekio doctor says which)")
    if not sanitize:
        return
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    test = str(checks.build / "tests" / "compute" / "tekio_compute_test")
    for kind in ("memcheck", "racecheck", "initcheck", "synccheck"):
        checks.run(f"compute-sanitizer {kind}", [tool, "--tool", kind, "--error-exitcode", "1", test, f"--gtest_filter={SANITIZED}"])


def curves(checks, folder):
    """The same updates on either device: the same masks and dropout, so the same losses but for rounding."""
    for name, device, dtype in (("cpu", "cpu", "f32"), ("cuda", "cuda", "f32"), ("cuda_bf16", "cuda", "bf16")):
        checks.run(f"{CURVE_STEPS} updates, {name}", checks.program(
            "adapt", "--model", str(checks.build / "share/tekio/tekio-small-uncased"), "--data", "cooking", "--device", device, "--dtype", dtype,
            "--max_steps", str(CURVE_STEPS), "--per_device_train_batch_size", "16", "--eval_strategy", "no", "--save_strategy", "no",
            "--output_dir", str(folder / name)))
    cpu = losses(folder / "cpu")
    for name, most in (("cuda", 1e-3), ("cuda_bf16", 2e-2)):
        worst = max(abs(a - b) / b for a, b in zip(losses(folder / name), cpu, strict=True))
        checks.tell(f"losses of {name} beside cpu's", worst <= most, f"{worst:.2g} apart at most, {most:g} allowed")


def speeds(checks, reference):
    rows = []
    for batch in BATCHES:
        output = checks.run(f"steps of {batch} x 128", checks.program("bench", "step", "--device", "cuda", "--per_device_train_batch_size",
                                                                      str(batch), "--max_steps", "20", "--json"))
        try:
            rows.append(json.loads(output[output.index("{"):output.rindex("}") + 1]))
        except ValueError:
            pass
    if reference:
        print(checks.run("beside the reference's best", checks.program("bench", "step", "--device", "cuda", "--compare_reference", reference,
                                                                       "--reference_mode", "bf16-compile", "--max_steps", "20", "--pairs", "3")))
    print(f"\n{'batch':>5} {'tokens/s':>12} {'TFLOP/s':>8} {'limit':>8} {'share':>7}   phases, ms a clocked step")
    for row in rows:
        phases = sorted(row["phases"].items(), key=lambda phase: -phase[1]["seconds"])
        print(f"{row['batch']:>5} {row['tokens_per_second']:>12,.0f} {row['gflops'] / 1000:>8.1f} {row['limit_gflops'] / 1000:>8.1f} "
              f"{100 * row['share_of_limit']:>5.1f} %   " + ", ".join(f"{name} {1000 * phase['seconds']:.2f}" for name, phase in phases))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--reference")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    checks = Checks(arguments.build.resolve())
    tests(checks, sanitize=not arguments.quick)
    with tempfile.TemporaryDirectory() as folder:
        curves(checks, pathlib.Path(folder))
    speeds(checks, arguments.reference)
    wrong = [name for name, ok in checks.outcomes if not ok]
    print(f"\n{len(checks.outcomes) - len(wrong)} of {len(checks.outcomes)} hold" + (": not " + ", ".join(wrong) if wrong else ""))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
