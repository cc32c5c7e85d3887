#!/usr/bin/env python3
"""What must hold, and what is to be measured, on a machine with an NVIDIA GPU: the tests that skip elsewhere, 50 updates beside the
processor's and a run taken up by the other device, steps of growing batches, a whole run, and the tests again under compute-sanitizer.

    python3 scripts/checks/check_gpu.py run BUILD [--part PART]... [--reference PYTHON]
    python3 scripts/checks/check_gpu.py pack BUILD ARCHIVE.tar.xz

BUILD is a build folder with its tests, or an unpacked archive. --part: tests, runs, several_gpus, speeds, whole_run, sanitizer, in the order of the most important
first; all of them without. --reference: a Python with the reference stack, run in alternation at batch 64. Exit code 1 if something did not
hold; the table at the end tells what. `pack` makes an archive for a machine that has a driver, cuBLASLt and this source tree, and builds
nothing: programs without symbols and the libraries that they need. It unpacks to a folder, which is a BUILD there; goldens and the small
model are those of the tree that this script is in.
"""
import argparse
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("compute", "model", "train")
PARTS = ("tests", "runs", "several_gpus", "speeds", "whole_run", "sanitizer")
UPDATES, BATCHES = 50, (16, 64, 128, 256, 512)
# Of the system's own loader and C library, which an archive must not bring.
SYSTEM = ("linux-vdso", "ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so")
# Odd shapes of every kernel, small enough for a tool that makes them a hundred times slower.
SANITIZED = ":".join(f"cuda*/CudaTest.*{case}*" for case in (
    "_n7_", "_n8_", "_n17_", "_n50_", "_n131_", "embed_n13_", "gather_rows_n9_", "softmax_rows_", "squared_norm_n1_", "adamw_n1_", "linear_n130_"))


class Checks:
    def __init__(self, build):
        self.build, self.outcomes = build, []
        self.environment = dict(os.environ)
        if (build / "lib").is_dir():
            self.environment["LD_LIBRARY_PATH"] = f"{build / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")

    def run(self, name, command, limit=300, **environment):
        """Runs a command, keeps its outcome, and returns what it printed."""
        begun = time.monotonic()
        try:
            done = subprocess.run(command, env=self.environment | environment, capture_output=True, text=True, timeout=limit)
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

    def test(self, room):
        return str(self.build / "tests" / room / f"tekio_{room}_test")


def losses(run):
    with open(run / "metrics.jsonl", encoding="utf-8") as file:
        return [json.loads(line)["loss"] for line in file]


def tests(checks, _):
    for room in ROOMS:
        output = checks.run(f"{room}'s tests on cuda", [checks.test(room), "--gtest_filter=*cuda*:Cuda*"])
        if "no usable GPU" in output:
            sys.exit("check_gpu: skipped: there is no usable GPU here, or the build has no CUDA (tekio doctor says which)")


def sanitizer(checks, _):
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    for kind in ("memcheck", "racecheck", "initcheck", "synccheck"):
        checks.run(f"compute-sanitizer {kind}", [tool, "--tool", kind, "--error-exitcode", "1", checks.test("compute"), f"--gtest_filter={SANITIZED}"])


