#!/usr/bin/env python3
"""Makes tests/golden/text/{unigram,unigram_pipelines,unigram_training}.json with the live reference (transformers and its `tokenizers`).

    PYTHON scripts/golden/make_unigram_golden.py [OUT]

    unigram.json            folders of XLM-RoBERTa's, CamemBERT's and ALBERT's classes, with a small vocabulary made here: their files (those of
                            SentencePiece under "models", in base64), what they make of nasty texts (ids, word ids, offsets), of a pair, and back
    unigram_pipelines.json  tokenizer.json files with a Unigram model, in the form of pipelines.json (make_tokenizer_golden.py): what converters
                            of several years wrote of these classes, Llama's shape with bytes, and every option of the model and of Metaspace
    unigram_training.json   rows of text, options, and the pieces and scores that UnigramTrainer makes of them; pieces of equal scores, which
                            it has in no order, by code points; scores to nine digits

The charsmap is one of few rules (sentencepiece_files.py). The texts come from compare_tokenizer.py's generator, with a fixed seed.
"""
import base64
import json
import pathlib
import random
import sys
import tempfile

sys.path += [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "compare")]
from sentencepiece_files import CONTROL, UNKNOWN, USER_DEFINED, charsmap, model
from make_byte_level_golden import OUT, PROSE, SPECIAL, encoded, lines, texts
from tokenizers import AddedToken, Regex, Tokenizer, __version__, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

OWN = [t.encode() for t in ("the  film was  not", " the", "the ", "\u2581the \u2581 the\u2581\u2581film", "......", "........... a", "ﬁlm\u00a0was\u3000great\u200b", "\u200bthe\x01", "™\u0301x ™\x1eg e\u0301",
                            "\u00a8\u0301 ©\u200d© ©\u200dx", "a \u0301b", "<unk>the<unk>\u4e00\u4e01 <unk>", "日本の映画です。 これは", "ｶﾞｱ １２ ㍿", "``the'' film''", "Ünïcödé É", "the<mask>film <mask> \n<mask>", "a\tb\nc\r\nd",
                            "😀😀 the", "\u1112\u1161\u11ab한\u0301")]


def in_order(vocab):
    """Pieces with scores by which they are sorted. Characters that pruning took out get the least score and 0.0001 more each, in the order of
    a hash table; here in that of code points."""
    least = min(score for text, score in vocab if score)
    taken_out = lambda text, score: len(text) == 1 and abs((score - least) * 1e4 - round((score - least) * 1e4)) < 1e-6
    scores = sorted(score for text, score in vocab if taken_out(text, score))
    given = dict(zip(sorted(text for text, score in vocab if taken_out(text, score)), scores))
    return sorted(((text, given.get(text, score)) for text, score in vocab), key=lambda piece: (-round(piece[1], 9), piece[0]))


