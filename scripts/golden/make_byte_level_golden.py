#!/usr/bin/env python3
"""Makes tests/golden/text/{byte_level,bpe_pipelines,bpe_training}.json with the live reference (transformers and its `tokenizers`).

    PYTHON scripts/golden/make_byte_level_golden.py [OUT]

    byte_level.json     folders of RoBERTa's classes, with a small vocabulary made here: their files, what they make of nasty texts (ids, word
                        ids, offsets), of a pair, and back
    bpe_pipelines.json  tokenizer.json files with a BPE model, in the form of pipelines.json (make_tokenizer_golden.py): ModernBERT's shape,
                        Llama 3's, Gemma's, and every option of the model
    bpe_training.json   rows of text, options, and the vocabulary and merges that ByteLevelBPETokenizer trains on them

The texts come from compare_tokenizer.py's generator, with a fixed seed.
"""
import json
import pathlib
import sys
import tempfile

sys.path += [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "compare")]
from compare_tokenizer import Nasty
from tokenizers import AddedToken, ByteLevelBPETokenizer, Regex, Tokenizer, __version__, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/text")
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
PROSE = """The film was not as good as the book, but the first hour of it is great. I'm sure that they've seen it, and we'll see it too; he'd
say it's the best of the year, she can't agree. There isn't a better one in this town, they're all the same! What is the point of the thing?
日本の映画です。これはテストです。 Der Film war schön. В начале был фильм. 12 345 1,000 """ * 3
TEXTS = ["", " ", "  ", "\n", "\r", "\r\n", "a", " a", "a ", "  a  ", "a  b", "a \n b", "a\n\nb", "\ta\t", "a\u00a0b", "a \u3000 b", "\u3000a", "a\u2028 b",
         "don't", "I'm, you're, we've, he'll, she'd, it's, can't", "DON'T", "'s", " 's", "''s", "\n's", "x's's", "12's", "'re", "'really", "it's12", "'ll'll've",
         "a'", "'", "don\u2019t", "a1b2 c3", "x²½Ⅷ٣", "naïve café", "e\u0301\u0323 \u1e9b\u0323 =\u0338", "ﬁ Å 한국 \u1112\u1161\u11ab", "日本の映画です。", "good 😀👩\u200d👩\u200d👧 movie\ufe0f",
         "<mask>", "a <mask> b", "a<mask>b", "  <mask>  ", "a\n<mask>\n", "<mask><mask>", "<s>a</s>", "<pad><unk>", "[MASK] [unused1]x", "a [MASK]b", "if x:\n        return {'a': 1}\n    y = 2",
         "a" * 70, "the" * 40, "!" * 40, " " * 30 + "x", "-" * 15 + " " + "=" * 16, "a\x00b\x1cc\x85d", "\u0378\U000105C0\u1C89\uA7CB", "x" * 63 + "'s", "x" * 62 + "'re y", "x" * 64 + "日", "x" * 62 + "日本 \u3000",
         b"a\xffb", b"\xc3", b"a\xe2\x82 b"]


