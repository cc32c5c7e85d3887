#!/usr/bin/env python3
"""Makes tests/fuzz/corpus: small valid files of each kind, for the fuzz targets to start from. Needs nothing but Python.

    python3 scripts/golden/make_fuzz_seeds.py [OUT]
"""

import base64
import gzip
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent))
from sentencepiece_files import BYTE, CONTROL, NORMAL, UNKNOWN, USER_DEFINED, charsmap, model


def tokenizer_json(vocabulary, with_type=True, times=1, **steps):
    special = lambda i, text: {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    model = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
             "vocab": {piece: i for i, piece in enumerate(vocabulary)}}
    if with_type:
        model = {"type": "WordPiece", **model}
    return json.dumps({
        **{"version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(i, text) for i, text in enumerate(vocabulary[:5])],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, *[{"Sequence": {"id": "A", "type_id": 0}}] * times, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}, "model": model}, **steps})


def own_pipelines(vocabulary):
    """Every step beside BERT's, in a few pipelines."""
    normal = lambda *steps: {"type": "Sequence", "normalizers": list(steps)}
    cuts = lambda *steps: {"type": "Sequence", "pretokenizers": list(steps)}
    replace = lambda pattern, content: {"type": "Replace", "pattern": pattern, "content": content}
    split = lambda pattern, behavior, invert=False: {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
    return {
        "forms.json": tokenizer_json(vocabulary, normalizer=normal({"type": "NFKC"}, {"type": "StripAccents"}, {"type": "NFC"}, {"type": "Lowercase"}),
                                     pre_tokenizer=cuts({"type": "UnicodeScripts"}, {"type": "Whitespace"}, {"type": "Digits", "individual_digits": True})),
        "replace.json": tokenizer_json(vocabulary, normalizer=normal({"type": "NFKD"}, {"type": "Strip", "strip_left": True, "strip_right": False}, replace({"Regex": "\\d+|[[:punct:]]"}, "a"),
                                                                    replace({"String": "is"}, ""), {"type": "Prepend", "prepend": "a "}),
                                       pre_tokenizer=cuts(split({"Regex": "(?<=t)h|\\s+(?!\\S)|x*"}, "MergedWithPrevious"), split({"String": " "}, "Removed", True))),
        "splits.json": tokenizer_json(vocabulary, normalizer=None, post_processor={"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
                                      pre_tokenizer=cuts({"type": "CharDelimiterSplit", "delimiter": " "}, {"type": "Punctuation", "behavior": "MergedWithNext"},
                                                         split({"Regex": "\\p{L}+"}, "Contiguous", True), {"type": "WhitespaceSplit"}, split({"Regex": "."}, "Isolated")))}


UNIGRAM = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), ("<usr>", 0.0, USER_DEFINED)] + [
    (text, -1.5 - 0.37 * i, NORMAL) for i, text in enumerate("\u2581 \u2581the \u2581film e the ing s t . .. ... a \u65e5 \u65e5\u672c i m".split())]


def unigram_pipelines():
    """A small Unigram model in the shapes of XLM-RoBERTa, ALBERT and Llama."""
    rules = {"\ufb01": "fi", "\u2122": "TM", "\x01": "", "\u3000": " ", "\n": " ", "e\u0301": "\u00e9"}
    table = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(rules)).decode()}
    normal = lambda *steps: {"type": "Sequence", "normalizers": list(steps)}
    replace = lambda pattern, content: {"type": "Replace", "pattern": pattern, "content": content}
    space = lambda scheme, split=True: {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}

    def one(normalizer, pre_tokenizer, decoder, pieces=UNIGRAM, **model):
        vocab = [[text, score] for text, score, _ in pieces]
        return json.dumps({"version": "1.0", "added_tokens": [{"id": 1, "content": "<s>", "special": True}], "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": None,
                           "decoder": decoder, "model": {"type": "Unigram", "unk_id": 0, "vocab": vocab, **model}})

    few = [(text, score, type) for text, score, type in UNIGRAM if text != "<usr>"] + [(f"<0x{b:02X}>", -9.0, BYTE) for b in range(0xC0, 0x100)]
    return {"xlm.json": one(normal(table, {"type": "Strip", "strip_left": False, "strip_right": True}, replace({"Regex": " {2,}"}, "\u2581")), space("always"), space("always")),
            "albert.json": one(normal(replace({"String": "``"}, "\""), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, table),
                               {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space("first")]}, space("first")),
            "llama.json": one(None, space("never", False), {"type": "Sequence", "decoders": [replace({"String": "\u2581"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]}, few, byte_fallback=True)}


def byte_alphabet():
    """The characters that stand for bytes, of bytes in order."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b if b in own else 256 + sum(1 for other in range(b) if other not in own)) for b in range(256)]


def bpe_parts():
    """A byte-level vocabulary and its merges."""
    merges = [("t", "h"), ("\u0120", "a"), ("th", "e"), ("\u0120", "the"), ("i", "s"), ("\u0120", "is"), ("e", "r"), ("a", "t")]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(byte_alphabet()), *(a + b for a, b in merges)]
    return {token: i for i, token in enumerate(tokens)}, merges


def bpe_json(normalizer=None, pre_tokenizer=None, decoder=None, **options):
    """RoBERTa's kind of tokenizer.json, or a variation of it."""
    vocabulary, merges = bpe_parts()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    special = lambda i, text, strips=False: {"id": i, "content": text, "single_word": False, "lstrip": strips, "rstrip": False, "normalized": not strips, "special": True}
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": False, "vocab": vocabulary, "merges": merges}
    return json.dumps({"version": "1.0", "added_tokens": [special(i, t, t == "<mask>") for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])], "normalizer": normalizer,
                       "pre_tokenizer": pre_tokenizer or byte_level, "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False},
                       "decoder": decoder or byte_level, "model": {**model, **options}})


