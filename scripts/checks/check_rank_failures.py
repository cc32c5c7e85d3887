#!/usr/bin/env python3
"""Kills, stops and cuts off processes of `tekio adapt` at random moments, and looks at what is left.

    check_rank_failures.py TEKIO [--mpi openmpi,mpich] [--faults 20] [--seed 1] [--silence 5]

Three processes train a tiny model. A fault is a SIGKILL, a SIGSTOP (which ends when the others have), a SIGTERM to all, or, with Open MPI and where network namespaces can
be made (root), a cut of the network between two hosts. After each: nothing may be there any more 30 seconds later, whatever the fault; the run folder must open; and
the run, resumed on as many processes, must end with the bits of a run that nobody disturbed, or on another number of them within 1e-6 (bits,
where each process has a power of two of micro-batches). Prints a line a fault and a summary; exits 1 where anything is otherwise.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from two_hosts import TwoHosts  # noqa: E402  (found only now)

LIMIT, RANKS, UPDATES = 30, 3, 400


class Runs:
    def __init__(self, options, mpi, folder):
        self.options, self.mpi, self.folder = options, mpi, folder
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", TEKIO_SILENCE_SECONDS=str(options.silence), TEKIO_CACHE=str(folder / "cache"))

    def command(self, run, ranks, accumulation, more=(), launcher=None):
        if launcher is None:
            launcher = [f"mpirun.{self.mpi}", *(["--oversubscribe", "--mca", "odls_base_sigkill_timeout", "20"] if self.mpi == "openmpi" else [])]
        if self.mpi == "openmpi":
            launcher = [*launcher, "--bind-to", "none", "-x", "TEKIO_SILENCE_SECONDS", "-x", "TEKIO_CACHE"]
        return [*launcher, "-n", str(ranks), self.options.tekio, "adapt", "--model", str(ROOT / "examples/tiny-model"), "--data", str(ROOT / "examples/reviews"), "--chunk_size", "16",
                "--per_device_train_batch_size", "1", *(["--gradient_accumulation_steps", str(accumulation)] if accumulation else []), "--max_steps", str(UPDATES), "--save_strategy", "steps",
                "--save_steps", "7", "--save_total_limit", "3", "--eval_strategy", "no", "--dtype", "f32", "--threads", "1", "--output_dir", str(run), *more]

    def run(self, *arguments, **more):
        return subprocess.run(self.command(*arguments, **more), env=self.environment, capture_output=True, text=True, timeout=600, check=False)

    def processes(self, run):
        """This run's, launchers included; zombies are none."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(run).encode() in words and state not in "ZX":
                found[int(entry.name)] = words[0].endswith(b"/tekio")
        return found


def numbers(file):
    data = file.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    count = (len(data) - 8 - size) // 4
    return struct.unpack(f"<{count}f", data[8 + size:8 + size + 4 * count])


def send(pid, which):
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        pass


