"""Makes the golden files of tests/golden with the live reference stack (see README.md there for what each holds).

    python scripts/golden/make_training_golden.py OUT [--data DIR] [--skip-walkthrough]

DIR is the folder with imdb/ and tokenizers/ (default: $TEKIO_DATA). Needs torch, transformers, datasets, zstandard, safetensors; about two minutes.
"""
import argparse, contextlib, hashlib, io, json, os, re, tempfile, warnings, zlib
for key, value in {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": "",
                   "HF_DATASETS_CACHE": tempfile.mkdtemp(prefix="golden-")}.items():
    os.environ.setdefault(key, value)
warnings.filterwarnings("ignore")
import numpy as np
import torch
import datasets
import transformers
import zstandard
from safetensors.numpy import save_file
from transformers import (AutoTokenizer, DataCollatorForLanguageModeling, DistilBertConfig, DistilBertForMaskedLM, Trainer,
                          TrainingArguments)

torch.set_num_threads(1)
datasets.disable_progress_bars()
p = argparse.ArgumentParser()
p.add_argument("out")
p.add_argument("--data", default=os.environ.get("TEKIO_DATA"))
p.add_argument("--skip-walkthrough", action="store_true")
a = p.parse_args()
if not a.data:
    p.error("name the data folder: --data DIR, or TEKIO_DATA")
S = dict(seeds=[0, 42, 12345, 2 ** 32 + 42], shapes=[(3, 7), (8, 128), (5, 33)], perm=[1, 2, 10, 37, 1000, 25000, 61291],
         chunks=(0, 48), train=37, eval=11, batch=8, eval_batch=4, trainer_seeds=[42, 0], walkthrough=42)
tok = AutoTokenizer.from_pretrained(os.path.join(a.data, "tokenizers/distilbert-base-uncased"))
tok.model_max_length = 10 ** 9


def dump(name, value):
    with open(os.path.join(a.out, name), "w") as f:
        text = json.dumps(value, indent=1)
        for inner in (r"\[[^\[\]{}]*\]", r"\{[^\[\]{}]*\}"):        # innermost lists and objects go on one line
            text = re.sub(inner, lambda m: re.sub(r"\s+", " ", m.group()), text)
        f.write(text + "\n")


def digest(array):                                              # of little-endian int64
    return hashlib.sha256(np.asarray(array).astype("<i8").tobytes()).hexdigest()


def crc(t):
    return zlib.crc32(np.asarray(t).astype("<i8").tobytes())


def head(array):
    x = [int(v) for v in array]
    return x if len(x) <= 40 else {"first": x[:16], "last": x[-4:], "sha256": digest(x)}


def ones(t):                                                    # flat row-major positions
    return torch.as_tensor(t).reshape(-1).nonzero().reshape(-1).tolist()


# -- rng.json -----------------------------------------------------------------------------------------------------------
def rng(seed):
    fresh = lambda: torch.manual_seed(seed)
    torch_part = {"mt19937_words": np.random.RandomState(seed % 2 ** 32).randint(0, 2 ** 32, 12, dtype=np.uint32).tolist()}
    fresh(); torch_part["rand_float32"] = torch.rand(8).tolist()
    fresh(); torch_part["rand_float64"] = torch.rand(4, dtype=torch.float64).tolist()
    for shape in S["shapes"]:
        fresh(); torch_part["bernoulli_0.15 %dx%d, positions of ones" % shape] = ones(torch.bernoulli(torch.full(shape, .15)))
    for high in (10, 30522, 2 ** 28 - 1, 2 ** 28, 2 ** 40 + 3):
        fresh(); torch_part[f"randint {high}"] = torch.randint(high, (6,)).tolist()
    fresh(); torch_part["random_ int64"] = [torch.empty((), dtype=torch.int64).random_().item() for _ in range(3)]
    for n in S["perm"]:
        fresh(); torch_part[f"randperm {n}"] = head(torch.randperm(n))
    fresh(); torch_part["dropout_0.1 4x40, positions of zeros"] = ones(torch.nn.functional.dropout(torch.ones(4, 40), .1) == 0)
    fresh()
    mixed = [ones(torch.bernoulli(torch.full((2, 9), .5))), torch.randint(30522, (3,)).tolist(), torch.randperm(5).tolist(),
             torch.empty((), dtype=torch.int64).random_().item(), ones(torch.nn.functional.dropout(torch.ones(11), .5)), torch.rand(2).tolist()]
    torch_part["one stream: bernoulli .5 2x9, randint 30522 x3, randperm 5, random_ int64, dropout .5 kept of 11, rand x2"] = mixed
    fresh()
    loader = torch.utils.data.DataLoader(range(S["train"]), shuffle=True, batch_size=None)
    torch_part[f"DataLoader(shuffle) of {S['train']}, two epochs, then rand x2"] = [[int(i) for i in loader], [int(i) for i in loader], torch.rand(2).tolist()]
    numpy_part = {f"permutation {n}": head(np.random.default_rng(seed).permutation(n)) for n in S["perm"]}
    d = datasets.Dataset.from_dict({"i": list(range(200))}).train_test_split(train_size=20, test_size=7, seed=seed)
    numpy_part["train_test_split of 200, train 20, test 7"] = {k: d[k]["i"][:] for k in ("train", "test")}
    np.random.seed(seed % 2 ** 32)
    legacy = {"rand": np.random.rand(4).tolist()}
    np.random.seed(seed % 2 ** 32)
    legacy["binomial(1, 0.2, 64) positions of ones, then rand x2"] = [np.random.binomial(1, .2, 64).nonzero()[0].tolist(), np.random.rand(2).tolist()]
    return {"torch": torch_part, "numpy_default_rng": numpy_part, "numpy_legacy (seed mod 2^32)": legacy}