def bpe_pipelines():
    split = {"type": "Split", "pattern": {"Regex": " ?\\p{L}+|\\p{N}{1,3}|\\s+"}, "behavior": "Isolated", "invert": False}
    return {"bytes.json": bpe_json(), "composed.json": bpe_json(normalizer={"type": "NFC"}, ignore_merges=True),
            "split.json": bpe_json(pre_tokenizer={"type": "Sequence", "pretokenizers": [split, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}]}),
            "fallback.json": bpe_json(normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, pre_tokenizer={"type": "WhitespaceSplit"}, byte_fallback=True, fuse_unk=True,
                                      vocab={**bpe_parts()[0], **{f"<0x{b:02X}>": 300 + b for b in range(256)}},
                                      decoder={"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}]}),
            "affixes.json": bpe_json(pre_tokenizer={"type": "WhitespaceSplit"}, decoder={"type": "BPEDecoder", "suffix": "</w>"}, continuing_subword_prefix="##", end_of_word_suffix="</w>",
                                     vocab={"<unk>": 0, "a": 1, "##b": 2, "ab": 3, "##b</w>": 4, "ab</w>": 5}, merges=[["a", "##b"], "a ##b</w>"])}


def safetensors(tensors):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, dtype, shape, payload in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(payload)]}
        body += payload
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + body