def trained(size, lower=False):
    """Pieces and scores of a small model."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap()), *([normalizers.Lowercase()] if lower else [])])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.train_from_iterator(PROSE.split("\n"), trainers.UnigramTrainer(vocab_size=8000, special_tokens=[], unk_token="<unk>", show_progress=False))
    # What the trainer prunes, its last digits and the order of equal scores are never the same twice: nothing is pruned, and digits are set.
    vocab = in_order([piece for piece in json.loads(backend.to_str())["model"]["vocab"] if piece[0] != "<unk>"])[:size]
    pieces = [(text, round(score, 6) * (1 + 1e-9 / 7)) for text, score in vocab]
    more = [("...", -7.25), ("..", -6.125), (".", -4.3011234567891234), ("▁", -3.5), ("\"", -9.0), ("ガ", -9.5), (":)", -9.25)]
    return list(dict(more + pieces).items())


def folders():
    """What classes make of their files."""
    pieces, low = trained(180), trained(180, lower=True)
    precompiled = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()}
    space = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    split = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]}
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": True, "rstrip": False, "single_word": False}

    def added(*tokens):
        return [{"id": id, "content": content, "single_word": False, "lstrip": content in ("<mask>", "[MASK]"), "rstrip": False, "normalized": False, "special": True} for id, content in tokens]

    def whole(vocab, tokens, unknown, **parts):
        return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added(*tokens), "normalizer": precompiled, "pre_tokenizer": split, "post_processor": None, "decoder": space,
                "model": {"type": "Unigram", "unk_id": unknown, "vocab": vocab}, **parts}

    def around(first, first_id, last, last_id, **pair):
        ends = {first: {"id": first, "ids": [first_id], "tokens": [first]}, last: {"id": last, "ids": [last_id], "tokens": [last]}}
        token, text = lambda name, t=0: {"SpecialToken": {"id": name, "type_id": t}}, lambda name, t=0: {"Sequence": {"id": name, "type_id": t}}
        return {"type": "TemplateProcessing", "single": [token(first), text("A"), token(last)], "pair": [token(first), text("A"), token(last), text("B", 1), token(last, 1)], "special_tokens": ends}

    xlm = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *pieces, ("<mask>", 0.0)]
    end = len(xlm) - 1
    xlm_tokens = [(0, "<s>"), (1, "<pad>"), (2, "</s>"), (3, "<unk>"), (end, "<mask>")]
    camembert = [("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0), ("<unk>NOTUSED", -100.0), ("<s>", 0.0), ("</s>", 0.0), *pieces, ("<mask>", 0.0)]
    camembert_tokens = [(0, "<s>NOTUSED"), (1, "<pad>"), (2, "</s>NOTUSED"), (3, "<unk>"), (5, "<s>"), (6, "</s>"), (len(camembert) - 1, "<mask>")]
    albert = [("<pad>", 0.0), ("<unk>", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[MASK]", 0.0), *low]
    albert_tokens = [(i, token) for i, (token, _) in enumerate(albert[:5])]
    newer = {"normalizer": {"type": "Sequence", "normalizers": [precompiled, {"type": "Strip", "strip_left": False, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]},
             "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}}
    lowered = {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "``"}, "content": "\""}, {"type": "Replace", "pattern": {"String": "''"}, "content": "\""}, {"type": "NFKD"}, {"type": "StripAccents"},
                                                   {"type": "Lowercase"}, precompiled, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
    cased = {"type": "Sequence", "normalizers": [precompiled]}
    typed = lambda kind: json.dumps({"model_type": kind})
    settings = lambda name, **more: json.dumps({"tokenizer_class": name, **more})
    cases = [
        ("<mask>", {"tokenizer.json": whole(xlm, xlm_tokens, 3, post_processor=around("<s>", 0, "</s>", 2)), "config.json": typed("xlm-roberta")}),
        ("<mask>", {"tokenizer.json": whole(xlm, xlm_tokens[:-1], 3, **newer), "tokenizer_config.json": settings("XLMRobertaTokenizerFast", model_max_length=512, mask_token=mask)}),
        ("<mask>", {"tokenizer.json": whole(xlm, xlm_tokens, 5, normalizer=None), "tokenizer_config.json": settings("XLMRobertaTokenizer", add_prefix_space=False, bos_token="</s>", eos_token="<s>")}),
        ("<mask>", {"tokenizer.json": whole(camembert, camembert_tokens, 0, normalizer=None, pre_tokenizer=None), "config.json": typed("camembert")}),
        ("<mask>", {"tokenizer.json": whole(camembert, camembert_tokens[:-1], 3), "tokenizer_config.json": settings("CamembertTokenizerFast", unk_token="<unk>NOTUSED", additional_special_tokens=["<s>NOTUSED"])}),
        ("[MASK]", {"tokenizer.json": whole(albert, albert_tokens, 1, normalizer=lowered, post_processor=around("[CLS]", 2, "[SEP]", 3)), "config.json": typed("albert")}),
        ("[MASK]", {"tokenizer.json": whole(albert, albert_tokens, 1, normalizer=cased, post_processor=around("[SEP]", 3, "[CLS]", 2)),
                    "tokenizer_config.json": settings("AlbertTokenizerFast", keep_accents=True, do_lower_case=False, remove_space=True)}),
        ("[MASK]", {"tokenizer.json": whole(albert, albert_tokens, 1), "tokenizer_config.json": settings("AlbertTokenizer")}),
        ("<mask>", {"tokenizer.json": whole(xlm, xlm_tokens, 3, post_processor=around("<s>", 0, "</s>", 2), **newer),
                    "tokenizer_config.json": settings("PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")}),
    ]
    heads = {"fairseq": [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)],
             "albert": [("<pad>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN), ("[CLS]", 0.0, CONTROL), ("[SEP]", 0.0, CONTROL), ("[MASK]", 0.0, USER_DEFINED)]}
    own = [("<ctl>", 0.0, CONTROL), ("<usr>", 0.0, USER_DEFINED)]
    plain, bytes_too = [(text, score, 1) for text, score in pieces], [(f"<0x{byte:02X}>", -20.0, 6) for byte in range(256)]
    fairseq, spiece = model(heads["fairseq"] + own + plain, charsmap()), model(heads["albert"] + [(text, score, 1) for text, score in low], charsmap(), unknown=1)
    cases += [
        ("<mask>", {"sentencepiece.bpe.model": fairseq, "config.json": typed("xlm-roberta")}),
        ("<mask>", {"sentencepiece.bpe.model": fairseq, "tokenizer_config.json": settings("XLMRobertaTokenizer", mask_token=mask, additional_special_tokens=["<e>"], bos_token="<b>")}),
        ("<mask>", {"tokenizer.model": model(heads["fairseq"] + plain), "config.json": typed("camembert")}),
        ("<mask>", {"sentencepiece.bpe.model": fairseq, "tokenizer_config.json": settings("CamembertTokenizer", extra_special_tokens=["<s>NOTUSED"])}),
        ("[MASK]", {"spiece.model": spiece, "config.json": typed("albert")}),
        ("[MASK]", {"spiece.model": model(heads["albert"] + plain, unknown=1), "tokenizer_config.json": settings("AlbertTokenizer", do_lower_case=False, keep_accents=True, additional_special_tokens=[])}),
        ("<mask>", {"tokenizer.model": model(heads["fairseq"] + own + plain + bytes_too, charsmap(), byte_fallback=True), "config.json": typed("modernbert"), "tokenizer_config.json": settings("LlamaTokenizer", add_bos_token=True, mask_token="<mask>")}),
        ("<mask>", {"tokenizer.model": model(heads["fairseq"] + plain, eos=-1), "tokenizer_config.json": settings("PreTrainedTokenizerFast", add_bos_token=True, add_eos_token=True, mask_token="<mask>", pad_token="</s>")}),
    ]
    out = []
    for number, (mask_token, case) in enumerate(cases):
        binary = {name: content for name, content in case.items() if isinstance(content, bytes)}
        case = {name: content for name, content in case.items() if name not in binary}
        files = {name: content if isinstance(content, str) else json.dumps(content, ensure_ascii=False) for name, content in case.items()}
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (pathlib.Path(folder) / name).write_text(content, encoding="utf-8")
            for name, content in binary.items():
                (pathlib.Path(folder) / name).write_bytes(content)
            tokenizer = AutoTokenizer.from_pretrained(folder)
        encodings = encoded(tokenizer.backend_tokenizer, OWN + texts(60 if number in (0, 5) else 24, 5))
        ids = [i for e in encodings[:30] for i in e["ids"]]
        pair = tokenizer("The film", f" a {mask_token}", return_token_type_ids=True)
        out.append({"files": files, "models": {name: base64.b64encode(content).decode() for name, content in binary.items()}, "size": len(tokenizer), "encodings": encodings, "decode_ids": ids, "decoded": tokenizer.decode(ids), "decoded_skipping": tokenizer.decode(ids, skip_special_tokens=True),
                    "second": f" a {mask_token}", "pair": pair["input_ids"], "pair_types": pair["token_type_ids"], "special": sorted(set(tokenizer.all_special_ids)),
                    "mask": tokenizer.mask_token_id, "pad": tokenizer.pad_token_id, "unknown": tokenizer.unk_token_id, "cls": tokenizer.cls_token_id, "sep": tokenizer.sep_token_id})
    return out


def pipelines():
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *trained(220)]
    N, P, D = normalizers, pre_tokenizers, decoders
    precompiled, tokens = N.Precompiled(charsmap()), [AddedToken("<s>", special=True, normalized=False), AddedToken("<mask>", special=True, normalized=False, lstrip=True)]
    around = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    squeezed = N.Sequence([precompiled, N.Strip(left=False, right=True), N.Replace(Regex(" {2,}"), "▁")])
    with_bytes = [*pieces, *((f"<0x{byte:02X}>", -20.0 - byte / 7) for byte in range(256))]
    gemma = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    few = [("a", -1.0), ("b", -1.5), ("ab", -2.5), ("▁", -1.0), ("ba", -2.5), ("aa", -2.0), ("aaa", -3.0)]
    high = [("<unk>", 100.0), ("a", 103.0), ("xyz", 100.5), ("y", 101.0), ("<0x78>", 100.0), ("<0x7A>", 100.0)]
    twice = [("<unk>", 0.0), ("a", -1.0), ("b", -3.0), ("ab", -2.0), ("a", -9.0), ("b", -1.0), ("", 5.0), ("ab", -9.5)]

    def backend(vocab, unknown, normalizer=None, pre_tokenizer=None, post=None, decoder=None, added=(), **options):
        made = Tokenizer(models.Unigram(vocab, unknown, **options))
        made.add_tokens(list(added))
        for name, part in (("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("post_processor", post), ("decoder", decoder)):
            if part is not None:
                setattr(made, name, part)
        return made

    backends = [
        backend(pieces, 0, precompiled, P.Sequence([P.WhitespaceSplit(), P.Metaspace()]), around, D.Metaspace(), tokens),
        backend(pieces, 0, squeezed, P.Metaspace(), around, D.Metaspace(), tokens),
        backend(pieces, 0, precompiled, P.Metaspace(prepend_scheme="first"), None, D.Metaspace(prepend_scheme="first"), [*tokens, AddedToken("film", normalized=True), AddedToken("is", single_word=True, lstrip=True)]),
        backend(with_bytes, 0, None, P.Metaspace(prepend_scheme="never", split=False), around, gemma, tokens, byte_fallback=True),
        backend(with_bytes[:-3], 0, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, None, gemma, tokens, byte_fallback=True),
        backend(with_bytes, 0, N.NFKC(), P.Metaspace(prepend_scheme="first"), None, D.Sequence([D.ByteFallback(), D.Metaspace(prepend_scheme="never")]), tokens, byte_fallback=True),
        backend(pieces, 0, N.Sequence([N.Replace("``", "\""), N.Replace("''", "\""), N.NFKD(), N.StripAccents(), N.Lowercase(), precompiled, N.Replace(Regex(" {2,}"), " ")]), P.Metaspace(), around, D.Metaspace(), tokens),
        backend(pieces, 5, N.Sequence([N.Lowercase(), precompiled, N.NFC()]), P.Sequence([P.Digits(individual_digits=True), P.Metaspace("_", prepend_scheme="always"), P.Punctuation()]), None, D.Metaspace("_")),
        backend(pieces, 0, N.Strip(), P.Sequence([P.Metaspace("▁", prepend_scheme="first"), P.Metaspace("e", prepend_scheme="never")]), None, D.Fuse()),
        backend(few, 3, None, P.Metaspace(prepend_scheme="never")),
        backend(high, 0, None, P.WhitespaceSplit(), byte_fallback=True),
        backend(twice, 0, None, P.WhitespaceSplit(), None, D.Metaspace()),
    ]
    own = [t.encode() for t in ("ab abab aab ba baab aaaa aaaaaaa", "xyz xz axyzaya yzxx", "b" * 40 + "a" * 60, "a  b   ab")]
    out = []
    for number, made in enumerate(backends):
        written = made.to_str()
        made = Tokenizer.from_str(written)
        encodings = encoded(made, own + OWN + texts(50 if number < 4 else 24, 7))
        ids = [i for e in encodings[:24] for i in e["ids"]]
        pair = made.encode("a b", "c")
        out.append({"json": written, "size": made.get_vocab_size(), "encodings": encodings, "decode_ids": ids, "decoded": made.decode(ids, skip_special_tokens=False),
                    "decoded_skipping": made.decode(ids, skip_special_tokens=True), "pair": pair.ids, "pair_types": pair.type_ids})
    return out


def training():
    rows = [line.strip("\n") for line in PROSE.split("\n")] + ["", "aaaa aaaaa aaaaaa", "abab ababab abcabc  abc", "x" * 80 + " " + "xy" * 30, "a\u2581b \u2581 c\u3000d\u0085e\tf", "日本の映画は面白い。日本の映画です。", "<unk> film <s>", "Film FILM fiLm"]
    # Words of a few syllables: here pruning has much to take out, and several pieces stand in the place of one.
    draw = random.Random(5)
    syllables = [a + b for a in ("b", "st", "k", "l", "m", "tr", "n", "p", "r", "v") for b in ("a", "e", "i", "on", "u")]
    words = ["".join(draw.choice(syllables) for _ in range(draw.randint(1, 4))) for _ in range(300)]
    syllabic = [" ".join(words[min(299, int(draw.expovariate(0.015)))] for _ in range(24)) for _ in range(40)]
    out = []
    for rows, options in ((rows, {}), (rows, {"vocab_size": 120}), (rows, {"vocab_size": 100, "lowercase": True}), (rows, {"vocab_size": 150, "initial_alphabet": "zßq日"}), (syllabic, {"vocab_size": 120})):
        options = {"vocab_size": 30000, "lowercase": False, "initial_alphabet": "", **options}
        made = Tokenizer(models.Unigram())
        if options["lowercase"]:
            made.normalizer = normalizers.Lowercase()
        made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
        made.train_from_iterator(rows, trainers.UnigramTrainer(vocab_size=options["vocab_size"], special_tokens=SPECIAL, unk_token="<unk>", initial_alphabet=list(options["initial_alphabet"]), show_progress=False))
        vocab = [tuple(piece) for piece in json.loads(made.to_str())["model"]["vocab"]]
        words = sum(len(made.pre_tokenizer.pre_tokenize_str(made.normalizer.normalize_str(row) if made.normalizer else row)) for row in rows)
        out.append({"options": options, "rows": rows, "words": words, "vocab": [(text, round(score, 9)) for text, score in vocab[:5] + in_order(vocab[5:])]})
    return out


def main():
    (OUT / "unigram.json").write_text(lines(folders()), encoding="utf-8")
    (OUT / "unigram_pipelines.json").write_text(lines(pipelines()), encoding="utf-8")
    (OUT / "unigram_training.json").write_text(lines(training()), encoding="utf-8")
    print(f"tokenizers {__version__}: {', '.join(f'{(OUT / name).stat().st_size:,}' for name in ('unigram.json', 'unigram_pipelines.json', 'unigram_training.json'))} bytes")


if __name__ == "__main__":
    main()