def trained(size, **options):
    """Vocabulary and merges of a byte-level BPE."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.train_from_iterator([PROSE], trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, min_frequency=2, show_progress=False,
                                                             initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options))
    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def texts(count, seed):
    generator = Nasty(seed)
    given = [t.encode() if isinstance(t, str) else t for t in TEXTS]
    if count < len(given):  # as many of them as are wanted, from all over the list
        return given[seed % 2::2][:count]
    while len(given) < count:
        text = generator.text()
        if 0 < len(text) < 120:
            given.append(text)
    return given


def encoded(backend, given):
    out = []
    for t in given:
        e = backend.encode(t.decode("utf-8", "replace"))
        out.append({"text": t.hex(), "ids": e.ids, "words": [-1 if w is None else w for w in e.word_ids], "offsets": [x for pair in e.offsets for x in pair]})
    return out


def lines(items):
    return "[\n" + ",\n".join(json.dumps(item, separators=(",", ":"), ensure_ascii=True) for item in items) + "\n]\n"


def folders(vocab, merges):
    """What classes make of their files."""
    files = {"vocab.json": json.dumps(vocab, ensure_ascii=False), "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)}
    backend = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>"))
    backend.add_special_tokens([AddedToken(token, normalized=token != "<mask>", lstrip=token == "<mask>") for token in SPECIAL])
    backend.pre_tokenizer, backend.normalizer = pre_tokenizers.WhitespaceSplit(), normalizers.Lowercase()
    whole = {"tokenizer.json": backend.to_str()}
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
    roberta = '{"model_type": "roberta"}'
    cases = [
        {**files, "config.json": roberta},
        {**files, "config.json": roberta, "tokenizer_config.json": json.dumps({"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True, "mask_token": mask})},
        {**files, "config.json": roberta, "tokenizer_config.json": json.dumps({"trim_offsets": False, "add_prefix_space": True}),
         "special_tokens_map.json": json.dumps({"mask_token": mask})},
        {**whole, "config.json": roberta, "tokenizer_config.json": json.dumps({"tokenizer_class": "RobertaTokenizer"})},
        {**whole, "config.json": '{"model_type": "longformer"}', "tokenizer_config.json": json.dumps({"tokenizer_class": "LongformerTokenizerFast", "add_prefix_space": True})},
        {**whole, "config.json": '{"model_type": "modernbert"}', "tokenizer_config.json": json.dumps({"tokenizer_class": "BertTokenizer", "mask_token": "<mask>"})},
        {**whole, "config.json": roberta, "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True, "add_eos_token": True})},
    ]
    out = []
    for number, case in enumerate(cases):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in case.items():
                (pathlib.Path(folder) / name).write_text(content, encoding="utf-8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
        encodings = encoded(tokenizer.backend_tokenizer, texts(110 if number < 2 else 30, 5))
        ids = [i for e in encodings[:30] for i in e["ids"]]
        pair = tokenizer("The film", " a <mask>", return_token_type_ids=True)
        cut = [{"left": left, "length": length, "offsets": [x for pair in tokenizer("  The film wasn't <mask> bad  ", truncation=True, max_length=length, return_offsets_mapping=True)["offset_mapping"] for x in pair]}
               for left in (False, True) for length in (4, 7) if not setattr(tokenizer, "truncation_side", "left" if left else "right")]
        out.append({"files": case, "size": len(tokenizer), "encodings": encodings, "decode_ids": ids, "decoded": tokenizer.decode(ids), "decoded_skipping": tokenizer.decode(ids, skip_special_tokens=True),
                    "pair": pair["input_ids"], "pair_types": pair["token_type_ids"], "cut": cut, "special": sorted(set(tokenizer.all_special_ids)),
                    "mask": tokenizer.mask_token_id, "pad": tokenizer.pad_token_id, "unknown": tokenizer.unk_token_id, "cls": tokenizer.cls_token_id, "sep": tokenizer.sep_token_id})
    return out


def pipelines(vocab, merges):
    def backend(model, normalizer=None, pre_tokenizer=None, post=None, decoder=None, added=()):
        made = Tokenizer(model)
        made.add_tokens(list(added))
        for name, part in (("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("post_processor", post), ("decoder", decoder)):
            if part is not None:
                setattr(made, name, part)
        return made

    byte_level, bytes_again = pre_tokenizers.ByteLevel, decoders.ByteLevel()
    modern = [AddedToken("|||IP_ADDRESS|||"), *(AddedToken(" " * n) for n in range(24, 1, -1)), AddedToken("<|endoftext|>", special=True, normalized=False),
              AddedToken("[CLS]", special=True, normalized=False), AddedToken("[SEP]", special=True, normalized=False),
              AddedToken("[MASK]", special=True, normalized=False, lstrip=True), *(AddedToken(f"[unused{n}]") for n in range(12))]
    first = len(vocab) + 1 + 23
    around = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", first + 1), ("[SEP]", first + 2)])
    llama = Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    cut = pre_tokenizers.Sequence([pre_tokenizers.Split(llama, "isolated"), byte_level(add_prefix_space=False, use_regex=False)])
    bos = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])])
    letters = {**{token: i for i, token in enumerate(["<unk>", "▁", *"abcdefghilmnorst", "th", "the", "▁the", "in", "er", "日", "本", "日本"])}}
    some = [("t", "h"), ("th", "e"), ("▁", "the"), ("i", "n"), ("e", "r"), ("日", "本")]
    with_bytes = {**letters, **{f"<0x{byte:02X}>": len(letters) + byte for byte in range(256)}}
    spaces = normalizers.Replace(" ", "▁")
    gemma = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    marked = {token: i for i, token in enumerate(["<unk>", "a", "b", "##a", "##b", "a</w>", "##b</w>", "b</w>", "##a</w>", "ab", "ab</w>", "##ab"])}
    few = {token: i for token, i in vocab.items() if token not in ("!", "Ã", "'")}
    few_merges = [(a, b) for a, b in merges if all(part in few for part in (a, b, a + b))]
    backends = [
        backend(models.BPE(vocab, merges), normalizers.NFC(), byte_level(add_prefix_space=False), around, bytes_again, modern),
        backend(models.BPE(vocab, merges, ignore_merges=True), None, cut, bos, bytes_again),
        backend(models.BPE(vocab, merges[: len(merges) // 2], ignore_merges=True), normalizers.Lowercase(), byte_level(add_prefix_space=True), processors.ByteLevel(trim_offsets=True), bytes_again),
        backend(models.BPE(vocab, merges), normalizers.NFKC(), pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(add_prefix_space=True)]),
                processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True), bytes_again,
                [AddedToken("film", single_word=True), AddedToken("<x>", lstrip=True, rstrip=True), AddedToken("ab c", normalized=False)]),
        backend(models.BPE(vocab, merges), None, byte_level(add_prefix_space=True, use_regex=False), processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=True)),
        backend(models.BPE(few, few_merges), None, byte_level(add_prefix_space=False), None, bytes_again),
        backend(models.BPE(few, few_merges, unk_token="<unk>"), None, byte_level(add_prefix_space=False), None, decoders.Fuse()),
        backend(models.BPE(few, few_merges, unk_token="<unk>", fuse_unk=True), None, pre_tokenizers.Sequence([byte_level(add_prefix_space=False), pre_tokenizers.Punctuation()]), None, bytes_again),
        backend(models.BPE(with_bytes, some, unk_token="<unk>", fuse_unk=True, byte_fallback=True), spaces, pre_tokenizers.Split(" ", "merged_with_previous"), None, gemma),
        backend(models.BPE(letters, some, unk_token="<unk>", byte_fallback=True), spaces, pre_tokenizers.Split("▁", "merged_with_next"), None,
                decoders.Sequence([decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0)])),
        backend(models.BPE(letters, some, unk_token="<unk>", fuse_unk=True), normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()),
        backend(models.BPE(marked, [("a", "##b"), ("a", "##b</w>")], unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"), None, pre_tokenizers.WhitespaceSplit(), None, decoders.BPEDecoder("</w>")),
    ]
    own = [t.encode() for t in ("the  in ther", "ab abab aab ba b a", "日本 the", "<x> film films ab c", "tthe!!the''the", "e\u0301日\u0301", "a\u3000b")]
    out = []
    for number, made in enumerate(backends):
        encodings = encoded(made, own + texts(90 if number < 2 else 40, 7))
        ids = [i for e in encodings[:24] for i in e["ids"]]
        pair = made.encode("a b", "c")
        out.append({"json": made.to_str(), "size": made.get_vocab_size(), "encodings": encodings, "decode_ids": ids, "decoded": made.decode(ids, skip_special_tokens=False),
                    "decoded_skipping": made.decode(ids, skip_special_tokens=True), "pair": pair.ids, "pair_types": pair.type_ids})
    return out


def training():
    """Vocabularies and merges that ByteLevelBPETokenizer trains row by row."""
    rows = [line.strip("\n") for line in PROSE.split("\n")] + [t for t in TEXTS if isinstance(t, str)] + ["", "aaaa aaaaa aaaaaa", "abab ababab abcabc  abc", "x" * 80 + " " + "xy" * 30]
    out = []
    for options in ({}, {"vocab_size": 300}, {"min_frequency": 1, "vocab_size": 900}, {"lowercase": True, "vocab_size": 420}, {"add_prefix_space": True, "vocab_size": 400, "min_frequency": 0}, {"vocab_size": 100}):
        options = {"vocab_size": 30000, "min_frequency": 2, "lowercase": False, "add_prefix_space": False, **options}
        made = ByteLevelBPETokenizer(lowercase=options["lowercase"], add_prefix_space=options["add_prefix_space"])
        made.train_from_iterator(rows, vocab_size=options["vocab_size"], min_frequency=options["min_frequency"], special_tokens=SPECIAL, show_progress=False)
        model = json.loads(made.to_str())["model"]
        words = sum(len(made.pre_tokenizer.pre_tokenize_str(made.normalizer.normalize_str(row) if made.normalizer else row)) for row in rows)
        out.append({"options": options, "rows": rows, "words": words, "vocab": model["vocab"], "merges": model["merges"]})
    return out


def main():
    vocab, merges = trained(330)
    (OUT / "byte_level.json").write_text(lines(folders(vocab, merges)), encoding="utf-8")
    (OUT / "bpe_pipelines.json").write_text(lines(pipelines(vocab, merges)), encoding="utf-8")
    (OUT / "bpe_training.json").write_text(lines(training()), encoding="utf-8")
    print(f"tokenizers {__version__}: {', '.join(f'{(OUT / name).stat().st_size:,}' for name in ('byte_level.json', 'bpe_pipelines.json', 'bpe_training.json'))} bytes")


if __name__ == "__main__":
    main()
