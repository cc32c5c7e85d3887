#!/usr/bin/env python3
"""Writes tests/golden/text/japanese.json and japanese_vocab.txt: BertJapaneseTokenizer of Hugging Face transformers on Japanese
sentences and on strings that tokenizers stumble over, under several settings.

    PYTHON scripts/golden/make_japanese_golden.py [FOLDER]

The dictionary is that of Debian's package mecab-ipadic-utf8. PYTHON has, beside requirements.txt, fugashi.
"""
import json
import pathlib
import random
import sys
import tempfile

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/text"
DICTIONARY = "/var/lib/mecab/dic/ipadic-utf8"
MECAB = {"mecab_dic": None, "mecab_option": f"-d {DICTIONARY} -r /dev/null"}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = """すもももももももものうち。
東京都に住んでいる友人が、来週の金曜日に大阪へ引っ越すことになった。
この映画はとても面白かったので、もう一度見たいと思います。
患者は六十五歳の男性で、胸の痛みを訴えて来院した。
契約の当事者は、相手方に対して損害の賠償を請求することができる。
鍋に油を熱し、玉ねぎがきつね色になるまで中火で炒める。
昨日の夜から雨が降り続き、川の水位が上がっている。
彼女は駅前の喫茶店でコーヒーを飲みながら本を読んでいた。
機械学習のモデルを、新しい分野の文章に適応させる。
新しいスマートフォンのバッテリーは、一日使ってもまだ半分残っていた。
京都の寺を訪れた外国人観光客の数は、前の年の二倍になった。
お客様のご意見をもとに、サービスの改善に取り組んでまいります。
子どもたちは公園で元気に走り回っている。
この薬は食後に水と一緒に服用してください。
第三条　前項の規定は、次に掲げる場合には適用しない。
株価は三日続けて下がり、投資家の間に不安が広がった。
犬が庭で吠えているのは、見知らぬ人が来たからだろう。
電車が遅れたため、会議に間に合わなかった。
ＡＢＣ株式会社は２０２４年４月１日に設立された。
ﾊﾝｶｸｶﾀｶﾅとｶﾞｷﾞｸﾞも読めます。
価格は㌔グラムあたり㍉単位で表示され、㈱と①②③も使う。
令和は㋿、平成は㍻と書くことがある。
ｗｗｗこれは草ｗｗｗ
すごーーーーーーーーーーーーーーーーーーーーーーーーーーーーーーーーーーーい！！！
か゛き゛く゛と濁点を分けて書いた。ハ゜リ
TekioはC++20のlibraryで、GPUがなくても動きます。
The quick brown fox は「素早い茶色の狐」と訳せる。
メールは info@example.com へ、電話は 03-1234-5678 まで。
1,234円(税込)で3.5%引き。
👩‍👩‍👧‍👦と🇯🇵と👍🏽を送った。
「はい」、『いいえ』、〈どちらでもない〉……。
吾輩は猫である。名前はまだ無い。
国境の長いトンネルを抜けると雪国であった。
𠮟る、𩸽、髙橋、﨑、葛󠄀城市
今日は[MASK]が良いので[MASK]に行こう。
[CLS]文の始まり[SEP]文の終わり[SEP][PAD]
ΑΣ ΣΑΣ ΟΔΟΣ Straße İstanbul ÀÉÎ""".split("\n")
EDGES = ["", " ", "　", "\n", "\t", "\0", "a\0b", "東京\0大阪", "  東京  ", "東京\n大阪\r\n京都\t奈良\v\f", "\u200b東京\u200b", "\ufeff東京", "東 京 都", "東\u3000京",
         "a" * 100, "a" * 101, "あ" * 120, "亜" * 101, "ー" * 60, "w" * 30, "１" * 40, "\u3099\u309a", "か\u3099は\u309a", "e\u0301\u0327", "ﬁ½㍿㌀", "\u2028\u2029\x85\x1c\x1d",
         "[MASK]", "[mask]", "［ＭＡＳＫ］", "[MASK][MASK]", "[MASK] [MASK]", "x[MASK]y", "[UNK]", "##の", "# ##", "[[MASK]]", "[MA[MASK]SK]", "\u0301", "ｶﾞ", "ﾞ", "·・･", "~〜～",
         "-‐–—―−ー", "\u32ff\U0001fbf0\ua7f2", "\U00011935\U00011930", "\ue000\U000f0000\U0010ffff", "\ufffd", "IPADIC", "ipadic", "Ａｐｐｌｅ", "ＮＨＫ", "ΑΣ", "Σ", "あΣ", "AΣ\u0301b"]
ADDED = {"never_split": ["TEKIO", "ＮＨＫ", "NHK", "(笑)"],
         "added_tokens_decoder": {**{str(i): {"content": t, "special": True, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False} for i, t in enumerate(SPECIAL)},
                                  "5000": {"content": "適応", "special": False, "lstrip": True, "rstrip": True, "normalized": True, "single_word": False},
                                  "5001": {"content": "狐", "special": False, "lstrip": False, "rstrip": False, "normalized": True, "single_word": True},
                                  "5002": {"content": "東京都民", "special": True, "lstrip": False, "rstrip": True, "normalized": False, "single_word": False},
                                  "5003": {"content": "京", "special": False, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}}}
