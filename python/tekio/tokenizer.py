"""Tokenizers: text to ids and back, to the last id as Hugging Face transformers has them."""

from __future__ import annotations

import json
import os
from collections import UserDict
from collections.abc import Iterable, Mapping
from typing import Any

from tekio import _places, _tekio
from tekio._arrays import as_framework, check_framework, numpy, to_array, to_list, whole_number
from tekio._bytes import checked, path_bytes
from tekio._options import check_unused, true_or_false
from tekio.errors import UsageError

# Classes whose models tell the types of tokens apart, so that encodings have token_type_ids.
_WITH_TYPES = {
    "BertJapaneseTokenizer", "BertTokenizer", "ConvBertTokenizer", "DPRContextEncoderTokenizer", "DPRContextEncoderTokenizerFast",
    "DPRQuestionEncoderTokenizer", "DPRQuestionEncoderTokenizerFast", "DPRReaderTokenizer", "DPRReaderTokenizerFast",
    "ElectraTokenizer", "FunnelTokenizer", "LayoutLMTokenizer", "LxmertTokenizer", "MobileBertTokenizer", "RealmTokenizer",
    "RetriBertTokenizer", "SqueezeBertTokenizer",
}
_PAD_WITH = {"attention_mask": 0, "token_type_ids": 0, "special_tokens_mask": 1, "offset_mapping": (0, 0)}


class BatchEncoding(UserDict):
    """What a tokenizer gives: a dict of input_ids, attention_mask, and whatever else was asked for; one row a text, or, of a
    single text without return_tensors, its numbers alone."""

    def __init__(self, data=None, encodings=None, n_sequences=None):
        super().__init__(data or {})
        self._encodings = encodings
        self.n_sequences = n_sequences

    is_fast = True

    def __getattr__(self, name):
        data = self.__dict__.get("data")
        if data is not None and name in data:
            return data[name]
        raise AttributeError(name)

    def __getstate__(self):
        return {"data": self.data, "_encodings": None, "n_sequences": self.n_sequences}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def _made(self):
        if self._encodings is None:
            raise UsageError("word_ids() is of what a tokenizer gave for texts; this was put together otherwise")
        return self._encodings

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """The word that each token is of within its text, the tokenizer's or a given one; None for template tokens and padding."""
        return self._made().words(batch_index)

    def offsets(self, batch_index=0):
        """Begin and end of each token in characters of its text, or of its given word."""
        return self._made().offsets(batch_index)

    def to(self, device=None, **_):
        """Tensors go to the device; arrays are on the processor already."""
        for key, value in self.data.items():
            if hasattr(value, "to"):
                self.data[key] = value.to(device)
        return self

    def convert_to_tensors(self, tensor_type=None):
        return _to_tensors(self, check_framework(tensor_type))


def _to_tensors(encoding, framework):
    if framework is None:
        return encoding
    for key, value in encoding.data.items():
        try:
            array = to_array(value)
            if array.dtype == object:
                raise ValueError
        except ValueError:
            raise UsageError(
                f'"{key}" does not make one array: its rows differ in length (pass padding=True, and truncation=True where texts '
                f"may be longer than the model), or it holds None"
            ) from None
        if array.dtype.kind == "i":
            array = array.astype(numpy().int64, copy=False)
        encoding.data[key] = as_framework(array, framework)
    return encoding