# -- masks --------------------------------------------------------------------------------------------------------------
def reviews(limit=None):
    with open(os.path.join(a.data, "imdb/train.jsonl.zst"), "rb") as raw:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8")
        return [json.loads(line)["text"] for line, _ in zip(lines, range(limit or 10 ** 9))]


def chunk(texts, width=128):
    ids, offsets = [], []
    for i in range(0, len(texts), 1000):
        e = tok(texts[i:i + 1000], return_offsets_mapping=True)
        x = np.concatenate([np.array(r, np.int64) for r in e["input_ids"]])
        o = np.concatenate([np.array(r, np.int64) for r in e["offset_mapping"]])
        n = len(x) // width
        ids.append(x[:n * width].reshape(n, width))
        offsets.append(o[:n * width].reshape(n, width, 2))
    return np.concatenate(ids), np.concatenate(offsets)


def as_dataset(rows):
    return datasets.Dataset.from_dict({"input_ids": rows.tolist(), "attention_mask": np.ones_like(rows).tolist(), "labels": rows.tolist()})


def trainer_run(rows, case):
    """A real Trainer.train() of a tiny model without dropout, recording what its collator is asked for and gives."""
    calls, collate = [], DataCollatorForLanguageModeling(tokenizer=tok, mlm_probability=.15)
    lookup = {r.tobytes(): i for i, r in enumerate(rows)}

    def record(features):
        source = [lookup[np.array(f["input_ids"], np.int64).tobytes()] for f in features]
        batch = collate(features)
        calls.append((source, batch["input_ids"].numpy().copy(), batch["labels"].numpy().copy()))
        return batch
    model = DistilBertForMaskedLM(DistilBertConfig(dim=8, n_layers=1, n_heads=1, hidden_dim=8, dropout=0., attention_dropout=0.))
    steps = case.get("eval_steps")
    args = TrainingArguments(output_dir=tempfile.mkdtemp(prefix="golden-"), per_device_train_batch_size=S["batch"], per_device_eval_batch_size=S["eval_batch"],
                             num_train_epochs=2, gradient_accumulation_steps=case.get("accumulate", 1), seed=case["seed"], data_seed=case.get("data_seed"),
                             eval_strategy="steps" if steps else "epoch", eval_steps=steps, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True)
    n = S["train"]
    trainer = Trainer(model=model, args=args, train_dataset=as_dataset(rows[:n]), eval_dataset=as_dataset(rows[n:n + S["eval"]]), data_collator=record)
    with contextlib.redirect_stdout(io.StringIO()):
        if case.get("evaluate_first"):
            trainer.evaluate()
        trainer.train()
    return calls, torch.rand(4).tolist()