WITH_ADDED = ["東京都民と東京都庁と京", "狐", " 狐 ", "茶色の狐", "狐の", "[MASK]狐", "狐狐", " 狐 狐 ", "a 適応 \n 適応b", "適応\u3000京", "東京都民 \t 東京都民 ", "TEKIO tekio NHK ＮＨＫ", "A(笑) (笑)", "京適応狐 京"]
SETTINGS = [
    {"word_tokenizer_type": "mecab", "mecab_kwargs": MECAB},
    {"word_tokenizer_type": "mecab", "mecab_kwargs": MECAB, "subword_tokenizer_type": "character"},
    {"word_tokenizer_type": "mecab", "mecab_kwargs": MECAB, "do_lower_case": True},
    {"word_tokenizer_type": "mecab", "mecab_kwargs": MECAB, "do_lower_case": True, "subword_tokenizer_type": "character"},
    {"word_tokenizer_type": "mecab", "mecab_kwargs": {**MECAB, "normalize_text": False, "mecab_option": MECAB["mecab_option"] + " -Owakati -M 3"}},
    {"word_tokenizer_type": "mecab", "mecab_kwargs": MECAB, "do_lower_case": True, **ADDED},
    {},
    {"do_lower_case": True},
    {"do_lower_case": True, **ADDED},
    {"subword_tokenizer_type": "character", "split_special_tokens": True},
    {"do_word_tokenize": False},
    {"do_word_tokenize": False, "subword_tokenizer_type": "character"},
]


def vocabulary():
    """Special tokens, the sentences' characters, some of their words, and pieces for what goes on."""
    import unicodedata
    import fugashi
    tagger = fugashi.GenericTagger(MECAB["mecab_option"])
    texts = [unicodedata.normalize("NFKC", text) for text in SENTENCES]
    texts += [text.lower() for text in texts]
    characters = sorted({c for text in texts for c in text if not c.isspace()} | set("abcdefghijklmnopqrstuvwxyz0123456789ー"))
    words = sorted({word.surface for text in texts[:-8] for word in tagger(text)} - set(characters))
    kept = [word for i, word in enumerate(words) if i % 3]
    ends = sorted({word[1:] for word in words if len(word) > 2})
    drop = {"狐", "適応", "京"}  # words that are added
    tokens = SPECIAL + characters + kept + ["##" + c for c in characters] + ["##" + end for end in ends if len(end) > 1]
    return [token for token in dict.fromkeys(tokens) if token not in drop]


def strings(count, seed):
    """Mixtures of what Japanese text is made of."""
    r = random.Random(seed)
    parts = "".join(SENTENCES)
    kinds = [lambda: parts[(at := r.randrange(len(parts))):at + r.randint(1, 12)], lambda: chr(r.randint(0x3040, 0x30FF)), lambda: chr(r.randint(0xFF00, 0xFFEF)),
             lambda: chr(r.randint(0x4E00, 0x9FFF)), lambda: chr(r.randint(0x20, 0x7E)), lambda: chr(r.randint(0x3000, 0x33FF)), lambda: r.choice(" \u3000\t\n\r\x1c\u2028"),
             lambda: chr(r.randint(0x1F300, 0x1FAFF)), lambda: chr(r.randint(0x300, 0x36F)), lambda: r.choice(SPECIAL), lambda: r.choice(EDGES)[:8]]
    return ["".join(r.choice(kinds)() for _ in range(r.randint(1, 12))) for _ in range(count)]


def write_folder(folder, tokens, settings):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertJapaneseTokenizer", "model_max_length": 512, **settings}, ensure_ascii=False), encoding="utf-8")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return folder


def word_ids(tokenizer, text):
    """Numbers of words as Tekio counts them: what the word tokenizer finds, cut at white space where WordPiece does; characters where
    nothing looks for words; an added token is one. None where the pieces of the words are not the text's."""
    out, number = [], 0
    whole = tokenizer.split_special_tokens
    for piece in [text] if whole else tokenizer.tokens_trie.split(text):
        if not whole and piece in tokenizer.added_tokens_encoder:
            out.append((piece, number))
            number += 1
            continue
        words = tokenizer.word_tokenizer.tokenize(piece, never_split=tokenizer.all_special_tokens) if tokenizer.do_word_tokenize else [piece]
        for word in words:
            for part in word.split() if tokenizer.subword_tokenizer_type == "wordpiece" else [word]:
                found = tokenizer.subword_tokenizer.tokenize(part)
                step = 0 if tokenizer.do_word_tokenize or tokenizer.subword_tokenizer_type == "wordpiece" else 1
                out += [(token, number + step * i) for i, token in enumerate(found)]
                number += step * len(found) if step else bool(found)
    return [n for _, n in out] if [t for t, _ in out] == tokenizer.tokenize(text) else None


def main():
    from transformers import AutoTokenizer
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    tokens = vocabulary()
    (out / "japanese_vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    texts = SENTENCES + EDGES + WITH_ADDED + strings(80, 1)
    cases = []
    for settings in SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            tokenizer = AutoTokenizer.from_pretrained(write_folder(folder, tokens, settings))
            encoded = [tokenizer(text)["input_ids"] for text in texts]
            pair = tokenizer("東京", "京都の寺", return_token_type_ids=True)
            ids = [2, *range(5, len(tokens) + 40, 37), 5000, 4, 5001, 3, 0, 99999]
            cases.append({"settings": settings, "size": len(tokenizer), "ids": encoded, "words": [word_ids(tokenizer, text) for text in texts],
                          "decode_ids": ids, "decoded": tokenizer.decode(ids), "decoded_skipping": tokenizer.decode(ids, skip_special_tokens=True),
                          "special": sorted(tokenizer.all_special_ids), "pair": pair["input_ids"], "pair_types": pair["token_type_ids"]})
    document = {"texts": [text.encode().hex() for text in texts], "cases": cases}
    with open(out / "japanese.json", "w", encoding="utf-8") as file:
        file.write('{"texts": ' + json.dumps(document["texts"]) + ', "cases": [\n' + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]}\n")
    print(f"{len(tokens)} tokens, {len(texts)} texts, {len(cases)} settings")


if __name__ == "__main__":
    main()
