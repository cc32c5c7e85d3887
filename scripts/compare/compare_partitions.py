#!/usr/bin/env python3
"""Trains one run cut among processes in every way and says which of its files are the same, byte for byte.

    compare_partitions.py TEKIO [--mpi openmpi|mpich] [--updates 6] [--real_updates 20] [--json FILE]

Every run has the same global batch of eight micro-batches, as 1 process with 8 of them, 2 x 4, 4 x 2 and 8 x 1 (and six of them, as 1 x 6,
2 x 3, 3 x 2, 6 x 1), with dropout: tiny models of three kinds with random weights, and the bundled encoder, in float32 and in bf16. One of each
is repeated with --optimizer_sharding. What is compared: the model, the checkpoint amid with its moments, metrics.jsonl and the trace but for
their seconds. Where something differs, how far the updates' losses are apart is shown. Each first run's model is then evaluated on 1, 2, 4
and 8 processes. Prints a table in Markdown; exits 1 where a partition whose processes have a power of two of micro-batches differs, another
one's losses by more than 1e-6 (bf16: 1e-3), or an evaluation does.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EIGHT, SIX = [(1, 8), (2, 4), (4, 2), (8, 1)], [(1, 6), (2, 3), (3, 2), (6, 1)]
CONFIGS = {
    "BERT": {"model_type": "bert", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64},
    "ALBERT": {"model_type": "albert", "hidden_size": 32, "embedding_size": 16, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
               "max_position_embeddings": 64},
    "ModernBERT": {"model_type": "modernbert", "pad_token_id": 0, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 2, "max_position_embeddings": 64,
                   "global_attn_every_n_layers": 3, "local_attention": 16},
}


class Runs:
    def __init__(self, options, folder):
        self.options, self.folder, self.count = options, folder, 0

    def launch(self, ranks, arguments):
        command = [self.options.tekio, *map(str, arguments)]
        if ranks > 1:
            command = [f"mpirun.{self.options.mpi}", "-n", str(ranks), *(["--oversubscribe", "--bind-to", "none"] if self.options.mpi == "openmpi" else []), *command]
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", TEKIO_CACHE=str(self.folder / "cache"))
        result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
        return result.stdout

    def train(self, cut, arguments):
        """The folder of a run, cut in this way."""
        self.count += 1
        run = self.folder / f"run{self.count}"
        self.launch(cut[0], [*arguments, "--gradient_accumulation_steps", cut[1], "--threads", 1, "--dropout", 0.1, "--trace", f"{run}.trace", "--output_dir", run])
        return run


def without_times(text):
    lines = [json.loads(line) for line in text.splitlines()]
    return [{key: value for key, value in line.items() if "second" not in key} for line in lines]


def contents(run):
    """What a run left, by what a table calls it."""
    model = (run / "model.safetensors").read_bytes()
    checkpoints = sorted(run.glob("checkpoint-*"))
    return {"model": model,
            "checkpoint": [(path.name, path.read_bytes()) for checkpoint in checkpoints for path in sorted(checkpoint.glob("*.safetensors"))],
            "metrics": without_times((run / "metrics.jsonl").read_text(encoding="utf-8")),
            "trace": without_times(pathlib.Path(f"{run}.trace").read_text(encoding="utf-8"))}


def compare(runs, name, arguments, cuts, rows, sharded):
    first, results = None, []
    for cut in cuts:
        run = runs.train(cut, arguments)
        left = contents(run)
        first = first or (run, left)
        results.append(verdict(cut, left, first[1]))
    if sharded:
        results.append(verdict((4, 2), contents(runs.train((4, 2), [*arguments, "--optimizer_sharding"])), first[1], " sharded"))
    rows.append((name, results))
    return first[0]


def verdict(cut, left, first, note=""):
    differing = [name for name, content in left.items() if content != first[name]]
    losses = [[line["loss"] for line in content["trace"]] for content in (left, first)]
    apart = max(abs(a - b) for a, b in zip(*losses, strict=True))
    return {"cut": f"{cut[0]} x {cut[1]}{note}", "differs": differing, "must_be_equal": cut[1] & (cut[1] - 1) == 0, "losses_apart": apart}


def what_differs(one):
    return f"not {', '.join(one['differs'])}, losses within {one['losses_apart']:.1e}" if one["differs"] else "all"


def evaluate(runs, model, data, dtype):
    documents = []
    for ranks in (1, 2, 4, 8):
        document = json.loads(runs.launch(ranks, ["eval", "--model", model, "--data", data, "--dtype", dtype, "--per_device_eval_batch_size", 3, "--max_chunks", 60, "--json"]))
        documents.append({key: value for key, value in document.items() if key not in ("seconds", "world_size")})
    return all(document == documents[0] for document in documents)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tekio")
    parser.add_argument("--mpi", default="openmpi", choices=["openmpi", "mpich"])
    parser.add_argument("--updates", type=int, default=6)
    parser.add_argument("--real_updates", type=int, default=20)
    parser.add_argument("--json")
    options = parser.parse_args()
    options.tekio = str(pathlib.Path(options.tekio).resolve())
    rows, evaluations = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        runs = Runs(options, folder)
        tokenizer, reviews = ROOT / "examples/tiny-model", ROOT / "examples/reviews"
        vocabulary = len((tokenizer / "vocab.txt").read_text(encoding="utf-8").splitlines())
        for dtype in ("f32", "bf16"):
            common = ["--dtype", dtype, "--per_device_train_batch_size", 2, "--eval_strategy", "no", "--save_strategy", "steps"]
            for kind, config in CONFIGS.items():
                (folder / f"{kind}.json").write_text(json.dumps({**config, "vocab_size": vocabulary}), encoding="utf-8")
                arguments = ["pretrain", "--config", folder / f"{kind}.json", "--tokenizer", tokenizer, "--data", reviews, "--chunk_size", 32, *common, "--max_steps", options.updates,
                             "--save_steps", options.updates // 2]
                model = compare(runs, f"tiny {kind}, {dtype}", arguments, EIGHT, rows, True)
                evaluations[f"tiny {kind}, {dtype}"] = evaluate(runs, model, reviews, dtype)
                if kind == "BERT":
                    compare(runs, f"tiny {kind}, {dtype}, six", arguments, SIX, rows, False)
            if options.real_updates:
                arguments = ["adapt", "--data", reviews, "--general_data", "none", "--chunk_size", 64, *common, "--max_steps", options.real_updates, "--save_steps", options.real_updates // 2]
                model = compare(runs, f"bundled, {dtype}", arguments, EIGHT, rows, True)
                evaluations[f"bundled, {dtype}"] = evaluate(runs, model, reviews, dtype)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"rows": rows, "evaluations": evaluations}, indent=1), encoding="utf-8")
    print("| model | processes x micro-batches: what is the same as of the first | eval on 1, 2, 4, 8 |\n|---|---|---|")
    for title, results in rows:
        cells = [f"{one['cut']}: {what_differs(one)}" for one in results]
        told = {True: "equal", False: "DIFFERS", None: ""}[evaluations.get(title)]
        print(f"| {title} | {'; '.join(cells)} | {told} |")
    wrong = [one for title, results in rows for one in results
             if (one["must_be_equal"] and one["differs"]) or one["losses_apart"] > (1e-3 if "bf16" in title else 1e-6)]
    return 1 if wrong or not all(evaluations.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
