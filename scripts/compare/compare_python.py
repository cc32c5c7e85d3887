#!/usr/bin/env python3
"""What Python costs: importing the package beside importing the reference stack, and work by the package beside the same by the program.

    compare_python.py PYTHON [--reference PYTHON] [--data FILE] [--texts 2000] [--updates 20] [--pairs 5] [--parts import work texts] [--jobs adapt fill …]
                      [--json FILE]

PYTHON has the package installed (scripts/checks/check_wheel.py shows how), the other one Hugging Face transformers and datasets. Everything is a process of its own, in
alternation, so many pairs. Importing: seconds of the process less those of a Python that does nothing, and its peak of resident memory; then the same until a
bundled model has filled one mask. Work: adapt (the bundled model, so many updates on FILE), once by adapt() and once by Trainer, fill (so many texts in one call), tokenize (FILE to chunks,
nothing cached), from the process's start to its end. One text after another: milliseconds of a text in a process that has the model open, by one thread, beside
`tekio bench fill --warm`. Seconds are those of the clock, "cpu" those of processors; ratios are of medians, that of the work without
what Python takes to start and to import the package.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

NAMES = "AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments, pipeline"
FILL = "pipeline('fill-mask', model={model!r})('This is a great [MASK].')"


def measure(command, stdin=None):
    """(seconds, processor seconds, peak MiB) of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if stdin:
        process.stdin.write(stdin)
        process.stdin.close()
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{said}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def in_turn(jobs, pairs):
    """Medians by name; the first round warms the machine's caches and is left out."""
    taken = {name: [] for name in jobs}
    for turn in range(pairs + 1):
        for name, (command, stdin) in jobs.items():
            result = measure(command, stdin)
            if turn > 0:
                taken[name].append(result)
    return {name: tuple(statistics.median(column) for column in zip(*results)) for name, results in taken.items()}


def imports(options, model):
    code = {"tekio": "import tekio", "all names": f"from tekio import {NAMES}, load_dataset", "one mask filled": f"from tekio import pipeline; {FILL.format(model=model)}"}
    jobs = {("Python", "alone"): ([options.python, "-c", "pass"], None)}
    jobs.update({("Tekio", what): ([options.python, "-c", text], None) for what, text in code.items()})
    if options.reference:
        code = {"transformers, datasets": "import transformers, datasets", "all names": f"from transformers import {NAMES}; from datasets import load_dataset",
                "one mask filled": f"from transformers import pipeline; {FILL.format(model=model)}"}
        jobs[("reference's Python", "alone")] = ([options.reference, "-c", "pass"], None)
        jobs.update({("reference", what): ([options.reference, "-c", text], None) for what, text in code.items()})
    found = in_turn(jobs, options.pairs)
    rows = []
    for (who, what), (seconds, cpu, memory) in found.items():
        if what != "alone":
            bare = found[("Python", "alone") if who == "Tekio" else ("reference's Python", "alone")]
            rows.append({"who": who, "what": what, "seconds": seconds - bare[0], "cpu": cpu - bare[1], "mib": memory, "mib_of_python": bare[2]})
    print("| | | seconds | cpu | MiB at most (Python alone) |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['who']} | {row['what']} | {row['seconds']:.3f} | {row['cpu']:.3f} | {row['mib']:.0f} ({row['mib_of_python']:.0f}) |")
    return rows


