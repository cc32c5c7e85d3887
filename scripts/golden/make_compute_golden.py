#!/usr/bin/env python3
"""Makes tests/golden/compute/adamw.json: four steps of torch's fused AdamW on a CPU, every bit.

    PYTHON scripts/golden/make_compute_golden.py [OUT.json]

Floats are stored as their 32 bits. Learning rates change by the step; the gradients are scaled as clipping scales them
(grad.mul_(coefficient)), in float32, before the step. 80 elements: a multiple of 16, since the kernel's own tail rounds v
in another way.
"""
import json
import pathlib
import sys

import torch

COUNT, RATES = 80, [2e-5, 1e-3, 0.3, 2e-5]
SCALES = [1.0, 0.7310585786300049, 0.125, 0.9999]


def bits(tensor):
    return tensor.detach().view(torch.int32).to(torch.int64).bitwise_and(0xFFFFFFFF).tolist()


def run(weight_decay, beta2, seed):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda scale: torch.rand(COUNT, generator=generator).sub(0.5).mul(scale)
    parameter = torch.nn.Parameter(draw(2.0))
    start = bits(parameter)
    optimizer = torch.optim.AdamW([parameter], lr=1.0, betas=(0.9, beta2), eps=1e-8, weight_decay=weight_decay, fused=True)
    steps = []
    for rate, scale in zip(RATES, SCALES):
        gradient = draw(0.1) * torch.tensor(10.0).pow(torch.randint(-6, 1, (COUNT,), generator=generator))
        parameter.grad = gradient.clone().mul_(torch.tensor(scale, dtype=torch.float32))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        state = optimizer.state[parameter]
        steps.append({"learning_rate": rate, "gradient_scale": scale, "gradient": bits(gradient), "parameter": bits(parameter),
                      "moment1": bits(state["exp_avg"]), "moment2": bits(state["exp_avg_sq"])})
    return {"weight_decay": weight_decay, "beta1": 0.9, "beta2": beta2, "epsilon": 1e-8, "start": start, "steps": steps}


runs = [run(0.01, 0.999, 1), run(0.0, 0.98, 2)]
path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/compute/adamw.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps({"torch": torch.__version__, "runs": runs}, separators=(",", ":")) + "\n")
