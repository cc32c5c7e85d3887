"""Makes tests/golden/train/schedules.json: learning rates of the reference stack's schedulers, update by update.

    PYTHON scripts/golden/make_schedule_golden.py [OUT.json]

Per case the options and each update's rate as a C99 hexadecimal float, so that not a bit is lost.
"""
import json
import pathlib
import sys

import torch
from transformers import get_scheduler

CASES = [
    # name, base rate, warm-up, updates
    ("linear", 2e-5, 0, 471),
    ("linear", 5e-5, 10, 50),
    ("linear", 3e-4, 7, 7),
    ("linear", 1e-3, 12, 9),
    ("cosine", 2e-5, 0, 100),
    ("cosine", 5e-5, 13, 77),
    ("constant", 2e-5, 5, 9),
    ("constant_with_warmup", 1e-4, 6, 20),
    ("cosine_with_restarts", 3e-4, 13, 77),
    ("polynomial", 2e-5, 0, 100),
    ("polynomial", 5e-4, 13, 77),
    ("inverse_sqrt", 5e-4, 0, 100),
    ("inverse_sqrt", 1e-3, 9, 77),
]


def rates(name, base, warmup, updates):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=updates)
    out = []
    for _ in range(updates):
        out.append(float(scheduler.get_last_lr()[0]).hex())
        optimizer.step()
        scheduler.step()
    return out


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/train/schedules.json"
    cases = [{"lr_scheduler_type": n, "learning_rate": b, "warmup_steps": w, "updates": u, "rates": rates(n, b, w, u)} for n, b, w, u in CASES]
    with open(path, "w") as f:
        json.dump(cases, f, indent=0)
        f.write("\n")


main()
