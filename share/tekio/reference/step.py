"""A training step (or --eval: an evaluation) of the reference stack: a masked language model of random weights on random
chunks, 15 % of their tokens masked, AdamW with clipping. Prints one line of JSON; `tekio bench step` runs it.

    PYTHON step.py [--mode fp32|bf16|fp32-compile|bf16-compile] [--batch 64] [--length 128] [--steps 5] [--config FOLDER] [--device cuda]
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import transformers

MASKED, MASK_ID, WARM_UP = 0.15, 103, 1


def random_batch(vocabulary, batch, length):
    labels = torch.randint(vocabulary, (batch, length))
    masked = torch.rand(labels.shape) < MASKED
    hidden = masked & (torch.rand(labels.shape) < 0.8)
    return {"input_ids": labels.masked_fill(hidden, min(MASK_ID, vocabulary - 1)),
            "attention_mask": torch.ones_like(labels),
            "labels": labels.masked_fill(~masked, -100)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="fp32", choices=["fp32", "bf16", "fp32-compile", "bf16-compile"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--config", help="a model's folder, for its sizes; else DistilBERT-base's")
    parser.add_argument("--eval", action="store_true")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(42)

    config = transformers.AutoConfig.from_pretrained(args.config) if args.config else transformers.DistilBertConfig()
    model = transformers.AutoModelForMaskedLM.from_config(config)
    model.train(not args.eval).to(args.device)
    # On a GPU its quickest way: one kernel for all parameters.
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01, fused=args.device == "cuda" or None)
    forward = torch.compile(model) if args.mode.endswith("compile") else model

    def step():
        batch = random_batch(config.vocab_size, args.batch, args.length)
        if args.device == "cuda":
            torch.cuda.synchronize()
        begun = time.perf_counter()
        batch = {name: tensor.to(args.device, non_blocking=True) for name, tensor in batch.items()}
        with torch.set_grad_enabled(not args.eval), torch.autocast(args.device, torch.bfloat16, enabled=args.mode.startswith("bf16")):
            loss = forward(**batch).loss
        if not args.eval:
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        loss.item()
        if args.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    seconds = [step() for _ in range(WARM_UP + args.steps)][WARM_UP:]
    tokens, each = args.batch * args.length, statistics.median(seconds)
    print(json.dumps({"what": "eval" if args.eval else "step", "mode": args.mode, "tokens_per_second": tokens / each, "seconds": each,
                      "best": tokens / min(seconds), "worst": tokens / max(seconds), "threads": torch.get_num_threads(),
                      "torch": torch.__version__, "transformers": transformers.__version__}))


if __name__ == "__main__":
    main()
