#!/usr/bin/env python3
"""Does the walkthrough's steps with Tekio's Python package and with Hugging Face transformers and datasets, and lays the results side by side.

    compare_walkthrough.py PYTHON REFERENCE DATA MODEL [--rows 0] [--train_size 640] [--test_size 128] [--epochs 2] [--batch_size 32] [--whole_map] [--json FILE]

PYTHON has the package installed, REFERENCE transformers, datasets and torch; DATA is a folder with {train,test,unsupervised}.jsonl.zst (or .jsonl) of reviews, MODEL a model's
folder; --rows takes so many of each split. Both run this file, with imports swapped: chunks of all splits, the shuffle and split of seed 42, a batch masked by the collator with seed 7, evaluation, training
with an evaluation each epoch, evaluation. Tekio draws from the reference's streams (masking_rng="torch-cpu", eval_masking="fresh"). The evaluation set is one batch, so
that the reference's mean over batches is one over tokens. --whole_map: Tekio also tokenizes and groups by the walkthrough's own functions, in Python. Exits 1 where counts, rows or masks differ, or a loss by more than 1e-3.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

SPLITS = ("train", "test", "unsupervised")


def digest(rows):
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def go(options):
    """One stack's side. Prints one line of JSON, the last."""
    tekio = options.stack == "tekio"
    if tekio:
        from tekio import AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments, load_dataset
    else:
        import transformers
        from datasets import disable_progress_bars, load_dataset
        from transformers import AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments

        disable_progress_bars()
        transformers.logging.set_verbosity_error()
    found, seconds = {}, {}

    def timed(name, action):
        begun = time.perf_counter()
        made = action()
        seconds[name] = round(time.perf_counter() - begun, 2)
        return made

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForMaskedLM.from_pretrained(options.model, dtype="float32")
    found["parameters"] = model.num_parameters()
    suffix = ".jsonl.zst" if (options.data / "train.jsonl.zst").exists() else ".jsonl"
    reviews = load_dataset("json", data_files={split: str(options.data / (split + suffix)) for split in SPLITS})
    if options.rows:
        for name in SPLITS:
            reviews[name] = reviews[name].select(range(options.rows))
    found["rows"] = [len(reviews[split]) for split in SPLITS]
    sample = reviews["train"].shuffle(seed=42).select(range(3))
    found["shuffled"] = [[row["text"][:40], row["label"]] for row in sample]

    def tokenize_function(examples):
        result = tokenizer(examples["text"])
        result["word_ids"] = [result.word_ids(i) for i in range(len(result["input_ids"]))]
        return result

    def group_texts(examples, chunk_size=128):
        joined = {k: [each for part in v for each in part] for k, v in examples.items()}
        total = len(joined["input_ids"]) // chunk_size * chunk_size
        result = {k: [t[i : i + chunk_size] for i in range(0, total, chunk_size)] for k, t in joined.items()}
        result["labels"] = result["input_ids"].copy()
        return result

    def mapped():
        return reviews.map(tokenize_function, batched=True, remove_columns=["text", "label"]).map(group_texts, batched=True)

    if tekio:
        from tekio import chunk

        chunks = timed("chunk()", lambda: chunk(reviews, tokenizer, chunk_size=128, use_cache=False))
        if options.whole_map:
            by_hand = timed("map()", mapped)
            if by_hand.num_rows != chunks.num_rows or by_hand["train"][5000:5003]["input_ids"] != chunks["train"][5000:5003]["input_ids"]:
                sys.exit("the walkthrough's functions and chunk() make different chunks")
    else:
        chunks = timed("map()", mapped)
    found["chunks"] = [len(chunks[split]) for split in SPLITS]
    found["chunk 1 of train"] = tokenizer.decode(chunks["train"][1]["input_ids"])[:60]
    found["words of chunk 1"] = digest(chunks["train"][1]["word_ids"])
    split = chunks["train"].train_test_split(train_size=options.train_size, test_size=options.test_size, seed=42)
    found["split"] = {name: digest(list(split[name]["input_ids"])) for name in ("train", "test")}

    seeded = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=0.15, seed=7)
    batch = seeded([{"input_ids": chunks["train"][i]["input_ids"]} for i in range(64)])
    found["masks of seed 7"] = digest([batch["input_ids"].tolist(), batch["labels"].tolist()])

    def trainer():
        streams = {"masking_rng": "torch-cpu", "eval_masking": "fresh", "overwrite_output_dir": True} if tekio else {"use_cpu": True, "report_to": "none"}
        args = TrainingArguments(
            output_dir=f"{options.folder}/{options.stack}", eval_strategy="epoch", learning_rate=2e-5, weight_decay=0.01, per_device_train_batch_size=options.batch_size,
            per_device_eval_batch_size=options.test_size, num_train_epochs=options.epochs, save_strategy="no", disable_tqdm=True,
            logging_steps=max(1, options.train_size // options.batch_size), **streams
        )  # fmt: skip
        collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=0.15)
        return Trainer(model=model, args=args, train_dataset=split["train"], eval_dataset=split["test"], data_collator=collator, processing_class=tokenizer)

    # As the notebook does it: evaluate, train, evaluate. Tekio's train() evaluates before and after by itself, drawing from the same streams.
    training = trainer()
    before = None if tekio else training.evaluate()["eval_loss"]
    output = timed("train()", training.train)
    history = list(training.state.log_history)
    after = None if tekio else training.evaluate()["eval_loss"]
    if tekio:
        run = json.loads(pathlib.Path(training.args.output_dir, "run.json").read_text())
        before, after = run["before"]["loss"], run["after"]["loss"]
    found["loss before"] = before
    found["losses of epochs"] = [entry["loss"] for entry in history if "loss" in entry]
    found["evaluations"] = [entry["eval_loss"] for entry in history if "eval_loss" in entry][-options.epochs :]
    found["training_loss"] = output.training_loss
    found["loss after"] = after
    print(json.dumps({"found": found, "seconds": seconds}))


