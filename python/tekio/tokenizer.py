"""Tokenizers: text to ids and back, to the last id as Hugging Face transformers has them."""

from __future__ import annotations

import json
import os
from collections import UserDict
from collections.abc import Mapping
from typing import Any

from tekio import _places, _tekio
from tekio._arrays import as_framework, check_framework, numpy, to_array, to_list
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

    def __init__(self, data=None, encodings=None):
        super().__init__(data or {})
        self._encodings = encodings

    is_fast = True

    def __getattr__(self, name):
        data = self.__dict__.get("data")
        if data is not None and name in data:
            return data[name]
        raise AttributeError(name)

    def __getstate__(self):
        return {"data": self.data, "_encodings": None}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def _made(self):
        if self._encodings is None:
            raise UsageError("word_ids() is of what a tokenizer gave for texts; this was put together otherwise")
        return self._encodings

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """The word that each token is of within its text; None for template tokens and padding."""
        return self._made().words(batch_index)

    def offsets(self, batch_index=0):
        """Begin and end of each token in characters of its text."""
        return self._made().offsets(batch_index)

    @property
    def n_sequences(self):
        return None if self._encodings is None else 1

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

    def __init__(self, inner, name_or_path=""):
        self._inner = inner
        self.name_or_path = name_or_path
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
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, revision: str | None = None, **unused) -> Tokenizer:
        """Opens a folder's tokenizer, or a repository's on the Hub by its id ("org/name", "org/name@revision").

        Errors: FileError (neither), InputError (malformed files, a class that is not known; the message names file and key).
        """
        _check_unused(unused, {"use_fast", "cache_dir", "local_files_only", "token", "trust_remote_code"})
        name = _places.model_name(pretrained_model_name_or_path)
        if revision is not None and not os.path.exists(name):
            name += f"@{revision}"
        return cls(_tekio.Tokenizer.from_pretrained(name), name_or_path=os.fspath(pretrained_model_name_or_path))

    def __reduce__(self):
        return _reopened, (self.name_or_path, self._inner.digest, self._inner.model_max_length)

    def __repr__(self):
        return (
            f"Tokenizer(name_or_path={self.name_or_path!r}, vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length}, mask_token={self.mask_token!r})"
        )

    # --- Encoding ---

    def __call__(
        self,
        text: str | list[str],
        text_pair: str | list[str] | None = None,
        *,
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
        """Encodes a text, or a list of texts, on all processors.

        Returns a BatchEncoding: lists of ids a text, int64 arrays [texts, tokens] with return_tensors="np", PyTorch's tensors
        with "pt". Errors: UsageError (texts of several lengths as one array; an argument that is not known).
        """
        _check_unused(unused, {"verbose"})
        single = isinstance(text, str)
        texts = [text] if single else _strings(text)
        pairs = None if text_pair is None else [text_pair] if single else _strings(text_pair)
        framework = check_framework(return_tensors)
        options, pad = self._options(add_special_tokens, padding, truncation, max_length, pad_to_multiple_of, padding_side)
        made = self._inner.encode(texts, pairs, options, pad)
        fields = [name for name in self.model_input_names if name in ("input_ids", "token_type_ids", "attention_mask")]
        for name, wanted in (("token_type_ids", return_token_type_ids), ("attention_mask", return_attention_mask)):
            if wanted is not None:
                fields = [field for field in fields if field != name] + ([name] if wanted else [])
        if return_special_tokens_mask:
            fields.append("special_tokens_mask")
        flat = single and framework is None
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
        return _to_tensors(BatchEncoding(data, made), framework) if return_offsets_mapping else BatchEncoding(data, made)

    def _options(self, add_special_tokens, padding, truncation, max_length, pad_to_multiple_of, padding_side):
        options = _tekio.EncodeOptions()
        options.add_special_tokens = bool(add_special_tokens)
        padding = getattr(padding, "value", padding)
        truncation = getattr(truncation, "value", truncation)
        if padding not in (False, True, None, "longest", "max_length", "do_not_pad"):
            raise UsageError(f'padding is {padding!r}; expected True, False, "longest" or "max_length"')
        if truncation not in (False, True, None, "longest_first", "do_not_truncate", "only_first", "only_second"):
            raise UsageError(f"truncation is {truncation!r}; expected True or False")
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

    def encode(self, text: str, text_pair: str | None = None, **options) -> list[int]:
        """The ids alone."""
        return self(text, text_pair, **options)["input_ids"]

    def tokenize(self, text: str, add_special_tokens: bool = False) -> list[str]:
        """The tokens that a text is cut into, as the vocabulary writes them."""
        return self.convert_ids_to_tokens(self(text, add_special_tokens=add_special_tokens)["input_ids"])

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None) -> Any:
        """The text of ids; of a list of lists, a list of texts."""
        ids = to_list(token_ids)
        if isinstance(ids, int):
            ids = [ids]
        if ids and isinstance(ids[0], list):
            return [self._inner.decode(each, skip_special_tokens, clean_up_tokenization_spaces) for each in ids]
        return self._inner.decode(ids, skip_special_tokens, clean_up_tokenization_spaces)

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
        _check_unused(unused, {"verbose"})
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
            found = self._inner.token_to_id(tokens)
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
        return len(self("", "" if pair else None)["input_ids"])

    @property
    def all_special_ids(self):
        return list(self._inner.all_special_ids)

    @property
    def all_special_tokens(self):
        return [self._inner.id_to_token(i) for i in self.all_special_ids]

    def save_pretrained(self, save_directory: str | os.PathLike, **unused) -> tuple[str, ...]:
        """Writes files that Hugging Face transformers opens, too; gives their names."""
        _check_unused(unused, {"push_to_hub", "legacy_format"})
        self._inner.save_pretrained(os.fspath(save_directory))
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


def _strings(texts):
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(f"text {i} is {type(text).__name__}; expected a string")
    return texts


def _check_unused(unused, known):
    """What means nothing here is taken and passed over; anything else is a mistake."""
    for name in unused:
        if name not in known:
            raise UsageError(f"there is no argument {name!r} here")


def _reopened(name, digest, length):
    tokenizer = Tokenizer.from_pretrained(name)
    if tokenizer._inner.digest != digest:
        raise UsageError(f"the tokenizer in {name} is not the one that was pickled")
    if tokenizer.model_max_length != length:
        tokenizer = Tokenizer(tokenizer._inner.with_model_max_length(length), name)
    return tokenizer


AutoTokenizer = Tokenizer