def token_store(rows, id_bytes, version=2):
    """A store of docs/formats.md: rows of the ids 1 7 8 2. Its checksums are 0: the target puts them right."""
    header_bytes, a_row = {2: 128, 3: 136}[version], 4
    data = b"/notes/a.txt"
    padded = data + b"\0" * (-len(data) % 8)
    body, index = b"", b""
    for first in range(0, rows, 1000):
        count = min(rows - first, 1000)
        tokens = count * a_row
        bits = sum(1 << i for i in range(tokens) if i % a_row == 1)
        batch = struct.pack("<4" + {2: "H", 4: "I"}[id_bytes], 1, 7, 8, 2) * count
        batch += b"\0" * (-len(batch) % 8) + bits.to_bytes((tokens + 63) // 64 * 8, "little")
        batch += struct.pack(f"<{count}Q", *range(a_row, tokens + 1, a_row))
        index += struct.pack("<4Q", header_bytes + len(padded) + len(body), tokens, count, 0)
        body += batch
    at = header_bytes + len(padded) + len(body)
    header = struct.pack("<8s2I16x3Q4I4Q", b"TEKIOTOK", version, id_bytes, rows, rows * a_row, len(index) // 32, 8, 1, 1, 1000, at, 0, at + len(index), len(data))
    return header.ljust(header_bytes, b"\0") + padded + body + index


def state_dict_pickle(old=False):
    """A state dictionary as torch.save pickles it, made without torch: its few functions stand in as empty ones."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    class FloatStorage:
        pass

    def _rebuild_tensor_v2(*arguments):
        return arguments

    FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch.FloatStorage, torch._utils, utils._rebuild_tensor_v2 = FloatStorage, utils, _rebuild_tensor_v2
    sys.modules.update({"torch": torch, "torch._utils": utils})

    class Storage:
        def __init__(self, key, numbers):
            self.key, self.numbers = key, numbers

    class Tensor:
        def __init__(self, storage, offset, shape, strides):
            self.arguments = (storage, offset, shape, strides, False, __import__("collections").OrderedDict())

        def __reduce__(self):
            return _rebuild_tensor_v2, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            described = ("storage", FloatStorage, value.key, "cpu", value.numbers) if isinstance(value, Storage) else None
            return described + (None,) if old and described else described

    storage = Storage("0", 6)
    out = io.BytesIO()
    Pickler(out, 2).dump({"a.weight": Tensor(storage, 0, (2, 3), (3, 1)), "a.transposed": Tensor(storage, 0, (3, 2), (1, 3))})
    return out.getvalue()


def torch_sequence():
    """As PyTorch wrote before 1.6."""
    parts = [0x1950a86a20f9469cfc6c, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}]
    head = b"".join(pickle.dumps(part, 2) for part in parts)
    return head + state_dict_pickle(old=True) + pickle.dumps(["0"], 2) + struct.pack("<q6f", 6, *range(6))


def torch_file():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (("data.pkl", state_dict_pickle()), ("byteorder", b"little"), ("data/0", struct.pack("<6f", *range(6))), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo("archive/" + name), content)
    return out.getvalue()


def http_requests():
    """What clients send to tekio serve. The first byte decides where it is cut into two sends: see http_fuzz.cc."""
    post = lambda body, headers="": f"POST /models/org/model HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
    get = lambda path, headers="", method="GET", version="1.1": f"{method} {path} HTTP/{version}\r\nHost: localhost:8080\r\n{headers}\r\n".encode()
    body = b'{"inputs": "a [MASK].", "parameters": {"top_k": 2}}'
    chunked = b"POST /models/org%2Fmodel HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    requests = {"get": get("/health"), "head": get("/models?a=b", method="HEAD"), "old": get("/", version="1.0"), "post": post(body), "two": post(body) + get("/metrics"),
                "gzip": post(gzip.compress(body, mtime=0), "Content-Encoding: gzip\r\n"), "form": post(b"--x--", "Content-Type: multipart/form-data; boundary=x\r\n"),
                "encoded": post(b"a=%20", "Content-Type: application/x-www-form-urlencoded\r\n"), "expects": post(body, "Expect: 100-continue\r\nConnection: close\r\n"),
                "range": get("/openapi.json", "Range: bytes=0-4,7-\r\nOrigin: http://localhost\r\nAuthorization: Bearer x\r\n"), "other": get("/events", method="OPTIONS"),
                "chunks": chunked + b"8\r\n" + body[:8] + f"\r\n{len(body) - 8:x};a=b\r\n".encode() + body[8:] + b"\r\n0\r\nTrailer: x\r\n\r\n",
                "sizes": post(body, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
                "pieces": chunked + b"8\r\n" + body[:8] + f"\r\n{len(body) - 8:x};a=b\r\n".encode() + body[8:] + b"\r\n0\r\n\r\n" + get("/metrics")}
    return {name: bytes([40 * i % 256]) + request for i, (name, request) in enumerate(requests.items())}


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/fuzz/corpus"
    vocabulary = "[PAD] [UNK] [CLS] [SEP] [MASK] . , ' a is this great it isn ##n ##t t ##s \u4e2d".split()
    distilbert = {"model_type": "distilbert", "dim": 32, "hidden_dim": 64, "n_heads": 4, "n_layers": 2, "vocab_size": 30, "max_position_embeddings": 16,
                  "activation": "gelu", "dropout": 0.1, "attention_dropout": 0.1, "initializer_range": 0.02, "pad_token_id": 0}
    bert = {"model_type": "bert", "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 30,
            "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
            "layer_norm_eps": 1e-12, "initializer_range": 0.02, "pad_token_id": 0}
    config = {"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer", "mask_token": {"content": "[MASK]", "__type": "AddedToken"}}
    japanese = {"tokenizer_class": "BertJapaneseTokenizer", "do_lower_case": True, "subword_tokenizer_type": "character", "never_split": ["AB"], "do_word_tokenize": True,
                "added_tokens_decoder": {"50": {"content": "film", "single_word": True, "lstrip": True, "rstrip": True}}}
    two = ("configs:\n- config_name: en\n  data_files: en/*\n  sep: ';'\n- config_name: de\n  data_files:\n  - split: train\n    path: [data/a.csv, '**/*-[0-9]*']\n"
           "  default: true\n- &x {config_name: c, data_dir: data, <<: {a: !!str ~}}\ndataset_info:\n- config_name: de\n")
    rows = '{"text": "A great \\u00e9 movie", "label": 1}\n{"text": "", "label": 0}\n'
    csv = 'text,label\n"He said ""no"",\nand left",1\nplain,0\n'
    seeds = {
        "tokenizer_json": {"typed.json": tokenizer_json(vocabulary), "untyped.json": tokenizer_json(vocabulary, with_type=False), **own_pipelines(vocabulary), **bpe_pipelines(), **unigram_pipelines(),
                           "sequence_twice.json": tokenizer_json(vocabulary, times=2)},
        "bpe_files": {"bytes": json.dumps(bpe_parts()[0]) + "\n\n#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in bpe_parts()[1]), "few": '{"<s>":0,"</s>":1,"<pad>":2,"a":3,"b":4,"ab":5}\n\na b\n'},
        # The first byte picks the class: see sentencepiece_fuzz.cc.
        "sentencepiece": {"xlm": b"\0" + model(UNIGRAM), "camembert": b"\1" + model(UNIGRAM, charsmap({"\ufb01": "fi", "a\u0301": "\u00e1"})),
                          "albert": b"\2" + model([("<pad>", 0, CONTROL), ("<unk>", 0, UNKNOWN), ("[CLS]", 0, CONTROL), ("[SEP]", 0, CONTROL), ("[MASK]", 0, USER_DEFINED), *UNIGRAM[4:]], unknown=1),
                          "generic": b"\3" + model(UNIGRAM + [(f"<0x{b:02X}>", -9.0, BYTE) for b in range(0xE0, 0x100)], byte_fallback=True)},
        "vocab_txt": {"uncased": json.dumps(config) + "\n\n" + "\n".join(vocabulary) + "\n", "bare": "\n".join(vocabulary),
                      "japanese": json.dumps(japanese) + "\n\n" + "\n".join([*vocabulary, "日", "本", "##語"]) + "\n",
                      "mecab": json.dumps({**japanese, "word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": None, "mecab_option": "-d \"/x\" -r/dev/null -Owakati --max-grouping-size=3"}}) + "\n\n[UNK]\n"},
        "card": {"configs": f"---\n{two}---\n# Two\n", "pattern": "---\nconfigs: [{config_name: a, data_files: ['[!a-c]?*/**/*.jsonl*', x/[[]y].txt]}]\n---\n", "none": "# No head\n"},
        "config_json": {"distilbert.json": json.dumps(distilbert), "bert.json": json.dumps(bert)},
        "safetensors": {"two": safetensors([("a", "F32", [2, 2], struct.pack("<4f", 1, 2, 3, 4)), ("b", "BF16", [3], b"\x80\x3f" * 3)]),
                        "empty": safetensors([])},
        "pickle": {"state_dict": state_dict_pickle()},
        "torch_file": {"zip": torch_file(), "sequence": torch_sequence()},
        "token_store": {"two": token_store(rows=3, id_bytes=2), "four": token_store(rows=1003, id_bytes=4), "three": token_store(rows=3, id_bytes=2, version=3)},
        "text": {"plain": "This is a great [MASK], isn't it?", "unicode": "Cafe\u0301 \u4e2d\u6587 \u1112\u1161\u11ab \U0001f600\u200d \u05d0\u05d1 \ue000\ufffd\x00\x07", "invalid": b"\xc3(\xff\xed\xa0\x80"},
        # The first byte picks options: see word_piece_fuzz.cc.
        "word_piece": {"plain": "\x01The sailors sailed; sailing, sailors' sails. aaaaa ababab abc abcabc", "unicode": "\x07Stra\u00dfe caf\u00e9 \u4e2d\u6587\u4e2d\u6587\u2014na\u00efve \u0130\x0b\u200bx"},
        # The first byte picks the encoding, the second how it is cut: see charset_fuzz.cc.
        "charset": {"utf16": b"\x01\x02" + "a\U0001f600b\n".encode("utf-16-le"), "cp1252": b"\x03\x04it\x92s \x96 so\n", "hebrew": b"\x04\x01\xd6\xc7\xe0\xc7",
                    "sjis": b"\x05\x02C:\\~" + "\u65e5\u672c\u30bd".encode("cp932"), "eucjp": b"\x07\x00" + "\u65e5\u672c\u306e".encode("euc-jp"),
                    "gb18030": b"\x09\x01\x810\x810" + "\u4e2d\u56fd".encode("gbk"), "mac": b"\x0d\x01\x8e\xc6\xf0", "utf7": b"\x0e\x01+ZeVnLA-",
                    "iso2022": b"\x12\x03a\x1b$BF|K\\\x1b(Bb"},
        # The first byte picks the kind of file: see records_fuzz.cc.
        "records": {"txt": "\0one line\nanother\r\n\n", "jsonl": "\1" + rows, "json": '\2[{"text": "a"}, {"text": null}]', "csv": "\3" + csv,
                    "tsv": "\4" + csv.replace(",", "\t"), "gz": b"\5" + gzip.compress(b"a line\n" * 9, mtime=0),
                    # One zstd frame with a raw block, checked by hand against RFC 8878: 13 bytes of content.
                    "zst": b"\6" + bytes.fromhex("28b52ffd200d690000") + b'{"text":"a"}\n'},
    }
    seeds["http"] = http_requests()
    for name, files in seeds.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    main()