def shown(name, value):
    if name.startswith(("loss", "evaluations", "training")):
        values = value if isinstance(value, list) else [value]
        return ", ".join(f"{each:.5f} ({math.exp(each):.2f})" for each in values)
    if isinstance(value, dict):
        return ", ".join(value.values())
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "; ".join(f"{text}… ({label})" for text, label in value)
    return ", ".join(f"{each:,}" for each in value) if isinstance(value, list) else f"{value:,}" if isinstance(value, int) else str(value)


def apart(ours, theirs):
    """How far two values are from each other: numbers by how much, all else 0 or infinity."""
    if isinstance(ours, float):
        return abs(ours - theirs)
    if isinstance(ours, list) and ours and isinstance(ours[0], float):
        return max(map(apart, ours, theirs)) if len(ours) == len(theirs) else math.inf
    return 0 if ours == theirs else math.inf


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("reference")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--train_size", type=int, default=640)
    parser.add_argument("--test_size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--whole_map", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--stack", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stack:
        go(options)
        return
    sides = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": f"{folder}/home", "TEKIO_CACHE": f"{folder}/cache"}
        for stack, python in (("tekio", options.python), ("reference", options.reference)):
            done = subprocess.run([python, *sys.argv, "--stack", stack, "--folder", folder], stdout=subprocess.PIPE, text=True, check=False, env=environment)
            if done.returncode != 0:
                sys.exit(f"{stack}: exit code {done.returncode}\n{done.stdout}")
            sides[stack] = json.loads(done.stdout.splitlines()[-1])
    if options.json:
        options.json.write_text(json.dumps(sides, indent=1))
    ours, theirs = sides["tekio"]["found"], sides["reference"]["found"]
    print("| | Tekio | reference | apart |\n|---|---|---|---|")
    good = True
    for name, value in ours.items():
        distance = apart(value, theirs[name])
        good = good and distance < 1e-3
        print(f"| {name} | {shown(name, value)} | {shown(name, theirs[name])} | {'the same' if distance == 0 else 'DIFFERENT' if distance == math.inf else f'{distance:.1e}'} |")
    for stack, side in sides.items():
        print(f"{stack}: {', '.join(f'{name} {seconds} s' for name, seconds in side['seconds'].items())}")
    raise SystemExit(0 if good else 1)


main()