class Tokenizer:
    """An immutable tokenizer; may be used by several threads at once.

    `AutoTokenizer` is another name of it. `tokenizer(text)` encodes, `decode` goes back.
    """

    is_fast = True
    padding_side = "right"
    truncation_side = "right"

    def __init__(self, inner, name_or_path="", **hub):
        self._inner = inner
        self.name_or_path, self.revision = name_or_path, hub.get("revision")
        self._hub = hub  # how it was opened: from_pretrained()'s revision, local_files_only, cache_dir
        config = json.loads(inner.config) or {}
        names = ["input_ids", "attention_mask"]
        if inner.class_name.removesuffix("Fast") in _WITH_TYPES or inner.class_name in _WITH_TYPES:
            names.insert(1, "token_type_ids")
        self.model_input_names = list(config.get("model_input_names") or names)
        for side in ("padding_side", "truncation_side"):
            if config.get(side) in ("left", "right"):
                setattr(self, side, config[side])
        inner.set_length_warning(True)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike, revision: str | None = None, local_files_only: bool = False,
        cache_dir: str | os.PathLike | None = None, **unused
    ) -> Tokenizer:  # fmt: skip
        """Opens a folder's tokenizer, or a repository's on the Hub by its id ("org/name", "org/name@revision").
        local_files_only: no request is made. cache_dir: the Hub's cache, else as HF_HUB_CACHE and HF_HOME say.

        Errors: FileError (neither), InputError (malformed files, a class that is not known; the message names file and key).
        """
        check_unused("from_pretrained()", unused, {"use_fast", "trust_remote_code"}, {"token"})
        name = _places.model_name(pretrained_model_name_or_path, revision)
        offline = true_or_false(local_files_only, "local_files_only")
        inner = _tekio.Tokenizer.from_pretrained(name, offline, _places.cache_path(cache_dir))
        return cls(inner, os.fspath(pretrained_model_name_or_path), revision=revision, local_files_only=offline, cache_dir=cache_dir)

    def __reduce__(self):
        return _reopened, (self.name_or_path, self._inner.digest, self._inner.model_max_length, self._hub)

    def __repr__(self):
        return (
            f"Tokenizer(name_or_path={self.name_or_path!r}, vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length}, mask_token={self.mask_token!r})"
        )

    # --- Encoding ---

    def __call__(
        self,
        text: str | list[str] | list[list[str]],
        text_pair: str | list[str] | list[list[str]] | None = None,
        *,
        is_split_into_words: bool = False,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        **unused,
    ) -> BatchEncoding:
        """Encodes a text, or a list of texts, on all processors. With is_split_into_words a text is a list of its words, which are
        tokenized one by one: word_ids() are their numbers, and offsets count within each.

        Returns a BatchEncoding: lists of ids a text, int64 arrays [texts, tokens] with return_tensors="np", PyTorch's tensors
        with "pt". Errors: UsageError (texts of several lengths as one array; an argument that is not known).
        """
        check_unused("a tokenizer's call", unused, {"verbose"})
        single = _is_one(text, is_split_into_words)
        texts, pairs = _texts(text, text_pair, single, is_split_into_words)
        framework = check_framework(return_tensors)
        options, pad = self._options(add_special_tokens, padding, truncation, max_length, pad_to_multiple_of, padding_side)
        encode = self._inner.encode_words if is_split_into_words else self._inner.encode
        made = checked(lambda: encode(texts, pairs, options, pad), text=texts, text_pair=pairs)
        fields = [name for name in self.model_input_names if name in ("input_ids", "token_type_ids", "attention_mask")]
        for name, wanted in (("token_type_ids", return_token_type_ids), ("attention_mask", return_attention_mask)):
            if wanted is not None:
                fields = [field for field in fields if field != name] + ([name] if wanted else [])
        if return_special_tokens_mask:
            fields.append("special_tokens_mask")
        flat = single and framework is None
        if framework is not None:
            numpy()
        data = {}
        for field in fields:
            if framework is not None:
                data[field] = as_framework(made.rectangle(field), framework)
            else:
                data[field] = made.row(field, 0) if flat else made.rows(field)
        if return_offsets_mapping:
            offsets = [made.offsets(i) for i in range(len(texts))]
            data["offset_mapping"] = offsets[0] if flat else offsets
        if return_length:
            lengths = [len(made.row("input_ids", i)) for i in range(len(texts))]
            data["length"] = lengths[0] if flat else lengths
        encoding = BatchEncoding(data, made, 1 if pairs is None else 2)
        return _to_tensors(encoding, framework) if return_offsets_mapping else encoding

    def _options(self, add_special_tokens, padding, truncation, max_length, pad_to_multiple_of, padding_side):
        options = _tekio.EncodeOptions()
        options.add_special_tokens = bool(add_special_tokens)
        padding = getattr(padding, "value", padding)
        truncation = getattr(truncation, "value", truncation)
        if padding not in (False, True, None, "longest", "max_length", "do_not_pad"):
            raise UsageError(f'padding is {padding!r}; expected True, False, "longest" or "max_length"')
        if truncation not in (False, True, None, "longest_first", "do_not_truncate", "only_first", "only_second"):
            raise UsageError(f"truncation is {truncation!r}; expected True or False")
        max_length, pad_to_multiple_of = whole_number(max_length, "max_length"), whole_number(pad_to_multiple_of, "pad_to_multiple_of")
        limit = max_length if max_length is not None else min(self.model_max_length, 2**62)
        if truncation not in (False, None, "do_not_truncate") and limit < 2**62:
            options.max_length = limit
            options.truncate_left = self.truncation_side == "left"
        pads = padding not in (False, None, "do_not_pad")
        if pads:
            options.pad_left = (padding_side or self.padding_side) == "left"
            options.pad_to_multiple_of = pad_to_multiple_of
            if padding == "max_length" and limit < 2**62:
                options.pad_to_length = limit
        return options, pads and padding != "max_length"

    def encode(self, text: str | list[str], text_pair: str | list[str] | None = None, **options) -> list[int]:
        """The ids alone."""
        return self(text, text_pair, **options)["input_ids"]

    def tokenize(self, text: str, add_special_tokens: bool = False) -> list[str]:
        """The tokens that a text is cut into, as the vocabulary writes them."""
        return self.convert_ids_to_tokens(self(text, add_special_tokens=add_special_tokens)["input_ids"])

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None) -> Any:
        """The text of ids; of a list of lists, a list of texts."""
        ids = to_list(token_ids)
        if isinstance(ids, list) and ids and isinstance(ids[0], list):
            return [self.decode(each, skip_special_tokens, clean_up_tokenization_spaces) for each in ids]
        try:
            return self._inner.decode([ids] if isinstance(ids, int) else ids, skip_special_tokens, clean_up_tokenization_spaces)
        except TypeError:
            raise UsageError("token_ids are no list of whole numbers of 32 bits") from None

    def batch_decode(self, sequences, skip_special_tokens=False, clean_up_tokenization_spaces=None):
        return [self.decode(each, skip_special_tokens, clean_up_tokenization_spaces) for each in sequences]

    def pad(
        self,
        encoded_inputs,
        padding=True,
        max_length=None,
        pad_to_multiple_of=None,
        padding_side=None,
        return_attention_mask=None,
        return_tensors=None,
        **unused,
    ):
        """Pads lists of ids (a list of dicts, or a dict of lists) to the longest, or to max_length."""
        check_unused("pad()", unused, {"verbose"})
        framework = check_framework(return_tensors)
        if isinstance(encoded_inputs, (list, tuple)) and encoded_inputs and isinstance(encoded_inputs[0], Mapping):
            encoded_inputs = {key: [each[key] for each in encoded_inputs] for key in encoded_inputs[0]}
        data = {key: [to_list(row) for row in rows] for key, rows in encoded_inputs.items()}
        if "input_ids" not in data:
            raise UsageError(f"there are no input_ids to pad, but {list(data)}")
        rows = data["input_ids"]
        if "attention_mask" not in data and "attention_mask" in self.model_input_names and return_attention_mask is not False:
            data["attention_mask"] = [[1] * len(row) for row in rows]
        width = max((len(row) for row in rows), default=0) if padding != "max_length" else max_length or self.model_max_length
        if pad_to_multiple_of:
            width = -(-width // pad_to_multiple_of) * pad_to_multiple_of
        if padding not in (False, None, "do_not_pad") and any(len(row) < width for row in rows):
            if self.pad_token_id is None:
                raise UsageError("the tokenizer has no padding token, so rows of several lengths do not make one array")
            left = (padding_side or self.padding_side) == "left"
            lengths = [len(row) for row in rows]
            for key, fill in {"input_ids": self.pad_token_id, **_PAD_WITH}.items():
                for i, row in enumerate(data.get(key, ())):
                    more = [fill] * (width - lengths[i])
                    data[key][i] = more + row if left else row + more
        return _to_tensors(BatchEncoding(data), framework)

    # --- The vocabulary ---

    def __len__(self):
        return self._inner.vocabulary_size

    @property
    def vocab_size(self):
        """Entries without those that were added behind them."""
        return self._inner.base_vocabulary_size

    @property
    def model_max_length(self):
        """The longest input that the model takes, template tokens included."""
        return self._inner.model_max_length

    def get_vocab(self) -> dict[str, int]:
        """Ids by token."""
        return {self._inner.id_to_token(i): i for i in range(len(self)) if _has(self._inner, i)}

    def convert_tokens_to_ids(self, tokens):
        if isinstance(tokens, str):
            found = checked(lambda: self._inner.token_to_id(tokens), token=[tokens])
            return self.unk_token_id if found is None else found
        return [self.convert_tokens_to_ids(each) for each in tokens]

    def convert_ids_to_tokens(self, ids, skip_special_tokens=False):
        ids = to_list(ids)
        if isinstance(ids, int):
            return self._inner.id_to_token(ids)
        special = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._inner.id_to_token(i) for i in ids if i not in special]

    def get_special_tokens_mask(self, token_ids_0, token_ids_1=None, already_has_special_tokens=False):
        """1 for special tokens, 0 for others."""
        if not already_has_special_tokens or token_ids_1 is not None:
            raise UsageError("get_special_tokens_mask is of whole encodings: pass already_has_special_tokens=True")
        special = set(self.all_special_ids)
        return [int(i in special) for i in to_list(token_ids_0)]

    def num_special_tokens_to_add(self, pair=False):
        return len(self._inner.encode([""], [""] if pair else None, _tekio.EncodeOptions(), False).row("input_ids", 0))

    @property
    def all_special_ids(self):
        return list(self._inner.all_special_ids)

    @property
    def all_special_tokens(self):
        return [self._inner.id_to_token(i) for i in self.all_special_ids]

    def save_pretrained(self, save_directory: str | os.PathLike, **unused) -> tuple[str, ...]:
        """Writes files that Hugging Face transformers opens, too; gives their names."""
        check_unused("save_pretrained()", unused, refused={"push_to_hub", "legacy_format"})
        self._inner.save_pretrained(path_bytes(save_directory, "save_directory"))
        return tuple(os.path.join(save_directory, name) for name in sorted(os.listdir(save_directory)))