def runs(checks, _):
    """The same updates on either device: the same masks and dropout, so the same losses but for rounding; begun on one, ended on the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def adapt(words, output, device, *more):
            checks.run(words, checks.program(
                "adapt", "--model", str(checks.build / "share/tekio/tekio-small-uncased"), "--data", "cooking", "--device", device,
                "--max_steps", str(UPDATES), "--per_device_train_batch_size", "16", "--eval_strategy", "no", "--output_dir", str(folder / output), *more))

        def beside(words, one, other, most):
            try:
                worst = max(abs(a - b) / b for a, b in zip(losses(folder / one), losses(folder / other), strict=True))
                checks.tell(words, worst <= most, f"{worst:.2g} apart at most, {most:g} allowed")
            except (OSError, ValueError) as error:
                checks.tell(words, False, str(error))

        halfway = ("--save_strategy", "steps", "--save_steps", str(UPDATES // 2))
        adapt(f"{UPDATES} updates, cpu", "cpu", "cpu", "--dtype", "f32", *halfway)
        adapt(f"{UPDATES} updates, cuda", "cuda", "cuda", "--dtype", "f32", *halfway)
        adapt(f"{UPDATES} updates, cuda, again", "again", "cuda", "--dtype", "f32", "--save_strategy", "no")
        adapt(f"{UPDATES} updates, cuda in bf16", "bf16", "cuda", "--dtype", "bf16", "--save_strategy", "no")
        beside("losses of cuda beside cpu's", "cuda", "cpu", 1e-3)
        beside("losses of cuda, again", "again", "cuda", 0)
        beside("losses of cuda in bf16 beside cpu's", "bf16", "cpu", 2e-2)
        for one, other in (("cuda", "cpu"), ("cpu", "cuda")):
            adapt(f"a run of {one}'s goes on on {other}", f"{one}_{other}", other, "--dtype", "f32", "--save_strategy", "no",
                  "--resume_from_checkpoint", str(folder / one / f"checkpoint-{UPDATES // 2}"))
            try:
                whole, resumed = losses(folder / "cpu")[UPDATES // 2:], losses(folder / f"{one}_{other}")[-(UPDATES - UPDATES // 2):]
                worst = max(abs(a - b) / b for a, b in zip(resumed, whole, strict=True))
                checks.tell(f"its losses beside cpu's, {one} to {other}", worst <= 1e-3, f"{worst:.2g} apart at most, 0.001 allowed")
            except (OSError, ValueError) as error:
                checks.tell(f"its losses beside cpu's, {one} to {other}", False, str(error))


class PeakMemory:
    """The most MiB of the GPU's memory that were in use while this was open, by all processes; None where nvidia-smi is not there."""

    def __enter__(self):
        self.most, self.over = None, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(0.2):
            try:
                told = subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=5)
                self.most = max(self.most or 0, int(told.stdout.split()[0]))
            except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
                return

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def several_gpus(checks, _):
    """Two processes with a GPU each, by NCCL, beside the same two on one GPU, by way of the processors, and one alone: the same bits."""
    shown = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout if shutil.which("nvidia-smi") else ""
    if shown.count("GPU ") < 2 or not shutil.which("mpirun"):
        print("skipped: several GPUs (one GPU, or no mpirun)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ways = {"nccl": (2, {}), "processors": (2, {"CUDA_VISIBLE_DEVICES": "0"}), "alone": (1, {})}
        for way, (ranks, environment) in ways.items():
            output = checks.run(f"8 x 4 chunks an update, {way}", ["mpirun", "-n", str(ranks), "--bind-to", "none", "--oversubscribe", *checks.program(
                "adapt", "--model", str(checks.build / "share/tekio/tekio-small-uncased"), "--data", "cooking", "--device", "cuda", "--dtype", "f32",
                "--max_steps", "10", "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", str(8 // ranks),
                "--eval_strategy", "no", "--save_strategy", "no", "--output_dir", str(folder / way))], **environment)
            checks.tell(f"{way}: the way of gradients", ("by way of the processors" in output) == (way == "processors"), "as asked for")
        weights = [(folder / way / "model.safetensors").read_bytes() for way in ways if (folder / way / "model.safetensors").exists()]
        checks.tell("weights by NCCL, by the processors, alone", len(weights) == 3 and len(set(weights)) == 1, "the same bits")
        print(checks.run("sums from GPU to GPU", ["mpirun", "-n", "2", "--bind-to", "none", *checks.program("bench", "allreduce", "--device", "cuda", "--check")]))


def speeds(checks, reference):
    rows = []
    for batch in BATCHES:
        with PeakMemory() as peak:
            output = checks.run(f"steps of {batch} x 128", checks.program("bench", "step", "--device", "cuda", "--per_device_train_batch_size",
                                                                          str(batch), "--max_steps", "20", "--json"))
        try:
            rows.append({**json.loads(output[output.index("{"):output.rindex("}") + 1]), "peak": peak.most})
        except ValueError:
            pass
    one_stream = checks.run("steps of 64 x 128 on one stream", checks.program("bench", "step", "--device", "cuda", "--max_steps", "20"), TEKIO_CUDA_ONE_STREAM="1")
    print(one_stream.strip())
    if reference:
        print(checks.run("beside the reference's best", checks.program("bench", "step", "--device", "cuda", "--compare_reference", reference,
                                                                       "--reference_mode", "bf16-compile", "--max_steps", "20", "--pairs", "3")))
    print(f"\n{'batch':>5} {'tokens/s':>12} {'TFLOP/s':>8} {'limit':>8} {'share':>7} {'peak MiB':>9}   phases, ms a clocked step")
    for row in rows:
        phases = sorted(row["phases"].items(), key=lambda phase: -phase[1]["seconds"])
        print(f"{row['batch']:>5} {row['tokens_per_second']:>12,.0f} {row['gflops'] / 1000:>8.1f} {row['limit_gflops'] / 1000:>8.1f} "
              f"{100 * row['share_of_limit']:>5.1f} % {row['peak'] or '-':>9}   "
              + ", ".join(f"{name} {1000 * phase['seconds']:.2f}" for name, phase in phases))


def whole_run(checks, _):
    """10,000 chunks of 128, three epochs, evaluated before, after each and at the end, from the command to the saved model: DistilBERT-base's size, with random weights."""
    with tempfile.TemporaryDirectory() as name:
        folder, corpus = pathlib.Path(name), checks.build / "share/tekio/corpora/cooking"
        (folder / "config.json").write_text(json.dumps({"model_type": "distilbert", "vocab_size": 30522, "dim": 768, "n_layers": 6, "n_heads": 12,
                                                        "hidden_dim": 3072, "max_position_embeddings": 512}), encoding="utf-8")
        begun = time.monotonic()
        output = checks.run("10,000 chunks, 3 epochs", checks.program(
            "pretrain", "--config", str(folder / "config.json"), "--tokenizer", str(checks.build / "share/tekio/tekio-small-uncased"),
            "--train_file", *[str(corpus / "train.jsonl.zst")] * 4, "--validation_file", str(corpus / "test.jsonl.zst"), "--max_train_samples", "10000",
            "--per_device_train_batch_size", "64", "--device", "cuda", "--dtype", "bf16", "--json", "--output_dir", str(folder / "run")), TEKIO_CACHE=name)
        whole = time.monotonic() - begun
        try:
            told = json.loads(output[output.index("{"):output.rindex("}") + 1])
            train = json.loads((folder / "run/run.json").read_text(encoding="utf-8"))["train"]
            print(f"       {whole:.1f} s, of which {train['seconds']:.2f} s training ({train['tokens_per_second']:,.0f} tokens/s), in which updates waited "
                  f"{train['batch_seconds']:.2f} s for batches, {train['evaluation_seconds']:.2f} s for evaluations, {train['checkpoint_seconds']:.2f} s for checkpoints; "
                  f"the rest is opening, tokenizing, first and last evaluations, saving, the report; perplexity {told['perplexity']['after']:.1f}")
        except (OSError, ValueError, KeyError) as error:
            checks.tell("what the run tells of its seconds", False, repr(error))


def run(arguments):
    build = arguments.build.resolve()
    checks = Checks(build)
    if (built_in := build / "source").is_file():  # an archive's: where the tree was whose goldens the tests know
        for link, place in ((build / "share", TREE / "share"), (pathlib.Path(built_in.read_text(encoding="utf-8")), TREE)):
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(place)
    for part in arguments.part or PARTS:
        globals()[part](checks, arguments.reference)
    wrong = [name for name, ok in checks.outcomes if not ok]
    print(f"\n{len(checks.outcomes) - len(wrong)} of {len(checks.outcomes)} hold" + (": not " + ", ".join(wrong) if wrong else ""))
    sys.exit(1 if wrong else 0)


def libraries_of(program):
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return {pathlib.Path(words[2]) for line in told.splitlines()
            if len(words := line.split()) > 2 and words[1] == "=>" and not words[0].startswith(SYSTEM)}


def pack(arguments):
    build = arguments.build.resolve()
    programs = {"tekio": build / "tekio"} | {f"tests/{room}/tekio_{room}_test": build / "tests" / room / f"tekio_{room}_test" for room in ROOMS}
    with tempfile.TemporaryDirectory() as name, tarfile.open(arguments.archive, "w:xz", preset=6) as archive:
        def add(file, place):
            archive.add(file, f"tekio-gpu/{place}")

        libraries = {}
        for place, program in programs.items():
            bare = pathlib.Path(name) / program.name
            subprocess.run(["strip", "-o", bare, program], check=True)
            add(bare, place)
            libraries |= {library.name: library.resolve() for library in libraries_of(program)}
        for library in sorted(libraries):
            add(libraries[library], f"lib/{library}")
        text = str(TREE).encode()
        info = tarfile.TarInfo("tekio-gpu/source")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    print(f"{arguments.archive}: {os.path.getsize(arguments.archive) / 2**20:.1f} MiB. There: tar xJf {os.path.basename(arguments.archive)} && "
          "python3 scripts/checks/check_gpu.py run tekio-gpu --part tests")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    runs_it = commands.add_parser("run")
    runs_it.add_argument("build", type=pathlib.Path)
    runs_it.add_argument("--part", action="append", choices=PARTS)
    runs_it.add_argument("--reference")
    runs_it.set_defaults(work=run)
    packs_it = commands.add_parser("pack")
    packs_it.add_argument("build", type=pathlib.Path)
    packs_it.add_argument("archive", type=pathlib.Path)
    packs_it.set_defaults(work=pack)
    arguments = parser.parse_args()
    arguments.work(arguments)


if __name__ == "__main__":
    main()
