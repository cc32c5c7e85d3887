"""Random pipelines for compare_tokenizer.py --pipelines: models, normalizers, pre-tokenizers, added tokens and templates of every
kind that Tekio reads, put together from a seed, and texts of every block of Unicode."""
import pathlib
import random
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
from sentencepiece_files import RULES, charsmap
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
STRINGS = ["", " ", "a", "the", "é", "e\u0301", "ß", "日", "한", "-", ".", "\\", "[", "#", "\u3000", "\U0001f600", "\u0301", "aa", "x*", "$"]
REGEXES = [r"\d+", r"\d", r"\s+", r"\s", r"\w+", r"\W", r"\w+|[^\w\s]+", r"\w+|[^\w\s]", r"[^\w\s]", r"x*", r"a|e", r"^", r"$", r"\b", r"\B", r"(?i)the", r"\p{L}+",
           r"\p{Han}", r"\p{N}+", r"\p{P}", r"\p{M}", r"[\p{Hangul}\p{Hiragana}]+", r"(?<=a)b", r"a(?=b)", r"\s+(?!\S)", r".", r"(?m:.)", r"(a+)b?", r"(?:\d{1,3})",
           r"[A-Z][a-z]*", r"[^\x00-\x7F]", r"\X", r"\R", r"[[:upper:]]+", r"[[:punct:]]", r"'s|'t|'re| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", r"(.)\1",
           r"\A\s*", r"\s*\z", r"\s*\Z", r"(?<!\w)\w", r"\h+", r"[\t\n\r]", r"\u0301", r"[à-ÿ]", r"(?>a+)b", r"\Ga"]


def pattern(r):
    return Regex(r.choice(REGEXES)) if r.random() < 0.75 else r.choice(STRINGS[1:])


def normalizer(r):
    N = normalizers
    kinds = [N.NFC, N.NFD, N.NFKC, N.NFKD, N.Lowercase, N.StripAccents, lambda: N.Strip(r.random() < 0.5, r.random() < 0.5),
             lambda: N.Replace(pattern(r), r.choice(STRINGS)), lambda: N.Prepend(r.choice(STRINGS[1:])),
             lambda: N.BertNormalizer(clean_text=r.random() < 0.5, handle_chinese_chars=r.random() < 0.5, strip_accents=r.choice([None, True, False]),
                                      lowercase=r.random() < 0.5),
             lambda: N.Precompiled(charsmap(dict(r.sample(sorted(RULES.items()), r.choice([len(RULES), 30, 10]))) | {c: r.choice(["", " ", "x", "xyz"]) for c in r.choice(["", "\u0301", "e", "日한"])}))]
    steps = [r.choice(kinds)() for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3, 4]))]
    return None if not steps else steps[0] if len(steps) == 1 and r.random() < 0.5 else N.Sequence(steps)


def pre_tokenizer(r, bytes_wanted=False):
    P = pre_tokenizers
    kinds = [P.Whitespace, P.WhitespaceSplit, P.BertPreTokenizer, P.UnicodeScripts, lambda: P.Punctuation(r.choice(BEHAVIORS)), lambda: P.Digits(r.random() < 0.5),
             lambda: P.CharDelimiterSplit(r.choice("a -é日")), lambda: P.Split(pattern(r), r.choice(BEHAVIORS), r.random() < 0.5)]
    kinds += [kinds[-1], lambda: P.Metaspace(r.choice("▁▁▁_e"), r.choice(["always", "first", "never"]), r.random() < 0.7)]
    kinds.append(kinds[-1])
    steps = [r.choice(kinds)() for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3]))]
    if bytes_wanted:
        steps.insert(r.randint(0, len(steps)) if r.random() < 0.5 else len(steps), P.ByteLevel(add_prefix_space=r.random() < 0.5, use_regex=r.random() < 0.7))
        if r.random() < 0.4:
            steps = steps[-1:] if isinstance(steps[-1], P.ByteLevel) else steps
    return None if not steps else steps[0] if len(steps) == 1 and r.random() < 0.5 else P.Sequence(steps)


def vocabulary(r):
    """Pieces of one and two characters, so that most words are spelt and offsets are seen inside them."""
    characters = [chr(c) for c in range(0x21, 0x7F)] + list("àéüñßøçαβσабвдאבجحअआกขᄀ한ㄱᅡᆨあアー日本中國😀½²№ﬁ\u0301\u0323\u0308\u0338\u3099\u200d\u3000 \n") + [chr(0xAC00), chr(0xD7A3)]
    words = ["the", "##e", "fo", "##ox", "##the", "12", "##12"]
    return list(dict.fromkeys(SPECIAL + characters + ["##" + c for c in characters] + words))


