#!/usr/bin/env python3
"""Ranks on two hosts joined by a slow wire: what sums and training steps take, beside docs/distributed.md's model of them.

    compare_network.py TEKIO [--delay 0.001] [--megabits 100] [--repeats 5] [--max_steps 8]

As root: the hosts are network namespaces (scripts/two_hosts.py), the launcher Open MPI's. First the wire itself is measured: plain TCP both ways at once. Then `tekio bench
allreduce` of several sizes, one rank a host and two; then `tekio bench step` of the bundled model by two ranks of a thread on one host and on two; then the bundled model is adapted for some
updates on one host and on two, and a tiny model by 1, 2 and 2 x 2 ranks: each must have the same bits. Prints tables in Markdown; exits 1 where bits differ.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from two_hosts import TwoHosts  # noqa: E402  (found only now)

SIZES = (4_000, 1_000_000, 10_000_000, 40_000_000)
HIDDEN = 0.6  # of a step: what comes after the first gradients are ready
# Sends and receives for three seconds, and prints the bytes a second that came.
PLAIN_TCP = """
import socket, sys, threading, time
if sys.argv[1] == "listen":
    listening = socket.create_server(("10.93.0.1", 5201))
    print("listens", flush=True)
    other = listening.accept()[0]
else:
    other = socket.create_connection(("10.93.0.1", 5201))
end = time.monotonic() + 3
def send():
    while time.monotonic() < end:
        other.sendall(bytes(65536))
    other.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
came, begun = 0, time.monotonic()
while data := other.recv(65536):
    came += len(data)
print(came / (time.monotonic() - begun))
"""


class Bench:
    def __init__(self, options, hosts, folder):
        self.options, self.hosts = options, hosts
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", TEKIO_CACHE=str(folder / "cache"))

    def run(self, ranks, *arguments):
        """`ranks` is how many on the first host and how many on the second; (0, 0) is the program alone."""
        launcher = []
        if sum(ranks):
            launcher = self.hosts.launcher(*ranks) if ranks[1] else self.hosts.on(1, "mpirun.openmpi", "--oversubscribe")
            launcher += ["--bind-to", "none", "-x", "TEKIO_CACHE", "-n", str(sum(ranks))]
        command = [*launcher, self.options.tekio, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
        return result.stdout

    def document(self, ranks, *arguments):
        return json.loads(self.run(ranks, *arguments, "--json"))


def plain_tcp(hosts):
    """Bytes a second of the slower direction, both at once."""
    python = [sys.executable, "-c", PLAIN_TCP]
    with subprocess.Popen(hosts.on(1, *python, "listen"), stdout=subprocess.PIPE, text=True) as listening:
        listening.stdout.readline()
        there = float(subprocess.run(hosts.on(2, *python, "connect"), stdout=subprocess.PIPE, text=True, check=True).stdout)
        return min(there, float(listening.stdout.readline()))


def sum_seconds(size, bandwidth, delay):
    return size / bandwidth + 2 * delay  # 2 (H - 1) / H = 1 for two hosts, and two hops


def sums(bench, bandwidth):
    print("| bytes | 1 rank a host | 2 ranks a host | the model |\n|---|---|---|---|")
    for size in SIZES:
        took = [bench.document(ranks, "bench", "allreduce", "--bytes", size, "--repeats", bench.options.repeats, "--threads", 1)["seconds"] for ranks in ((1, 1), (2, 2))]
        print(f"| {size:,} | {took[0] * 1e3:.1f} ms | {took[1] * 1e3:.1f} ms | {sum_seconds(size, bandwidth, bench.options.delay) * 1e3:.1f} ms |", flush=True)


def steps(bench, bandwidth):
    arguments = ["bench", "step", "--model", ROOT / "share/tekio/tekio-small-uncased", "--per_device_train_batch_size", 16, "--max_steps", bench.options.max_steps, "--dtype", "f32", "--threads", 1]
    one, two = (bench.document(ranks, *arguments) for ranks in ((2, 0), (1, 1)))
    size = two["exchange"]["bytes"]
    model = one["seconds"] + max(0.0, sum_seconds(size, bandwidth, bench.options.delay) - HIDDEN * one["seconds"])
    print("\n| two ranks, 16 x 128 tokens each | tokens/s | seconds a step | exchange alone | waited for it |\n|---|---|---|---|---|")
    for name, told in (("one host", one), ("two hosts", two)):
        exchange = told["exchange"]
        print(f"| {name} | {told['tokens_per_second']:,.0f} | {told['seconds']:.2f} | {exchange['seconds_alone']:.2f} s | {exchange['seconds_waited']:.2f} s |")
    print(f"| the model of two hosts ({size:,} bytes) | {one['tokens_per_second'] * one['seconds'] / model:,.0f} | {model:.2f} | {sum_seconds(size, bandwidth, bench.options.delay):.2f} s | |\n", flush=True)


def bits(bench, folder):
    """Whether one run has the same model, whatever hosts its ranks are on."""
    same = True
    common = ["adapt", "--data", ROOT / "examples/reviews", "--general_data", "none", "--dtype", "f32", "--threads", 1, "--dropout", 0.1, "--eval_strategy", "no", "--save_strategy", "no",
              "--per_device_train_batch_size", 2]
    kinds = {"bundled": [((2, 0), 2), ((1, 1), 2), ((0, 0), 4)], "tiny": [((0, 0), 4), ((2, 0), 2), ((1, 1), 2), ((2, 2), 1)]}
    for kind, cuts in kinds.items():
        model = ["--model", ROOT / "examples/tiny-model", "--chunk_size", 32, "--max_steps", 20] if kind == "tiny" else ["--chunk_size", 64, "--max_steps", 5]
        digests = {}
        for number, (ranks, accumulation) in enumerate(cuts):
            run = folder / f"{kind}{number}"
            bench.run(ranks, *common, *model, "--gradient_accumulation_steps", accumulation, "--output_dir", run)
            digests[f"{ranks[0]} + {ranks[1]}" if sum(ranks) else "alone"] = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
        same = same and len(set(digests.values())) == 1
        print(f"{kind}: " + ", ".join(f"{name}: {digest[:16]}" for name, digest in digests.items()), flush=True)
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tekio")
    parser.add_argument("--delay", type=float, default=0.001, help="seconds each way")
    parser.add_argument("--megabits", type=float, default=100, help="a second, in each direction")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--max_steps", type=int, default=8)
    options = parser.parse_args()
    options.tekio = str(pathlib.Path(options.tekio).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        hosts = TwoHosts(folder, options.delay, options.megabits * 1e6 / 8)
        try:
            bandwidth = plain_tcp(hosts)
            print(f"plain TCP, both ways at once: {bandwidth / 1e6:.1f} MB/s each\n", flush=True)
            bench = Bench(options, hosts, folder)
            sums(bench, bandwidth)
            steps(bench, bandwidth)
            return 0 if bits(bench, folder) else 1
        finally:
            hosts.close()


if __name__ == "__main__":
    sys.exit(main())
