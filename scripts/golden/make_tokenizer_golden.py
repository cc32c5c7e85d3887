#!/usr/bin/env python3
"""Makes tests/golden/text/ with the live reference (transformers and its `tokenizers`).

    PYTHON scripts/golden/make_tokenizer_golden.py [OUT]

    vocab.txt         a small WordPiece vocabulary, made here: characters of many scripts, and some words
    uncased.json      encodings of nasty texts with do_lower_case, one by one: text (hex of its bytes), ids, word ids, offsets
    cased.json        the same without lower-casing
    options.json      pairs, truncation, padding, left and right; decoding with and without clean-up
    pipelines.json    other normalizers and pre-tokenizers, and added tokens of every kind, each with its tokenizer.json
    saved.json        a tokenizer.json as the library writes it
    classes.json      what the classes that are BERT's under another name make of vocab.txt, and of a tokenizer.json that says otherwise
    forms.json        the four normal forms, scripts and numbers of all code points, as hashes

The texts come from compare_tokenizer.py's generator, with a fixed seed.
"""
import json
import pathlib
import sys
import tempfile
import unicodedata

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "compare"))
from compare_tokenizer import Nasty
import tokenizers
from tokenizers import AddedToken, Tokenizer, __version__, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, BertTokenizerFast

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/golden/text")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
RANGES = [(0x21, 0x7E), (0xA1, 0xFF), (0x3B1, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x627, 0x64A), (0x905, 0x914), (0x1100, 0x1112),
          (0x1161, 0x1175), (0x11A8, 0x11C2), (0x3042, 0x3062), (0x30A2, 0x30C8), (0x4E00, 0x4E20), (0x65E5, 0x65E5), (0x672C, 0x672C)]
WORDS = """a ab an and are as bad bar be br but cafe covid don e film foo for good great he i in is istanbul it m made make mask movie naive
new not of on re s sure t the this to unbelievable unicode unk vietnam war was we with yes you ##able ##ed ##er ##ing ##less ##ly ##ment
##ness ##s ##un The Film Bad Great I Unicode U.S clock o""".split()
TEXTS = ["", " ", "a [MASK] b [mask] c [SEP]x", "[MASK][MASK] x[MASK]y", "[PAD]", "good.<br />Bad", "İstanbul", "Ünïcödé Café", "ΣΑΣ",
         "한국", "テスト", "日本の映画", "good 😀 movie", "5€ e×f", "a" * 100, "a" * 101, "a" * 15, "a" * 16, "a" * 17, "i'm sure.", "don't",
         "a\u2e43b", "a\u2e42b", "a\u166db", "a\u0378b", "a\U0002B820b", "a\U0002B73Fb", "a\U0002B920b", "a\u2028b\u00a0c", "a\x00b",
         "\x00", "a\x00", "a\x0bb", "a\x1cb", "a\x85b", "a\u200bb", "a\ue001b", "a\ufffdb", "a\u302e\u0316\u0301b", "\u0301", ".\u0301",
         "=\u0338", "e\u0301\u0323", "a\u08d4\u302eb", "\u1e9b\u0323", "The U.S. film was unbelievable, wasn't it?\r\n\tYes!",
         b"a\xffb", b"\xc3", b"a\xe2\x82 b", b"\xed\xa0\x80", b"\xf0\x9f\x98a", b"x\xc0\xafy"]


def vocabulary():
    tokens = list(SPECIAL)
    characters = [chr(c) for low, high in RANGES for c in range(low, high + 1)]
    for token in characters + ["##" + c for c in characters] + WORDS:
        if token not in tokens:
            tokens.append(token)
    return tokens


def texts(count, seed):
    generator = Nasty(seed)
    given = [t.encode() if isinstance(t, str) else t for t in TEXTS]
    while len(given) < count:
        text = generator.text()
        if 0 < len(text) < 160:
            given.append(text)
    return given


def plain(encoding):
    return {"ids": encoding.ids, "words": [-1 if w is None else w for w in encoding.word_ids],
            "offsets": [x for pair in encoding.offsets for x in pair]}


def encoded(backend, given):
    return [{"text": t.hex(), **plain(backend.encode(t.decode("utf-8", "replace")))} for t in given]


def write(name, value):
    with open(OUT / name, "w", encoding="utf-8") as file:
        items = value if isinstance(value, list) else [value]
        file.write("[\n" + ",\n".join(json.dumps(item, separators=(",", ":"), ensure_ascii=True) for item in items) + "\n]\n")