def masks():
    first, last = S["chunks"]
    ids, offsets = chunk(reviews(1000))
    ids, offsets = ids[first:last], offsets[first:last]
    tensors, notes = {"chunks": ids.astype(np.int32), "offsets": offsets.astype(np.int32)}, {"collator": [], "trainer": []}
    low = lambda t: np.asarray(t).astype(np.int32)

    def collated(name, features, seed, **kwargs):
        c = DataCollatorForLanguageModeling(tokenizer=tok, **kwargs)
        torch.manual_seed(seed)
        b = c([dict(f) for f in features])
        tensors[name + ".input_ids"], tensors[name + ".labels"] = low(b["input_ids"]), low(b["labels"])
        notes["collator"].append({"name": name, "seed": seed, **kwargs, "rand_after": torch.rand(2).tolist()})
    full = [{"input_ids": r.tolist()} for r in ids]
    for seed in S["seeds"]:
        collated(f"tokens.seed{seed}", full[:S["batch"]], seed, mlm_probability=.15)
    collated("probabilities", full[:4], S["seeds"][1], mlm_probability=.4, mask_replace_prob=.5, random_replace_prob=.3)
    collated("mask_only", full[:4], S["seeds"][1], mlm_probability=.15, mask_replace_prob=1., random_replace_prob=0.)
    ragged = [{"input_ids": ids[i, :n].tolist()} for i, n in enumerate((5, 17, 30, 1))]
    collated("padded", ragged, S["seeds"][1], mlm_probability=.5, pad_to_multiple_of=8)
    special = [{"input_ids": [101, 100, 103, 2000, 100, 102] * 8, "special_tokens_mask": [1, 0, 0, 0, 0, 1] * 8}]
    collated("special_column", special, S["seeds"][1], mlm_probability=.9)
    collated("special_by_id", [{"input_ids": special[0]["input_ids"]}], S["seeds"][1], mlm_probability=.9)
    words = [{"input_ids": r.tolist(), "offset_mapping": o.tolist()} for r, o in zip(ids[:8], offsets[:8])]
    collated("whole_words", words, S["seeds"][1], mlm_probability=.2, whole_word_mask=True, mask_replace_prob=1., random_replace_prob=0.)
    cases = [{"seed": S["trainer_seeds"][0]}, {"seed": S["trainer_seeds"][0], "accumulate": 2, "eval_steps": 2, "evaluate_first": True},
             {"seed": S["trainer_seeds"][1], "data_seed": 13, "accumulate": 3}]
    for k, case in enumerate(cases):
        calls, after = trainer_run(ids, case)
        if k == 0:
            tensors["trainer0.input_ids"] = low(np.concatenate([c[1] for c in calls]))
            tensors["trainer0.labels"] = low(np.concatenate([c[2] for c in calls]))
        notes["trainer"].append({**case, "train": S["train"], "eval": S["eval"], "batch": S["batch"], "eval_batch": S["eval_batch"], "epochs": 2,
                                 "calls": [{"rows": r, "input_ids_crc32": crc(i), "labels_crc32": crc(l), "masked": int((l != -100).sum())} for r, i, l in calls],
                                 "rand_after": after})
    save_file(tensors, os.path.join(a.out, "masks.safetensors"))
    dump("masks.json", notes)


def walkthrough():
    """Every batch of the walkthrough's Trainer run: evaluate, three epochs with evaluation, evaluate. Loaders run, the model does not:
    the stream is that of a run on a GPU, or on a CPU without dropout."""
    ids, _ = chunk(reviews())
    d = datasets.Dataset.from_dict({"input_ids": list(ids.astype(np.int32)), "labels": list(ids.astype(np.int32))})
    split = d.train_test_split(train_size=10000, test_size=1000, seed=42)
    model = DistilBertForMaskedLM(DistilBertConfig(dim=8, n_layers=1, n_heads=1, hidden_dim=8))
    args = TrainingArguments(output_dir=tempfile.mkdtemp(prefix="golden-"), per_device_train_batch_size=64, per_device_eval_batch_size=64, seed=S["walkthrough"],
                             report_to=[], use_cpu=True)
    t = Trainer(model=model, args=args, train_dataset=split["train"], eval_dataset=split["test"],
                data_collator=DataCollatorForLanguageModeling(tokenizer=tok, mlm_probability=.15))
    line = lambda b: [crc(b["input_ids"]), crc(b["labels"]), int((b["labels"] != -100).sum())]
    train, out = t.get_train_dataloader(), {"chunks": len(ids), "chunks_sha256": digest(ids), "seed": S["walkthrough"]}
    evaluate = lambda: [line(b) for b in t.get_eval_dataloader()]
    out["evaluate_before"] = evaluate()
    for epoch in range(3):
        train.set_epoch(epoch)
        out[f"epoch{epoch}"] = [line(b) for b in train]
        out[f"evaluate{epoch}"] = evaluate()
    out["evaluate_after"] = evaluate()
    torch.manual_seed(S["walkthrough"])
    frozen = DataCollatorForLanguageModeling(tokenizer=tok, mlm_probability=.15)([split["test"][i] for i in range(1000)])
    out["frozen (manual_seed, one call over the 1,000 test chunks)"] = line(frozen)
    dump("walkthrough.json", out)


os.makedirs(a.out, exist_ok=True)
dump("rng.json", {"versions": {"torch": torch.__version__, "numpy": np.__version__, "datasets": datasets.__version__, "transformers": transformers.__version__},
                  **{f"seed {s}": rng(s) for s in S["seeds"]}})
masks()
if not a.skip_walkthrough:
    walkthrough()
for folder, _, names in os.walk(a.out):
    for name in names:
        os.chmod(os.path.join(folder, name), 0o644)