def bpe(r, bytes_wanted):
    """A model of random merges over the characters, or over the bytes' characters; now and then some of these are missing."""
    if bytes_wanted:
        symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
        wordy = [symbols[symbols.index(c)] for c in "Ġtheaion.,'srdl12Ã©ãģĤ"]
    else:
        symbols = [c for c in vocabulary(r) if len(c) == 1] + ["Ġ", " ", "_"]
        wordy = list("theaion.,'srdl12日本é ")
    if r.random() < 0.3:
        symbols = [c for c in symbols if r.random() < 0.97]
    prefix, suffix = (None, None) if bytes_wanted or r.random() < 0.7 else (r.choice(["##", "@", ""]), r.choice([None, "</w>", ""]))
    tokens = ["<unk>", *symbols]
    if prefix or suffix:
        tokens += [(prefix or "") + c for c in symbols] + [c + (suffix or "") for c in symbols] + [(prefix or "") + c + (suffix or "") for c in symbols]
    if fallback := not prefix and not suffix and r.random() < 0.3:
        tokens += [f"<0x{byte:02X}>" for byte in range(256) if r.random() < 0.98]
    tokens, merges = list(dict.fromkeys(tokens)), []
    common = [c for c in wordy if c in tokens]
    for _ in range(r.choice([0, 20, 150])):
        left = r.choice(common)
        right = r.choice(common)
        if prefix and not right.startswith(prefix):
            right = prefix + right
        merged = left + right[len(prefix or ""):]
        if right not in tokens or len(merged) > 12:
            continue
        tokens += [merged] if merged not in tokens else []
        merges.append((left, right))
        common.append(merged)
    options = {name: value for name, value in (("continuing_subword_prefix", prefix), ("end_of_word_suffix", suffix)) if value is not None}
    return models.BPE({t: i for i, t in enumerate(tokens)}, merges, unk_token=r.choice([None, "<unk>"]), fuse_unk=r.random() < 0.5, byte_fallback=fallback,
                      ignore_merges=r.random() < 0.3, **options)


def unigram(r):
    """A model whose pieces are mostly few scores apart, so that sums are often equal, some but for the last bit."""
    symbols = [c for c in vocabulary(r) if len(c) == 1] + ["▁", "_"]
    if r.random() < 0.5:
        symbols = [c for c in symbols if r.random() < 0.9]
    common = list("theaion.,'srdl12▁日本é e") + ["▁"] * 4
    pieces = ["<unk>", *symbols, *("".join(r.choice(common) for _ in range(r.choice([2, 2, 3, 4, 6]))) for _ in range(r.choice([0, 50, 400])))]
    pieces += [f"<0x{byte:02X}>" for byte in range(256) if r.random() < 0.995]
    if r.random() < 0.2:
        pieces += r.sample(pieces, 5)
    r.shuffle(pieces)
    scores = r.choice([lambda: -r.choice([1, 2, 3, 4.5]), lambda: -round(r.uniform(1, 12), r.choice([1, 4, 15])), lambda: r.choice([-r.uniform(1, 12), -r.random() * 1e-5, r.uniform(0, 40), -123456789012345678])])
    unknown = pieces.index("<unk>") if r.random() < 0.85 else r.randrange(len(pieces))
    return models.Unigram([(piece, float(scores())) for piece in pieces], unknown, byte_fallback=r.random() < 0.4)


def pipeline(seed):
    """A tokenizer from a seed, or None where the library refuses the steps."""
    r = random.Random(seed)
    tokens = vocabulary(r)
    kind = r.choice(["WordPiece", "BPE", "bytes", "Unigram", "Unigram"])
    word_piece = lambda: models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]", max_input_chars_per_word=r.choice([100, 100, 5]))
    tokenizer = Tokenizer(word_piece() if kind == "WordPiece" else unigram(r) if kind == "Unigram" else bpe(r, kind == "bytes"))
    if (steps := normalizer(r)) is not None:
        tokenizer.normalizer = steps
    if (steps := pre_tokenizer(r, kind == "bytes" or r.random() < 0.05)) is not None:
        tokenizer.pre_tokenizer = steps
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    for text in r.sample(["fox", "É", "日本", "tok", "<e>", "a b", "ﬁ", "12"], r.choice([0, 0, 0, 1, 2])):
        tokenizer.add_tokens([AddedToken(text, normalized=r.random() < 0.5, lstrip=r.random() < 0.3, rstrip=r.random() < 0.3, single_word=r.random() < 0.3)])
    around = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    trims = {"trim_offsets": r.random() < 0.7, "add_prefix_space": r.random() < 0.5}
    post = r.choice([None, None, around, around, processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2), **trims), processors.ByteLevel(**trims),
                     processors.Sequence([processors.ByteLevel(**trims), around])])
    if post is not None:
        tokenizer.post_processor = post
    return tokenizer