def bert(**settings):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
        (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", **settings}))
        return BertTokenizerFast.from_pretrained(folder)


def options(tokenizer):
    backend, cases = tokenizer.backend_tokenizer, []
    first, second = "The film was unbelievable!", "a great [MASK] movie of 日本 in the U.S."
    for pair in (None, second, "", "yes"):
        for special in (True, False):
            for length in (None, 3, 7, 12):
                for left in (False, True):
                    for pad, multiple in ((None, None), (24, None), (9, 8), (None, 8)):
                        if (length is None and left and not pad) or (pad == 9 and length != 12) or (not special and pad == 24):
                            continue
                        backend.no_truncation()
                        backend.no_padding()
                        if length is not None:
                            backend.enable_truncation(length, direction="left" if left else "right")
                        if pad or multiple:
                            backend.enable_padding(length=pad, pad_to_multiple_of=multiple, direction="left" if left else "right",
                                                   pad_id=0, pad_token="[PAD]")
                        e = backend.encode(first, pair, add_special_tokens=special)
                        cases.append({"first": first, "second": pair, "special": special, "length": length, "left": left, "pad": pad,
                                      "multiple": multiple, **plain(e), "types": e.type_ids, "mask": e.special_tokens_mask,
                                      "attention": e.attention_mask})
    backend.no_truncation()
    backend.no_padding()
    decoded = []
    for text in ("this isn't good, I'm sure. he didn't -- \"ok\" [MASK] o'clock", "we're you've ! ? a , b ' c", "do not", "##s s unk", ""):
        ids = tokenizer(text)["input_ids"]
        for skip in (False, True):
            for clean in (None, False, True):
                decoded.append({"ids": ids, "skip": skip, "clean": clean,
                                "text": tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=clean)})
    decoded.append({"ids": [5, 99999, 6], "skip": False, "clean": None, "text": tokenizer.decode([5, 99999, 6])})
    return [{"encode": cases}, {"decode": decoded}]


def pipeline(normalizer, pre_tokenizer, added=(), post=None, decoder=None, words=None):
    small = words or [t for t in vocabulary() if len(t) > 1 or t.isascii() or t in "σαéüñ日本ᄒ"]
    model = models.WordPiece({t: i for i, t in enumerate(small)}, unk_token="[UNK]")
    backend = Tokenizer(model)
    if normalizer:
        backend.normalizer = normalizer
    if pre_tokenizer:
        backend.pre_tokenizer = pre_tokenizer
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    for token in added:
        backend.add_tokens([token])
    if post:
        backend.post_processor = post
    if decoder:
        backend.decoder = decoder
    return backend


