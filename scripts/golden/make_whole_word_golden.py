#!/usr/bin/env python3
"""Makes tests/golden/data/whole_words.json with the live reference: which words its collators mask, with vocabularies of every kind.

    PYTHON scripts/golden/make_whole_word_golden.py [OUT]

For each tokenizer (its files stand in the golden file): the texts' chunks, rows of given words as `is_split_into_words=True` encodes
them, and for each rule what calls of the collator give, one after the other from generators that set_seed(seed) has just seeded:

    offsets   DataCollatorForLanguageModeling(whole_word_mask=True)
    words     the collator of Hugging Face's course, as its rule is told in words
    legacy    DataCollatorForWholeWordMask, which transformers 5 no longer has: with it, what OUT holds of these is kept; run the script
              with transformers 4.57.6 first to make them anew. Everything else is the same with both versions.
"""
import json
import pathlib
import random
import sys
import tempfile

import numpy as np
import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, set_seed

sys.path.append(str(pathlib.Path(__file__).resolve().parent))
from make_byte_level_golden import trained

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/golden/data/whole_words.json")
CHUNK = 16
TEXTS = ["The film was not as good as the book, but the first hour of it is great.", "", " ", "a", "the", "the", "don't", "I'm sure that they've seen it!",
         "well-known and/or half  done ...  a/b", "日本の映画です。これはテストです。", "good 😀 movie\tof the year\n", "naïve café", "unhappiness tokenization",
         "[MASK] of the <mask> film[MASK]s", "12 345 1,000", "the the the the the the the the", "\u200b", "a\u00a0b \u3000 c", "!" * 20, "film" * 12, "x",
         "What is the point of the thing?", "he'd say it's the best of the year, she can't agree.", "  There isn't a better one in this town  "]
WORDS = [["The", "film", "was", "n't", "good"], [], [""], ["a"], ["日本", "の", "映画", "です"], ["New York", "is", "", " ", "big", "\u200b"],
         ["[MASK]", "<mask>", "film"], ["half-done", "don't", "!?", " spaced ", "a\tb"], ["unhappiness" * 4]]
CALLS = [[0, 4], [4, 4], [0, None]]  # first chunk, how many


def lines(items):
    return "[\n" + ",\n".join(json.dumps(item, separators=(",", ":"), ensure_ascii=True) for item in items) + "\n]"


def tokenizers():
    yield "bert", {"vocab.txt": (ROOT / "tests/golden/text/vocab.txt").read_text(encoding="utf-8"), "tokenizer_config.json": json.dumps({"tokenizer_class": "BertTokenizer"})}
    vocab, merges = trained(420)
    files = {"vocab.json": json.dumps(vocab, ensure_ascii=False), "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), "config.json": '{"model_type": "roberta"}'}
    # Said, as without it transformers 4 and 5 take the mask token for two different ones.
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
    for name, settings in (("roberta", {}), ("roberta, with a space before", {"add_prefix_space": True}), ("roberta, offsets not trimmed", {"trim_offsets": False})):
        yield name, {**files, "tokenizer_config.json": json.dumps({"tokenizer_class": "RobertaTokenizerFast", "mask_token": mask, **settings})}
    backend = Tokenizer(models.BPE(vocab, merges))
    backend.normalizer, backend.pre_tokenizer, backend.decoder = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    names = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    backend.add_special_tokens([AddedToken(name, special=True, normalized=False, lstrip=name == "[MASK]") for name in names])
    backend.add_tokens([AddedToken(" " * n) for n in range(8, 1, -1)])
    backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
                                                           special_tokens=[(name, backend.token_to_id(name)) for name in ("[CLS]", "[SEP]")])
    roles = ("unk_token", "cls_token", "sep_token", "pad_token", "mask_token")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512}
    yield "modernbert", {"tokenizer.json": backend.to_str(), "config.json": '{"model_type": "modernbert"}',
                         "tokenizer_config.json": json.dumps({**settings, **dict(zip(roles, names))})}
    names = ["<unk>", "<s>", "</s>", "<pad>", "<mask>"]
    pieces = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces += [(token, -2.0 - place / 16) for place, token in enumerate(["▁", "▁the", "s", "▁film", "t", "▁of", "ing", "▁is", "▁a", ".", "’", "'", "▁good", "▁book", "un", "ness"])]
    pieces += [(letter, -6.0 - place / 64) for place, letter in enumerate("abcdefghijklmnopqruvwxyzTIW,!?-/0123日本の映画です。é")]
    backend = Tokenizer(models.Unigram(pieces, unk_id=3))
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    backend.add_special_tokens([AddedToken(name, special=True, normalized=False, lstrip=name == "<mask>") for name in names])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
                                                           special_tokens=[(name, backend.token_to_id(name)) for name in ("<s>", "</s>")])
    yield "unigram", {"tokenizer.json": backend.to_str(), "config.json": '{"model_type": "xlm-roberta"}', "tokenizer_config.json": json.dumps({**settings, **dict(zip(roles, names))})}


