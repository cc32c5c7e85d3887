"""Makes tests/golden/tiny-*: a tiny model of each family with the reference's logits, gradients and ten AdamW steps (see README.md
there). Weights come from numpy, not from the library's initialisation, so that every version starts from the same bits.

    python scripts/golden/make_model_golden.py OUT [NAME...]
"""
import json, os, re, sys, warnings
for key, value in {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}.items():
    os.environ.setdefault(key, value)
warnings.filterwarnings("ignore")
import numpy as np
import torch
import transformers as hf
from safetensors.numpy import save_file

torch.set_num_threads(1)
USAGE = "usage: make_model_golden.py OUT [NAME...]"
OUT = sys.argv[1] if len(sys.argv) > 1 else sys.exit(USAGE)
LARGE = dict(vocab=600, width=32, layers=2, heads=4, hidden=64, rows=4, length=16)
SMALL = {**LARGE, "vocab": 120, "width": 16, "heads": 2, "hidden": 24}
ODD = dict(vocab=123, width=24, layers=2, heads=3, hidden=37, rows=4, length=13)
LONG = {**ODD, "layers": 4, "hidden": 27, "length": 16}
SEED = 1


def bert_like(name, S, **more):
    """Of BERT's kin, whose configs have BERT's keys."""
    config = getattr(hf, name + "Config")(
        vocab_size=S["vocab"], hidden_size=S["width"], num_hidden_layers=S["layers"], num_attention_heads=S["heads"],
        intermediate_size=S["hidden"], hidden_dropout_prob=0., attention_probs_dropout_prob=0.,
        **{"max_position_embeddings": S["length"] + 8, **more})
    return getattr(hf, name + "ForMaskedLM")(config)


def distilbert(S, **more):
    return hf.DistilBertForMaskedLM(hf.DistilBertConfig(
        vocab_size=S["vocab"], max_position_embeddings=S["length"] + 8, dim=S["width"], n_layers=S["layers"], n_heads=S["heads"],
        hidden_dim=S["hidden"], dropout=0., attention_dropout=0., **more))


def modernbert(S, **more):
    return hf.ModernBertForMaskedLM(hf.ModernBertConfig(
        vocab_size=S["vocab"], hidden_size=S["width"], num_hidden_layers=S["layers"], num_attention_heads=S["heads"],
        intermediate_size=S["hidden"], max_position_embeddings=S["length"] + 8, local_attention=8, global_attn_every_n_layers=3,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, **more))