def _role(name, inner_name):
    def id_of(self):
        return getattr(self._inner, inner_name)

    def text_of(self):
        number = id_of(self)
        return None if number is None else self._inner.id_to_token(number)

    setattr(Tokenizer, name + "_id", property(id_of, doc="None where there is no such token."))
    setattr(Tokenizer, name, property(text_of, doc="None where there is no such token."))


for _name, _inner_name in (("mask_token", "mask_id"), ("pad_token", "pad_id"), ("unk_token", "unknown_id"),
                           ("cls_token", "cls_id"), ("sep_token", "sep_id")):  # fmt: skip
    _role(_name, _inner_name)


def _has(inner, i):
    try:
        inner.id_to_token(i)
    except UsageError:
        return False
    return True


def _is_one(text, split):
    if not split:
        return isinstance(text, str)
    return not (isinstance(text, (list, tuple)) and len(text) > 0 and isinstance(text[0], (list, tuple)))


def _texts(text, second, single, split):
    """Texts and second texts, as many; lists of words where they are split. As in the reference, a batch may also hold pairs, and a
    lone text's empty second one is none."""
    if single:
        return [_text(text, 0, split)], [_text(second, 0, split)] if second else None
    if not isinstance(text, Iterable):
        raise UsageError(f"text is {type(text).__name__}; expected a string, or a list of them")
    texts = list(text)
    if second is None and texts and all(_is_pair(each, split) for each in texts):
        texts, second = zip(*texts)
    elif isinstance(second, str):
        raise UsageError("text_pair is one string, but text is a list; expected a list of as many")
    return [_text(each, i, split) for i, each in enumerate(texts)], None if second is None else [_text(each, i, split) for i, each in enumerate(second)]


