"""The fill-mask pipeline."""

from __future__ import annotations

import os
from typing import Any

from tekio import _tekio
from tekio._arrays import whole_number
from tekio._bytes import checked
from tekio._options import check_unused
from tekio._places import BUNDLED_MODEL
from tekio.errors import UsageError
from tekio.model import MaskedLM
from tekio.tokenizer import Tokenizer, as_tokenizer, strings


class FillMaskPipeline:
    """Fills the masks of texts. May be called by several threads: they are served one after another."""

    task = "fill-mask"

    def __init__(self, model: MaskedLM, tokenizer: Tokenizer, top_k: int = 5, targets: str | list[str] | None = None):
        self.model, self.tokenizer = model, tokenizer
        self.top_k, self.targets = top_k, targets
        if not isinstance(model, MaskedLM):
            raise UsageError(f"model is a {type(model).__name__}; expected a MaskedLM (AutoModelForMaskedLM.from_pretrained(…))")
        self._inner = _tekio.FillMask(model._inner, as_tokenizer(tokenizer)._inner)

    def __call__(self, inputs: str | list[str], top_k: int | None = None, targets: str | list[str] | None = None, **unused) -> list:
        """Of a text: a list of {"score", "token", "token_str", "sequence"}, the best first; of one with several masks a list of
        such lists; of several texts a list of what each gives. Errors: InputError (no mask, longer than the model; of several
        texts it names which).
        """
        check_unused("a pipeline's call", unused, {"batch_size", "num_workers"}, {"tokenizer_kwargs"})
        self.model._usable()
        single = isinstance(inputs, str)
        texts = [inputs] if single else strings(inputs)
        targets = self.targets if targets is None else targets
        targets = [targets] if isinstance(targets, str) else strings(targets or [], "target")
        top_k = whole_number(self.top_k if top_k is None else top_k, "top_k")
        filled = checked(lambda: self._inner.all(texts, top_k, targets), text=texts, target=targets)
        filled = [masks[0] if len(masks) == 1 else masks for masks in filled]
        return filled[0] if single or len(filled) == 1 else filled

    def __repr__(self):
        return f"FillMaskPipeline(model={self.model!r})"


def pipeline(
    task: str | None = None, model: str | os.PathLike | MaskedLM | None = None, tokenizer: str | os.PathLike | Tokenizer | None = None, *,
    device: str | int | None = None, dtype: Any = "auto", top_k: int = 5, targets: str | list[str] | None = None, revision: str | None = None,
    local_files_only: bool = False, cache_dir: str | os.PathLike | None = None, torch_dtype: Any = None, **unused
) -> FillMaskPipeline:  # fmt: skip
    """`pipeline("fill-mask", model=…)`: model is a folder, a name on the Hub, or an opened model; without it the bundled one.
    revision, local_files_only and cache_dir are from_pretrained()'s, of what is named; an opened model's tokenizer is looked for as
    that was."""
    check_unused("pipeline()", unused, {"use_fast", "trust_remote_code", "batch_size", "num_workers"}, {"framework", "token", "device_map"})
    if task not in (None, "fill-mask"):
        raise UsageError(f"the task is {task!r}; the one that there is here is 'fill-mask'")
    model = BUNDLED_MODEL if model is None else model
    if isinstance(model, MaskedLM) and (revision is not None or torch_dtype is not None or dtype != "auto"):
        raise UsageError("revision and dtype are of a model that is named; this one is open: pass them to from_pretrained()")
    hub = {"revision": revision, "local_files_only": local_files_only, "cache_dir": cache_dir}
    if tokenizer is None and isinstance(model, MaskedLM):
        given = {name: value for name, value in hub.items() if value not in (None, False)}
        tokenizer = Tokenizer.from_pretrained(model.name_or_path, **{**model._hub, **given})
    elif not isinstance(tokenizer, Tokenizer):
        its_hub = hub if tokenizer in (None, model) else {**hub, "revision": None}
        tokenizer = Tokenizer.from_pretrained(model if tokenizer is None else tokenizer, **its_hub)
    if not isinstance(model, MaskedLM):
        device = "auto" if device in (None, -1) else f"cuda:{device}" if isinstance(device, int) else str(device)
        dtype = dtype if torch_dtype is None else torch_dtype
        model = MaskedLM.from_pretrained(model, dtype=dtype, device=device, **hub)
    return FillMaskPipeline(model, tokenizer, top_k, targets)