def chunks(tokenizer):
    """The reference's group_texts over one batch of rows."""
    encoded = tokenizer(TEXTS, return_offsets_mapping=True)
    columns = {"input_ids": sum(encoded["input_ids"], []), "offset_mapping": sum(encoded["offset_mapping"], []),
               "word_ids": sum((encoded.word_ids(i) for i in range(len(TEXTS))), [])}
    whole = len(columns["input_ids"]) // CHUNK
    return [{name: column[i * CHUNK:(i + 1) * CHUNK] for name, column in columns.items()} for i in range(whole)]


def by_words(tokenizer, probability):
    """Neighbouring tokens with one word id are a word, where tokens without one are passed over; numpy says which words are masked."""
    def collate(features):
        inputs, labels = [], []
        for feature in features:
            words, last = [], None
            for place, word in enumerate(feature["word_ids"]):
                if word is None:
                    continue
                if word != last:
                    words.append([])
                    last = word
                words[-1].append(place)
            chosen = {place for word, drawn in zip(words, np.random.binomial(1, probability, (len(words),))) if drawn for place in word}
            ids = feature["input_ids"]
            inputs.append([tokenizer.mask_token_id if place in chosen else i for place, i in enumerate(ids)])
            labels.append([i if place in chosen else -100 for place, i in enumerate(ids)])
        return {"input_ids": torch.tensor(inputs), "labels": torch.tensor(labels)}
    return collate


def by_offsets(tokenizer, probability):
    collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=probability, whole_word_mask=True, mask_replace_prob=1.0, random_replace_prob=0.0)
    return lambda features: collator([{name: f[name] for name in ("input_ids", "offset_mapping")} for f in features])


def legacy(tokenizer, probability):
    collator = transformers.DataCollatorForWholeWordMask(tokenizer=tokenizer, mlm_probability=probability)
    return lambda features: collator([{"input_ids": f["input_ids"]} for f in features])


def masked(make, tokenizer, rows):
    cases = []
    for seed, probability in ((42, .15), (7, .4)):
        collate, calls = make(tokenizer, probability), []
        set_seed(seed)
        for first, count in CALLS:
            batch = collate(rows[first:first + (count or len(rows))])
            calls.append({"first": first, "input_ids": batch["input_ids"].flatten().tolist(), "labels": batch["labels"].flatten().tolist()})
        cases.append({"seed": seed, "probability": probability, "calls": calls, "after": {"torch": torch.rand(1).item(), "numpy": np.random.rand(), "python": random.getrandbits(32)}})
    return cases


def given_words(tokenizer):
    try:
        encoded = [tokenizer(row, is_split_into_words=True, return_offsets_mapping=True) for row in WORDS]
    except AssertionError:  # transformers 4 refuses where no space is put before words; 5 encodes them as they are
        return None
    return [{"ids": e["input_ids"], "word_ids": [-1 if w is None else w for w in e.word_ids()], "offsets": [x for pair in e["offset_mapping"] for x in pair]} for e in encoded]


def main():
    known = {t["name"]: t for t in json.loads(OUT.read_text())["tokenizers"]} if OUT.exists() else {}
    has_legacy = hasattr(transformers, "DataCollatorForWholeWordMask")
    out = []
    for name, files in tokenizers():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                (pathlib.Path(folder) / file).write_text(content, encoding="utf-8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
        rows, before = chunks(tokenizer), known.get(name, {})
        made = {"name": name, "files": files, "chunks": [{"ids": r["input_ids"], "words": [-1 if w is None else w for w in r["word_ids"]]} for r in rows],
                "offsets": masked(by_offsets, tokenizer, rows), "words": masked(by_words, tokenizer, rows)}
        if name == "bert":  # the only kind of vocabulary that it is for
            made["legacy"] = masked(legacy, tokenizer, rows) if has_legacy else before["legacy"]
        made["given"] = given_words(tokenizer) or before.get("given")
        out.append(made)
    OUT.write_text(f'{{"chunk_size":{CHUNK},\n"texts":{lines(TEXTS)},\n"rows_of_words":{lines(WORDS)},\n"tokenizers":{lines(out)}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