def _is_pair(value, split):
    kinds, parts = (tuple, (list, tuple)) if split else ((list, tuple), str)
    return isinstance(value, kinds) and len(value) == 2 and all(isinstance(part, parts) for part in value)


def _text(text, i, split):
    if not split:
        if not isinstance(text, str):
            raise UsageError(f"text {i} is {type(text).__name__}; expected a string")
        return text
    if not isinstance(text, (list, tuple)):
        raise UsageError(f"text {i} is {type(text).__name__}; with is_split_into_words expected a list of words")
    for at, word in enumerate(text):
        if not isinstance(word, str):
            raise UsageError(f"word {at} of text {i} is {type(word).__name__}; expected a string")
    return list(text)


def strings(texts, what="text"):
    """A list of them. Errors: UsageError (what is none)."""
    if not isinstance(texts, Iterable):
        raise UsageError(f"{what}s are {type(texts).__name__}; expected a list of strings")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(f"{what} {i} is {type(text).__name__}; expected a string")
    return texts


def as_tokenizer(value, name="tokenizer"):
    """It, if it is one of ours. Errors: UsageError."""
    if not isinstance(value, Tokenizer):
        raise UsageError(f"{name} is a {type(value).__name__}; expected a Tokenizer (AutoTokenizer.from_pretrained(…))")
    return value


def _reopened(name, digest, length, hub):
    tokenizer = Tokenizer.from_pretrained(name, **hub)
    if tokenizer._inner.digest != digest:
        raise UsageError(f"the tokenizer in {name} is not the one that was pickled")
    if tokenizer.model_max_length != length:
        tokenizer = Tokenizer(tokenizer._inner.with_model_max_length(length), name, **hub)
    return tokenizer


AutoTokenizer = Tokenizer
