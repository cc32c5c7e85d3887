"""Data collators: chunks to batches with masks, drawn as Hugging Face transformers draws them from PyTorch's streams."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tekio import _tekio
from tekio._arrays import as_framework, check_framework, numpy, seed_of, share_of, to_array, to_list
from tekio.errors import UsageError
from tekio.tokenizer import as_tokenizer

if TYPE_CHECKING:
    from tekio.tokenizer import Tokenizer


def set_seed(seed: int) -> None:
    """Seeds what collators without a seed of their own draw from, as transformers.set_seed() does for its own."""
    seed = seed_of(seed)
    if seed is None:
        raise UsageError("seed is None; expected a whole number")
    _tekio.set_seed(seed)


def _rows(features):
    if not isinstance(features, (list, tuple)):
        raise UsageError(f"features are {type(features).__name__}; expected a list of rows")
    if len(features) == 0:
        raise UsageError("features are empty; expected at least one row")
    return features


class _Collator:
    """What both collators are: rows are padded to the longest, and then masked."""

    def __call__(self, features: list, return_tensors: str | None = None) -> dict[str, Any]:
        """features: dicts with input_ids, or lists of ids. Gives a dict of int64 arrays [rows, tokens] (PyTorch's tensors with
        return_tensors="pt"); `labels` are -100 where nothing was hidden."""
        framework = check_framework(return_tensors or self.return_tensors) or "np"
        features = _rows(features)
        np = numpy()
        rows = [dict(f) if isinstance(f, Mapping) else {"input_ids": to_list(f)} for f in features]
        bare = not isinstance(features[0], Mapping)
        given = {name: [row.pop(name) for row in rows] for name in ("word_ids", "offset_mapping") if name in rows[0]}
        labels_given = [row.pop("labels") for row in rows] if "labels" in rows[0] else None
        del labels_given  # labels are the ids before masking
        batch = self.tokenizer.pad(rows, pad_to_multiple_of=self.pad_to_multiple_of)
        batch = {name: to_array(values, np.int64) for name, values in batch.items() if not (bare and name == "attention_mask")}
        specials = batch.pop("special_tokens_mask", None)
        ids, labels = self._masked(batch["input_ids"], specials, given)
        batch["input_ids"], batch["labels"] = ids, labels
        return {name: as_framework(array, framework) for name, array in batch.items()}

    def _draw(self, ids, specials, words):
        np = numpy()
        as_int32 = lambda array: None if array is None else np.ascontiguousarray(array, np.int32)  # noqa: E731
        return self._masker.mask(as_int32(ids), as_int32(specials), as_int32(words))

    def __reduce__(self):
        return _remade, (type(self), self.tokenizer, self._arguments)


def _remade(kind, tokenizer, arguments):
    return kind(tokenizer, **arguments)


class DataCollatorForLanguageModeling(_Collator):
    """Hides tokens, each with the chance `mlm_probability`; of these 80 % become the mask, 10 % a random token.

    With `seed` the draws are those of transformers' collator of that seed (return_tensors="pt" there); without it they
    come from what set_seed() seeds. whole_word_mask: words, which are tokens without a gap between them in the text, so
    that rows need offset_mapping.
    """

    def __init__(
        self, tokenizer: Tokenizer, mlm: bool = True, whole_word_mask: bool = False, mlm_probability: float = 0.15, mask_replace_prob: float = 0.8,
        random_replace_prob: float = 0.1, pad_to_multiple_of: int | None = None, return_tensors: str = "np", seed: int | None = None
    ):  # fmt: skip
        if not mlm:
            raise UsageError("mlm=False is of causal language models; Tekio's are masked ones")
        mlm_probability, seed = share_of(mlm_probability, "mlm_probability"), seed_of(seed)
        mask_replace_prob, random_replace_prob = share_of(mask_replace_prob, "mask_replace_prob"), share_of(random_replace_prob, "random_replace_prob")
        if mask_replace_prob + random_replace_prob > 1:
            raise UsageError(f"mask_replace_prob and random_replace_prob are {mask_replace_prob + random_replace_prob} together; expected at most 1")
        self._arguments = {
            "whole_word_mask": whole_word_mask, "mlm_probability": mlm_probability, "mask_replace_prob": mask_replace_prob,
            "random_replace_prob": random_replace_prob, "pad_to_multiple_of": pad_to_multiple_of, "return_tensors": return_tensors, "seed": seed,
        }  # fmt: skip
        if whole_word_mask and mask_replace_prob < 1:
            warnings.warn("Random token replacement is not supported with whole word masking. Setting mask_replace_prob to 1.", stacklevel=2)
            mask_replace_prob, random_replace_prob = 1.0, 0.0
        self.tokenizer, self.mlm, self.whole_word_mask = tokenizer, mlm, whole_word_mask
        self.mlm_probability, self.mask_replace_prob, self.random_replace_prob = mlm_probability, mask_replace_prob, random_replace_prob
        self.pad_to_multiple_of, self.return_tensors, self.seed = pad_to_multiple_of, return_tensors, seed
        self._masker = _tekio.TokenMasker(
            as_tokenizer(tokenizer)._inner, "offsets" if whole_word_mask else "tokens", mlm_probability, mask_replace_prob, random_replace_prob, seed
        )

    def _masked(self, ids, specials, given):
        if not self.whole_word_mask:
            return self._draw(ids, specials, None)
        if "offset_mapping" not in given:
            raise UsageError("whole_word_mask needs offset_mapping in each row: tokenize with return_offsets_mapping=True")
        np = numpy()
        offsets = np.zeros((*ids.shape, 2), np.int64)
        for i, row in enumerate(given["offset_mapping"]):
            offsets[i, : len(row)] = row
        before = np.roll(offsets[:, :, 1], 1, axis=1)
        before[:, 0] = -1
        return self._draw(ids, specials, np.cumsum(offsets[:, :, 0] != before, axis=1))


class DataCollatorForWholeWordMask(_Collator):
    """Hides whole words, in random order, until the share `mlm_probability` of a row's tokens is reached; 80 % of these tokens become
    the mask, 10 % a random token: transformers 4's collator of that name. Rows need word_ids, unless "##" tells which tokens go
    a word on.

    With `seed` the draws are those after transformers.set_seed(seed); without it they come from what set_seed() seeds.
    """

    def __init__(
        self, tokenizer: Tokenizer, mlm: bool = True, mlm_probability: float = 0.15, pad_to_multiple_of: int | None = None,
        return_tensors: str = "np", seed: int | None = None
    ):  # fmt: skip
        if not mlm:
            raise UsageError("mlm=False is of causal language models; Tekio's are masked ones")
        mlm_probability, seed = share_of(mlm_probability, "mlm_probability"), seed_of(seed)
        if mlm_probability == 0:
            raise UsageError("mlm_probability is 0; expected a number above 0 and at most 1")
        self._arguments = {"mlm_probability": mlm_probability, "pad_to_multiple_of": pad_to_multiple_of, "return_tensors": return_tensors, "seed": seed}
        self.tokenizer, self.mlm, self.mlm_probability = tokenizer, mlm, mlm_probability
        self.pad_to_multiple_of, self.return_tensors, self.seed = pad_to_multiple_of, return_tensors, seed
        self._masker = _tekio.TokenMasker(as_tokenizer(tokenizer)._inner, "legacy", mlm_probability, 0.8, 0.1, seed)

    def _masked(self, ids, specials, given):
        np = numpy()
        words = np.full(ids.shape, -1, np.int64)
        for i, row in enumerate(ids):
            if "word_ids" in given:
                mine = [-1 if word is None else word for word in given["word_ids"][i]]
                words[i, : len(mine)] = mine
                continue
            number = -1
            for at, token in enumerate(self.tokenizer.convert_ids_to_tokens(row)):
                number += not token.startswith("##")
                words[i, at] = number
        return self._draw(ids, specials, words)


def default_data_collator(features: list, return_tensors: str = "np") -> dict[str, Any]:
    """Stacks the rows' numbers, name by name; "label" becomes "labels"."""
    framework = check_framework(return_tensors) or "np"
    features = _rows(features)
    for i, row in enumerate(features):
        if not isinstance(row, Mapping):
            raise UsageError(f"row {i} of features is {type(row).__name__}; expected a dict")
        if row.keys() != features[0].keys():
            raise UsageError(f"row {i} of features has {list(row)}, but row 0 {list(features[0])}")
    batch = {}
    for name, first in features[0].items():
        if first is None or isinstance(first, str):
            continue
        array = to_array([to_list(feature[name]) for feature in features])
        if array.dtype == object:
            raise UsageError(f'the rows of "{name}" differ in length, or hold None')
        batch["labels" if name in ("label", "label_ids") else name] = as_framework(array, framework)
    return batch