def disturb(runs, run, kind, network, luck, more):
    """Returns how long all took to end after the fault, and how often the launcher's exit code."""
    launcher = network.launcher(2, 1) if kind == "cut" else None
    with open(runs.folder / "out", "wb") as out:
        launched = subprocess.Popen(runs.command(run, RANKS, 2, more, launcher), env=runs.environment, stdout=out, stderr=out)
        begun = time.time()
        while sum(runs.processes(run).values()) < RANKS and launched.poll() is None and time.time() - begun < 60:
            time.sleep(0.02)
        if luck.random() < 0.75:  # else they may not even have met
            while not (run / "metrics.jsonl").exists() and launched.poll() is None and time.time() - begun < 60:
                time.sleep(0.02)
        time.sleep(luck.uniform(0.2, 4))
        ranks = [pid for pid, is_rank in runs.processes(run).items() if is_rank]
        struck = time.time()
        victim = luck.choice(ranks) if ranks else None
        if kind == "cut":
            network.set("down")
        elif kind == "term":
            for pid in ranks:
                send(pid, signal.SIGTERM)
        elif victim is not None:
            send(victim, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
        while time.time() - struck < LIMIT:
            left = [pid for pid, is_rank in runs.processes(run).items() if is_rank and not (kind == "stop" and pid == victim)]
            if not left:
                break
            time.sleep(0.05)
        took = time.time() - struck
        if kind == "stop" and victim is not None:
            send(victim, signal.SIGCONT)
            while victim in runs.processes(run) and time.time() - struck < 2 * LIMIT:
                time.sleep(0.05)
        if kind == "cut":
            network.set("up")
        hung = [pid for pid, is_rank in runs.processes(run).items() if is_rank]
        for pid in runs.processes(run):  # its launcher, too, if it waits for the other host's daemon
            send(pid, signal.SIGTERM)
        try:
            launched.wait(LIMIT)
        except subprocess.TimeoutExpired:
            launched.kill()
        for pid in runs.processes(run):
            send(pid, signal.SIGKILL)
    return took, launched.returncode, hung


def check(runs, number, kind, network, luck, whole):
    run = runs.folder / f"run{number}"
    took, code, hung = disturb(runs, run, kind, network, luck, ["--optimizer_sharding"] if number % 2 else [])
    problems = [f"still there after {LIMIT} s: {hung}"] if hung or took >= LIMIT else []
    checkpoints = sorted(int(path.name.split("-")[1]) for path in run.glob("checkpoint-*")) if run.exists() else []
    result = {"fault": kind, "seconds": round(took, 1), "exit_code": code, "checkpoints": checkpoints, "resumed_on": None}
    if [path for path in run.rglob("*") if ".tmp" in path.name] and kind == "term":
        problems.append("a temporary is left")
    ranks, accumulation = (RANKS, 2) if number % 3 else luck.choice([(1, 6), (2, 3), (6, 1)])
    result["resumed_on"] = ranks
    more = ["--resume_from_checkpoint"] if checkpoints else ["--overwrite_output_dir"]
    resumed = runs.run(run, ranks, accumulation, more)
    if resumed.returncode != 0:
        problems.append(f"not resumed: exit code {resumed.returncode}: {resumed.stderr[-600:]}")
    else:
        model = run / "model.safetensors"
        result["bits"] = model.read_bytes() == (whole / "model.safetensors").read_bytes()
        result["difference"] = max(abs(a - b) for a, b in zip(numbers(model), numbers(whole / "model.safetensors"), strict=True))
        if not result["bits"] and (accumulation & (accumulation - 1) == 0 or result["difference"] > 1e-6):
            problems.append("the resumed run ends with other weights")
    result["problems"] = problems
    shutil.rmtree(run, ignore_errors=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tekio")
    parser.add_argument("--mpi", default="openmpi,mpich")
    parser.add_argument("--faults", type=int, default=20, help="with each MPI")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--silence", type=float, default=5, help="TEKIO_SILENCE_SECONDS")
    options = parser.parse_args()
    options.tekio = str(pathlib.Path(options.tekio).resolve())
    luck, wrong = random.Random(options.seed), 0
    for mpi in options.mpi.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            network = None
            if mpi == "openmpi":
                try:
                    network = TwoHosts(folder)
                except (OSError, subprocess.CalledProcessError) as error:
                    print(f"no network namespaces, so nothing is cut: {error}", file=sys.stderr)
            runs = Runs(options, mpi, folder)
            done = runs.run(folder / "whole", RANKS, 2)
            if done.returncode != 0:
                sys.exit(f"the undisturbed run failed: {done.stderr}")
            kinds = ["kill", "stop", "term"] + (["cut"] if network else [])
            longest = 0.0
            for number in range(options.faults):
                result = check(runs, number, kinds[number % len(kinds)], network, luck, folder / "whole")
                longest = max(longest, result["seconds"])
                wrong += bool(result["problems"])
                print(mpi, json.dumps(result), flush=True)
            if network:
                network.close()
            print(f"{mpi}: {options.faults} faults, the longest took {longest:.1f} s to end all", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