MODELS = {
    "distilbert": (distilbert, LARGE, {}),
    "distilbert-untied": (distilbert, SMALL, {"tie_word_embeddings": False}),
    "bert": (lambda S, **o: bert_like("Bert", S, **o), LARGE, {}),
    "bert-untied": (lambda S, **o: bert_like("Bert", S, **o), SMALL, {"tie_word_embeddings": False}),
    "roberta": (lambda S, **o: bert_like("Roberta", S, **o), ODD, {"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "camembert-untied": (lambda S, **o: bert_like("Camembert", S, **o), ODD, {"tie_word_embeddings": False}),
    "electra": (lambda S, **o: bert_like("Electra", S, **o), ODD, {"embedding_size": 40}),
    "electra-untied": (lambda S, **o: bert_like("Electra", S, **o), ODD, {"embedding_size": 24, "tie_word_embeddings": False}),
    "albert": (lambda S, **o: bert_like("Albert", S, **o), LONG,
               {"embedding_size": 20, "num_hidden_groups": 2, "inner_group_num": 2}),
    "modernbert": (modernbert, LONG, {}),
    "modernbert-biased": (modernbert, {**LONG, "layers": 3},
                          {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True, "norm_bias": True,
                           "classifier_bias": True, "decoder_bias": False, "hidden_activation": "silu",
                           "classifier_activation": "tanh"}),
}
# An untied head of these has two biases, of which only the decoder's enters anything: they begin alike, and what is frozen of the
# decoder's stands under the other's name.
OWN_BIAS = {"bert-untied": "cls.predictions.", "camembert-untied": "lm_head."}


def dump(name, value):
    with open(os.path.join(OUT, name), "w") as f:
        text = json.dumps(value, indent=1)
        for inner in (r"\[[^\[\]{}]*\]", r"\{[^\[\]{}]*\}"):        # innermost lists and objects go on one line
            text = re.sub(inner, lambda m: re.sub(r"\s+", " ", m.group()), text)
        f.write(text + "\n")


def tiny(which):
    make, S, options = MODELS[which]
    model = make(S, **options)
    own_bias = OWN_BIAS.get(which)
    typed = getattr(model.config, "type_vocab_size", 1) > 1
    pad = model.config.pad_token_id
    g = np.random.default_rng(SEED)
    norms = {n for n, m in model.named_modules() if isinstance(m, torch.nn.LayerNorm)}
    with torch.no_grad():
        for name, w in model.named_parameters():
            noise = torch.from_numpy(g.standard_normal(tuple(w.shape)).astype(np.float32)) * .1
            w.copy_(noise + (1. if name.endswith("weight") and name.rsplit(".", 1)[0] in norms else 0.))
        if own_bias:
            model.get_output_embeddings().bias.copy_(dict(model.named_parameters())[own_bias + "bias"])
    if own_bias:
        parameters = lambda m: {(own_bias + "bias" if n == own_bias + "decoder.bias" else n): w for n, w in m.named_parameters()}
    else:
        parameters = lambda m: dict(m.named_parameters())
    folder = os.path.join(OUT, "tiny-" + which)
    model.save_pretrained(folder)
    B, L, batches = S["rows"], S["length"], []
    for k in range(3):                                          # 0: plain; 1: padded (and token types); 2: padded, one row without labels
        ids = g.integers(5, S["vocab"], (B, L))
        mask = np.ones((B, L), np.int64)
        if k:
            for r, n in enumerate(g.integers(3, L + 1, B)):
                ids[r, n:], mask[r, n:] = pad, 0
        labels = np.where((g.random((B, L)) < .3) & (mask == 1), ids, -100)
        labels[:, 1] = ids[:, 1]
        if k == 2:
            labels[1] = -100
        ids = np.where((labels != -100) & (g.random((B, L)) < .8), 4, ids)
        if pad == 1 and k == 0:
            ids[2, 5] = pad                                     # a padding token that stands in the text: positions skip it
        b = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        if typed:
            b["token_type_ids"] = (np.arange(L)[None] >= L // 2).astype(np.int64) * np.ones((B, 1), np.int64) * (k > 0)
        batches.append({n: torch.from_numpy(np.ascontiguousarray(v)).long() for n, v in b.items()})
    tensors, notes = {}, {"kind": which.removesuffix("-untied"), "parameters": sum(w.numel() for w in parameters(model).values()), "batches": []}
    model.train()
    start = {n: v.clone() for n, v in model.state_dict().items()}
    for k, b in enumerate(batches):
        tensors.update({f"batch{k}.{n}": v.numpy().astype(np.int32) for n, v in b.items()})
        model.zero_grad()
        out = model(**b)
        out.loss.backward()
        tensors[f"batch{k}.logits"] = out.logits.detach().numpy().copy()
        double = type(model)(model.config).double().train()
        double.load_state_dict({n: v.double() for n, v in start.items()})
        out64 = double(**b)
        out64.loss.backward()
        grads64 = parameters(double)
        worst = 0.
        for n, w in parameters(model).items():
            if k != 1:
                tensors[f"batch{k}.grad.{n}"] = w.grad.numpy().copy()
            worst = max(worst, float((w.grad - grads64[n].grad).abs().max()))
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(w.grad) for w in parameters(model).values()]))
        notes["batches"].append({"loss": out.loss.item(), "loss_float64": out64.loss.item(), "grad_norm": norm.item(), "selected": int((b["labels"] != -100).sum()),
                                 "float32_logits_error": float((out.logits - out64.logits)[b["attention_mask"] == 1].abs().max()), "float32_gradient_error": worst})
    undecayed = {id(w) for n, w in model.named_parameters() if n.endswith("bias") or n.rsplit(".", 1)[0] in norms}
    groups = [{"params": [w for w in model.parameters() if id(w) not in undecayed], "weight_decay": .01},
              {"params": [w for w in model.parameters() if id(w) in undecayed], "weight_decay": 0.}]
    opt = torch.optim.AdamW(groups, lr=1e-3, betas=(.9, .999), eps=1e-8, fused=True)
    sched = hf.get_scheduler("linear", opt, num_warmup_steps=2, num_training_steps=10)
    notes["adamw"] = {"lr": 1e-3, "betas": [.9, .999], "eps": 1e-8, "weight_decay": .01, "decayed": "all but biases and LayerNorm", "clip": 1.0,
                      "schedule": "linear, warm-up 2, total 10", "steps": []}
    for step in range(10):
        model.zero_grad()
        loss = model(**batches[step % 3]).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        lr = sched.get_last_lr()[0]
        opt.step()
        sched.step()
        notes["adamw"]["steps"].append({"batch": step % 3, "loss": loss.item(), "grad_norm": norm.item(), "learning_rate": lr})
    tensors.update({f"final.{n}": w.detach().numpy().copy() for n, w in parameters(model).items()})
    save_file(tensors, os.path.join(folder, "golden.safetensors"))
    dump(os.path.join(os.path.basename(folder), "golden.json"), notes)


names = sys.argv[2:] or list(MODELS)
if unknown := set(names) - set(MODELS):
    sys.exit(f"make_model_golden.py: no model {sorted(unknown)}; there are {', '.join(MODELS)}")
os.makedirs(OUT, exist_ok=True)
for name in names:
    tiny(name)
    for file in os.listdir(os.path.join(OUT, "tiny-" + name)):
        os.chmod(os.path.join(OUT, "tiny-" + name, file), 0o644)
