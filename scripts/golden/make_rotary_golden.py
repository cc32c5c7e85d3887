#!/usr/bin/env python3
"""Makes tests/golden/compute/rotary.json: queries that ModernBERT's rotary positions have turned, every bit.

    PYTHON scripts/golden/make_rotary_golden.py [OUT.json]

Floats are stored as their 32 bits. `rows` are heads at the `positions`; `turned` is what they become, `frequencies` are
the base's inverse powers.
"""
import json
import pathlib
import sys

import torch
from transformers import ModernBertConfig
from transformers.models.modernbert.modeling_modernbert import ModernBertRotaryEmbedding, apply_rotary_pos_emb

POSITIONS = [0, 1, 2, 63, 127, 511, 4095, 8191]


def bits(tensor):
    return tensor.detach().contiguous().view(torch.int32).to(torch.int64).bitwise_and(0xFFFFFFFF).flatten().tolist()


def run(size, kind, theta):
    config = ModernBertConfig(hidden_size=size, num_attention_heads=1, global_rope_theta=160000.0, local_rope_theta=10000.0)
    rotary = ModernBertRotaryEmbedding(config)
    assert config.rope_parameters[kind]["rope_theta"] == theta
    rows = torch.rand((1, 1, len(POSITIONS), size), generator=torch.Generator().manual_seed(size)).sub(0.5).mul(4)
    cosine, sine = rotary(rows, torch.tensor([POSITIONS]), kind)
    turned, _ = apply_rotary_pos_emb(rows, rows, cosine, sine)
    return {"size": size, "theta": theta, "frequencies": bits(getattr(rotary, f"{kind}_inv_freq")), "rows": bits(rows),
            "turned": bits(turned)}


def main():
    torch.set_num_threads(1)
    default = pathlib.Path(__file__).parents[2] / "tests/golden/compute/rotary.json"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    runs = [run(size, kind, theta) for size in (8, 64)
            for kind, theta in (("full_attention", 160000.0), ("sliding_attention", 10000.0))]
    out.write_text(json.dumps({"positions": POSITIONS, "runs": runs}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