def pipelines():
    N, P = normalizers, pre_tokenizers
    tiny = SPECIAL + [c for c in map(chr, range(0x21, 0x7F))] + ["##" + c for c in map(chr, range(0x21, 0x7F))] + ["é", "##é", "σ", "##σ", "日", "i̇"]
    strange = [t.encode() for t in ("Crème Brûlée ÀÉ", "İİ ΣΑΣ", "!!a, b--c_d... 'x'", "a\u302e\u0316\u0301b e\u0301", "한 日本", "a_b ½ x² ٣", "NEWTOK xNEWTOKy newtok",
                                    "a  <e>  b<e>c <E> d", "foo Foo FOO food", "[MASK]  [MASK] x", "  lead", "trail  ", "tok1tok12 tok123", "a\tTAB\tb")]
    more = strange + texts(len(TEXTS) + 6, 5)[40:]
    added = [AddedToken("NEWTOK", normalized=False), AddedToken("<e>", lstrip=True, rstrip=True, normalized=False, special=True),
             AddedToken("Foo", single_word=True, normalized=True), AddedToken("tok1", normalized=False), AddedToken("tok12", normalized=False),
             AddedToken("é", normalized=True, lstrip=True), AddedToken("\tTAB", normalized=False, rstrip=True)]
    sep = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    both = processors.TemplateProcessing(single="[CLS] [MASK] $A:2 [SEP]", pair="$A [SEP]:1 $B:1 [SEP]:3", special_tokens=[("[CLS]", 2), ("[MASK]", 4), ("[SEP]", 3)])
    backends = [
        pipeline(N.BertNormalizer(lowercase=True), P.BertPreTokenizer(), added, sep, decoders.WordPiece(prefix="##"), tiny),
        pipeline(N.BertNormalizer(lowercase=False), P.BertPreTokenizer(), added, both, decoders.WordPiece(prefix="##", cleanup=False), tiny),
        pipeline(N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True), P.BertPreTokenizer(), words=tiny),
        pipeline(N.BertNormalizer(clean_text=True, strip_accents=True, lowercase=False), P.BertPreTokenizer(), words=tiny),
        pipeline(N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), P.Whitespace(), words=tiny),
        pipeline(N.Lowercase(), P.Sequence([P.WhitespaceSplit(), P.Punctuation()]), words=tiny),
        pipeline(N.NFD(), P.Sequence([P.WhitespaceSplit(), P.Punctuation("removed")]), words=tiny),
        pipeline(None, P.Sequence([P.Whitespace(), P.Punctuation("contiguous")]), words=tiny),
        pipeline(N.StripAccents(), None, words=tiny),
    ]
    own = [t.encode() for t in ("  The Brown fox... really?! -- 12mg (ﬁne １２) café 今日は good  ", "e\u0301\u0323 \u1100\u1161\u11a8 = \u0338 q\u0323\u0307", "snakeCase aXb [DRUG] covfefe COVFEFE", " ", "한국 あー日 ½ x² e =\u0338")]
    characters = sorted({c for t in own for form in ("NFC", "NFD", "NFKC", "NFKD") for c in unicodedata.normalize(form, t.decode()) if not c.isspace()} | set("_é"))
    R, spelt = tokenizers.Regex, SPECIAL + characters + ["##" + c for c in characters] + ["## ", "good", "fox"]
    drug = AddedToken("[DRUG]", normalized=False, special=True), AddedToken("Covfefe", normalized=True)
    steps = [
        (N.NFC(), P.BertPreTokenizer()), (N.NFKC(), P.WhitespaceSplit()), (N.NFKD(), P.Whitespace()), (N.Sequence([N.NFKC(), N.Lowercase()]), P.BertPreTokenizer()),
        (N.Sequence([N.Strip(), N.Lowercase()]), P.Whitespace()), (N.Strip(left=False, right=True), None), (N.Strip(left=True, right=False), P.UnicodeScripts()),
        (N.Sequence([N.Replace(R(r"\d+mg"), "good"), N.Lowercase()]), P.Whitespace()), (N.Sequence([N.Replace("e", "é"), N.NFD(), N.Replace("\u0301", "")]), P.WhitespaceSplit()),
        (N.Sequence([N.Replace(R(r"[[:punct:]]+"), " "), N.Replace(R(r"\s+"), " ")]), P.WhitespaceSplit()), (N.Sequence([N.Prepend("a "), N.Replace(" ", "_"), N.NFC()]), P.Split("_", "merged_with_next")),
        (N.Sequence([N.Prepend("\u0301"), N.NFD()]), P.Digits()), (N.Lowercase(), P.Sequence([P.Whitespace(), P.Digits(individual_digits=True)])),
        (N.Lowercase(), P.Split(R(r"\w+|[^\w\s]"), "removed", invert=True)), (N.Lowercase(), P.Sequence([P.UnicodeScripts(), P.WhitespaceSplit()])),
        *((None, P.Split(R(r"\s|\p{P}"), b)) for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")),
        *((None, P.Punctuation(b)) for b in ("merged_with_previous", "merged_with_next")), *((None, P.Split(" ", b, invert=True)) for b in ("isolated", "contiguous")),
        (None, P.Sequence([P.CharDelimiterSplit(" "), P.Split(R(r"x*"), "isolated")])), (N.BertNormalizer(lowercase=False), P.Sequence([P.BertPreTokenizer(), P.Split(R(r"(?<=[a-z])(?=[A-Z])"), "removed")])),
    ]
    backends += [pipeline(normalizer, pre_tokenizer, drug if i % 3 == 0 else (), words=spelt) for i, (normalizer, pre_tokenizer) in enumerate(steps)]
    out = []
    for number, backend in enumerate(backends):
        encodings = encoded(backend, more if number < 9 else own)
        ids = [i for e in encodings[:14] for i in e["ids"]]
        pair = backend.encode("a b", "c")
        out.append({"json": backend.to_str(), "size": backend.get_vocab_size(), "encodings": encodings, "decode_ids": ids, "decoded": backend.decode(ids, skip_special_tokens=False),
                    "decoded_skipping": backend.decode(ids, skip_special_tokens=True), "pair": pair.ids, "pair_types": pair.type_ids})
    return out


def classes():
    """ids of one text, of a pair, and its types, under every class name: from vocab.txt, and from a tokenizer.json of another pipeline."""
    special = SPECIAL + ["<s>", "</s>", "<pad>", "<mask>", "<unk>", "<cls>", "<sep>", "[QUESTION]"]
    words = special + [c for c in map(chr, range(0x21, 0x7F)) if c not in special] + ["##" + c for c in map(chr, range(0x61, 0x7B))] + ["the", "fox", "The"]
    backend = Tokenizer(models.WordPiece({t: i for i, t in enumerate(words)}, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.NFD(), pre_tokenizers.WhitespaceSplit()
    out = [{"words": words, "json": backend.to_str()}]
    bert = ["Bert", "DistilBert", "Electra", "MobileBert", "ConvBert", "SqueezeBert", "LayoutLM", "Lxmert", "MPNet", "Funnel", "DPRContextEncoder", "DPRQuestionEncoder", "DPRReader", "Splinter"]
    settings = [(f"{name}Tokenizer{fast}", {}) for name in bert for fast in ("", "Fast")]
    settings += [("FunnelTokenizer", {"clean_text": False, "do_lower_case": False}), ("MPNetTokenizer", {"mask_token": "[MASK]", "do_lower_case": False}),
                 ("BertTokenizer", {"unk_token": "<unk>", "strip_accents": False})]
    for name, more in settings:
        for form in ("vocab.txt", "tokenizer.json"):
            with tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / "config.json").write_text('{"model_type": "bert"}')
                (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name, **more}))
                (pathlib.Path(folder) / form).write_text("\n".join(words) + "\n" if form == "vocab.txt" else backend.to_str(), encoding="utf-8")
                tokenizer = AutoTokenizer.from_pretrained(folder)
            pair = tokenizer("a fox.", "The  <mask> [MASK] x", return_token_type_ids=True)
            out.append({"class": name, "settings": more, "form": form, "text": tokenizer("The foX's é\x07\u4e2d.")["input_ids"], "pair": pair["input_ids"],
                        "types": pair["token_type_ids"], "special": sorted(set(tokenizer.all_special_ids)), "mask": tokenizer.mask_token, "pad": tokenizer.pad_token})
    return out