def work(options, folder, program, model):
    """Each job as the program does it and as Python does."""
    texts = folder / "texts.txt"
    texts.write_text("".join(f"The film number {i} was a great [MASK].\n" for i in range(options.texts)))
    data, run = str(options.data), str(folder / "run")
    settings = {"train_size": 512, "test_size": 64, "max_steps": options.updates, "batch_size": 8, "chunk_size": 128, "dtype": "f32", "eval_strategy": "no", "save_strategy": "no",
                "general_data": "none"}  # fmt: skip
    words = [f"--{name}={value}" for name, value in settings.items()]
    by_trainer = TRAINER.format(model=model, data=data, run=run, **settings)
    from_texts = f"fill = pipeline('fill-mask', model={model!r}); fill(open({str(texts)!r}).read().splitlines())"
    adapt = [program, "adapt", "--model", model, "--data", data, "--output_dir", run, "--overwrite_output_dir", "--no_cache", "--json", *words]
    jobs = {
        "adapt": (adapt, f"import tekio; tekio.adapt({model!r}, {data!r}, output_dir={run!r}, overwrite_output_dir=True, no_cache=True, **{settings!r})", None),
        "adapt by Trainer": (adapt, by_trainer, None),
        "fill": ([program, "fill", "--model", model, "--json"], f"from tekio import pipeline; {from_texts}", texts.read_bytes()),
        "tokenize": ([program, "data", "chunks", data, "--model", model, "--no_cache", "--json"],
                     f"import tekio; tekio.chunk(tekio.load_dataset({data!r}), tekio.AutoTokenizer.from_pretrained({model!r}), use_cache=False)", None),
    }  # fmt: skip
    rows = []
    print("\n| | program: seconds (cpu) | Python: seconds (cpu) | ratio of cpu | of the work's cpu | MiB |\n|---|---|---|---|---|---|")
    for name, (command, code, stdin) in jobs.items():
        if name not in (options.jobs or jobs):
            continue
        found = in_turn({"program": (command, stdin), "Python": ([options.python, "-c", code], None),
                         "start": ([options.python, "-c", f"from tekio import {NAMES}, load_dataset"], None)}, options.pairs)  # fmt: skip
        (a, b, c), (d, e, f), (_, start, _) = found["program"], found["Python"], found["start"]
        rows.append({"job": name, "program": {"seconds": a, "cpu": b, "mib": c}, "python": {"seconds": d, "cpu": e, "mib": f, "start_cpu": start}})
        print(f"| {name} | {a:.2f} ({b:.2f}) | {d:.2f} ({e:.2f}) | {e / b:.3f} | {(e - start) / b:.3f} | {c:.0f}, {f:.0f} |", flush=True)
    return rows


TRAINER = """
from tekio import AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments, chunk, load_dataset
tokenizer = AutoTokenizer.from_pretrained({model!r})
chunks = chunk(load_dataset({data!r}, split="train"), tokenizer, chunk_size={chunk_size}, use_cache=False)
split = chunks.train_test_split(train_size={train_size}, test_size={test_size}, seed=42)
args = TrainingArguments({run!r}, overwrite_output_dir=True, max_steps={max_steps}, per_device_train_batch_size={batch_size},
                         per_device_eval_batch_size={batch_size}, learning_rate=2e-5, weight_decay=0.01, save_strategy="no", disable_tqdm=True)
Trainer(model=AutoModelForMaskedLM.from_pretrained({model!r}, dtype="float32"), args=args, train_dataset=split["train"], eval_dataset=split["test"],
        data_collator=DataCollatorForLanguageModeling(tokenizer=tokenizer), processing_class=tokenizer).train()
"""

WARM = """
import statistics, time
from tekio import AutoModelForMaskedLM, pipeline
fill = pipeline("fill-mask", model=AutoModelForMaskedLM.from_pretrained({model!r}, threads=1))
taken, begun = [], time.perf_counter()
while len(taken) < 20 or time.perf_counter() - begun < 2:
    at = time.perf_counter()
    fill({text!r})
    taken.append(time.perf_counter() - at)
print(1e3 * statistics.median(taken[3:]))
"""


def one_by_one(options, program, model):
    """Medians of the medians of so many processes in turn, in milliseconds."""
    text = "This is a great [MASK]."
    found = {"program": [], "Python": []}
    said = lambda *command: subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout  # noqa: E731
    for _ in range(options.pairs):
        found["program"].append(json.loads(said(program, "bench", "fill", "--warm", "--model", model, "--threads", 1, "--dtype", "f32", "--json", text))["text_milliseconds"])
        found["Python"].append(float(said(options.python, "-c", WARM.format(model=model, text=text))))
    row = {name: statistics.median(taken) for name, taken in found.items()}
    print(f"\none text after another: program {row['program']:.4f} ms, Python {row['Python']:.4f} ms, ratio {row['Python'] / row['program']:.3f}")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("--reference")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=["import", "work", "texts"], default=["import", "work", "texts"])
    parser.add_argument("--jobs", nargs="+", choices=["adapt", "adapt by Trainer", "fill", "tokenize"], help="of the part work; without it all")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    asked = "from tekio import _places, program; print(program.path(), _places.bundled(_places.BUNDLED_MODEL), sep='\\n')"
    program, model = subprocess.run([options.python, "-c", asked], check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(TEKIO_CACHE=f"{folder}/cache", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="true")
        measured = {}
        if "import" in options.parts:
            measured["import"] = imports(options, model)
        if "texts" in options.parts:
            measured["texts"] = one_by_one(options, program, model)
        if options.data and "work" in options.parts:
            measured["work"] = work(options, pathlib.Path(folder), program, model)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1))


main()
