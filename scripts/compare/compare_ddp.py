#!/usr/bin/env python3
"""A training step on two cores by one process of two threads, by two processes of one thread (Open MPI), and by PyTorch's DistributedDataParallel over gloo.

    compare_ddp.py TEKIO --python PYTHON [--dtype f32,bf16] [--rounds 5] [--steps 3]

DistilBERT-base's size with random weights, 16 x 128 tokens an update, dropout, AdamW with clipping. PYTHON has transformers with torch. The three take turns, so many rounds; each measures the median
of its steps after one to warm up. Prints medians (lowest to highest) of tokens a second as a table in Markdown. PyTorch's processes keep to a core each.
"""
import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys

BATCH, LENGTH, RANKS = 16, 128, 2
# One of PyTorch's processes; its batches are those of the reference's side of `tekio bench step`.
WORKER = """
import os, statistics, sys, time
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[int(os.environ["RANK"])]})
sys.path.insert(0, sys.argv[1])
import torch, transformers
from step import random_batch
torch.set_num_threads(1)
torch.manual_seed(42)
torch.distributed.init_process_group("gloo")
config = transformers.DistilBertConfig()
model = torch.nn.parallel.DistributedDataParallel(transformers.AutoModelForMaskedLM.from_config(config).train(), gradient_as_bucket_view=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01)
seconds = []
for _ in range(1 + int(sys.argv[5])):
    batch = random_batch(config.vocab_size, int(sys.argv[3]), int(sys.argv[4]))
    torch.distributed.barrier()
    begun = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=sys.argv[2] == "bf16"):
        loss = model(**batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    loss.item()
    seconds.append(time.perf_counter() - begun)
if os.environ["RANK"] == "0":
    print(statistics.median(seconds[1:]), torch.__version__, transformers.__version__)
torch.distributed.destroy_process_group()
"""


def tekio(options, dtype, processes):
    launcher = [] if processes == 1 else ["mpirun.openmpi", "-n", str(processes), "--bind-to", "none", "--oversubscribe"]
    command = [*launcher, options.tekio, "bench", "step", "--no_trained", "--per_device_train_batch_size", str(BATCH // processes), "--chunk_size", str(LENGTH), "--max_steps", str(options.steps),
               "--threads", str(RANKS // processes), "--dtype", dtype, "--json"]
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True).stdout)["tokens_per_second"]


def ddp(options, dtype, versions):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reference = pathlib.Path(__file__).resolve().parents[2] / "share/tekio/reference"
    workers = []
    for rank in range(RANKS):
        environment = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(RANKS), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1")
        workers.append(subprocess.Popen([options.python, "-c", WORKER, reference, dtype, str(BATCH // RANKS), str(LENGTH), str(options.steps)], env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True))
    said = [worker.communicate()[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        sys.exit("a process of PyTorch's failed")
    seconds, versions[:] = said[0].split()[0], said[0].split()[1:]
    return BATCH * LENGTH / float(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tekio")
    parser.add_argument("--python", required=True)
    parser.add_argument("--dtype", default="f32,bf16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    options.tekio = str(pathlib.Path(options.tekio).resolve())
    versions, rows = [], []
    for dtype in options.dtype.split(","):
        rounds = [(tekio(options, dtype, 1), tekio(options, dtype, RANKS), ddp(options, dtype, versions)) for _ in range(options.rounds)]
        rows.append((dtype, [f"{statistics.median(one):,.0f} ({min(one):,.0f} to {max(one):,.0f})" for one in zip(*rounds, strict=True)]))
    print(f"PyTorch {versions[0]}, transformers {versions[1]}; tokens/s\n")
    print("| | 1 process, 2 threads | 2 processes, 1 thread | PyTorch DDP, 2 processes |\n|---|---|---|---|")
    for dtype, cells in rows:
        print(f"| {dtype} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