def forms():
    """FNV-1a hashes, 64 bits: of every code point's normal forms, one a line; of the scripts' cuts and the numbers among all code points."""
    def fnv(data):
        state = 0xCBF29CE484222325
        for byte in data:
            state = (state ^ byte) * 0x100000001B3 & (1 << 64) - 1
        return f"{state:016x}"

    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    out = {}
    for name in ("NFC", "NFD", "NFKC", "NFKD"):
        step = getattr(normalizers, name)()
        out[name] = fnv("\n".join(map(step.normalize_str, points)).encode())
    text = "".join(points)
    for name, step in (("UnicodeScripts", pre_tokenizers.UnicodeScripts()), ("Digits", pre_tokenizers.Digits())):
        out[name] = fnv(" ".join(str(begin) for _, (begin, _) in step.pre_tokenize_str(text)).encode())
    return out


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    given = texts(260, 1)
    uncased, cased = bert(do_lower_case=True), bert(do_lower_case=False)
    write("uncased.json", encoded(uncased.backend_tokenizer, given))
    write("cased.json", encoded(cased.backend_tokenizer, given))
    write("options.json", options(uncased))
    write("pipelines.json", pipelines())
    write("classes.json", classes())
    write("forms.json", forms())
    mini = pipeline(normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer(),
                    [AddedToken("<e>", lstrip=True, special=True, normalized=False), AddedToken("Foo", single_word=True)],
                    processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]),
                    decoders.WordPiece(prefix="##"), SPECIAL + ["a", "##b", "\"", "\\", "é", "日", "😀", "\u2028", "\x7f"])
    (OUT / "saved.json").write_text(mini.to_str(pretty=True), encoding="utf-8")
    total = sum(f.stat().st_size for f in OUT.iterdir())
    print(f"tokenizers {__version__}: {len(list(OUT.iterdir()))} files, {total:,} bytes in {OUT}")


if __name__ == "__main__":
    main()
