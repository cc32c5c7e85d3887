"""Masked language models."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import Any

from tekio import _places, _tekio
from tekio._arrays import as_framework, is_tensor, numpy, seed_of, whole_number, whole_numbers
from tekio._bytes import path_bytes
from tekio._options import check_unused, true_or_false, with_options
from tekio.errors import InputError, UsageError


@dataclass
class MaskedLMOutput:
    """What a model gives: `logits` [sequences, tokens, vocabulary], float32, and with labels `loss`, in nats per label."""

    loss: Any = None
    logits: Any = None

    def keys(self):
        return [name for name in ("loss", "logits") if getattr(self, name) is not None]

    def __getitem__(self, key):
        if isinstance(key, str):
            return getattr(self, key)
        return [getattr(self, name) for name in self.keys()][key]

    def __iter__(self):
        return iter(self.keys())


class MaskedLM:
    """A masked language model with its head; `AutoModelForMaskedLM` is another name of it. Copies share the weights."""

    training = False

    def __init__(self, inner, name_or_path="", **hub):
        self._inner = inner
        self.name_or_path = name_or_path
        self._hub = hub  # how it was opened: from_pretrained()'s revision, local_files_only, cache_dir
        self._process = os.getpid()
        self._changes = threading.Lock()

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike, *, dtype: Any = "auto", device: str = "auto", threads: int = 0, seed: int = 42,
        revision: str | None = None, local_files_only: bool = False, cache_dir: str | os.PathLike | None = None, torch_dtype: Any = None, **unused
    ) -> MaskedLM:  # fmt: skip
        """Opens a folder, or a model on the Hub by its id ("org/name", "org/name@revision").

        dtype: what activations and products are computed in: "auto" (the faster one in training, float32 in filling masks),
        "float32" or "bfloat16"; weights are float32 always. threads: 0 means all processors. seed: initialises what the files
        lack. revision: a branch, a tag or a commit of the Hub's. local_files_only: no request is made. cache_dir: the Hub's cache,
        else as HF_HUB_CACHE and HF_HOME say. Errors: FileError (no such folder or repository), InputError (a file is missing or
        malformed; the message names file and tensor), DeviceError (no such device, no memory).
        """
        check_unused("from_pretrained()", unused, {"trust_remote_code", "use_safetensors", "low_cpu_mem_usage"}, {"token", "device_map"})
        name = _places.model_name(pretrained_model_name_or_path, revision)
        dtype = _dtype_name(torch_dtype if torch_dtype is not None else dtype)
        options = with_options(_tekio.LoadOptions(), device=device, dtype=dtype, threads=threads, seed=seed)
        offline = true_or_false(local_files_only, "local_files_only")
        inner = _tekio.MaskedLM.from_pretrained(name, options, offline, _places.cache_path(cache_dir))
        return cls(inner, os.fspath(pretrained_model_name_or_path), revision=revision, local_files_only=offline, cache_dir=cache_dir)

    @classmethod
    def from_config(cls, config: str | os.PathLike, *, dtype: Any = "auto", device: str = "auto", threads: int = 0, seed: int = 42) -> MaskedLM:
        """A fresh model of the sizes that a config.json (the file, or its folder) says, initialised randomly from `seed`."""
        path = path_bytes(config, "config")
        options = with_options(_tekio.LoadOptions(), device=device, dtype=_dtype_name(dtype), threads=threads, seed=seed)
        return cls(_tekio.MaskedLM.from_config(path, options), os.fspath(config))

    def __reduce__(self):
        raise UsageError("a model does not pickle, and is not copied; open it with from_pretrained() in each process, after save_pretrained() where it was trained")

    def _usable(self):
        """The library's model. Its threads stay with the process that opened it."""
        if os.getpid() != self._process:
            raise UsageError(
                "this process was forked after the model was opened, and has none of its threads: open the model here, or start "
                'the process with multiprocessing.get_context("spawn")'
            )
        return self._inner

    def __repr__(self):
        info = self.info()
        return (
            f"MaskedLM({info['family']}, {info['layers']} layers, {info['hidden_size']} wide, {info['parameters']:,} parameters, "
            f"name_or_path={self.name_or_path!r})"
        )

    def num_parameters(self) -> int:
        """Tied tensors once."""
        return self._inner.num_parameters()

    def info(self) -> dict[str, Any]:
        """Family, sizes, and which tensors the files lacked or held in excess: what `tekio info --json` prints of a model."""
        return self._inner.info()

    def __call__(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None, return_dict: bool = True, **unused
    ) -> Any:  # fmt: skip
        """Logits of every token: [sequences, tokens, vocabulary]. Where `attention_mask` is 0, which must be at the ends of
        sequences, they are 0. PyTorch's tensors give such; the memory is not copied.

        With labels ([sequences, tokens], -100 where there is nothing to be predicted) also the mean loss. There are no
        gradients: Trainer and adapt() train.
        """
        check_unused("a model's call", unused, refused={"output_attentions", "output_hidden_states"})
        if input_ids is None:
            raise UsageError("input_ids are missing")
        np = numpy()
        framework = "pt" if is_tensor(input_ids) else "np"
        ids = whole_numbers(input_ids, "input_ids")
        if ids.ndim != 2:
            raise UsageError(f"input_ids have the shape {tuple(ids.shape)}; expected [sequences, tokens]")
        rows, width = ids.shape
        types = np.zeros(ids.shape, np.int32) if token_type_ids is None else _like(token_type_ids, ids, "token_type_ids")
        mask = np.ones(ids.shape, np.int32) if attention_mask is None else _like(attention_mask, ids, "attention_mask")
        lengths = (mask != 0).sum(axis=1)
        kept = np.arange(width)[None, :] < lengths[:, None]
        if not np.array_equal(kept, mask != 0):
            raise UsageError("attention_mask has a 1 behind a 0; expected padding at the ends of sequences (padding_side=\"right\")")
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        packed = self._usable().logits(np.ascontiguousarray(ids[kept]), np.ascontiguousarray(types[kept]), offsets)
        if kept.all():
            logits = packed.reshape(rows, width, -1)
        else:
            logits = np.zeros((rows, width, packed.shape[1]), np.float32)
            logits[kept] = packed
        loss = None if labels is None else _loss(logits, _like(labels, ids, "labels"))
        output = MaskedLMOutput(
            loss=loss if loss is None else as_framework(np.asarray(loss, np.float32), framework), logits=as_framework(logits, framework)
        )
        return output if return_dict else tuple(output[key] for key in output.keys())

    forward = __call__

    def state_dict(self) -> dict[str, Any]:
        """The weights by the names of Hugging Face transformers: float32 arrays where they lie, not copies, so they are to be
        read only. As they are now: what training or loading changes later may not show in them."""
        numpy()
        return self._usable().state_dict()

    def resize_token_embeddings(self, new_num_tokens: int, seed: int = 42) -> None:
        """Gives the model rows for words that were added to its tokenizer."""
        new_num_tokens, seed = whole_number(new_num_tokens, "new_num_tokens"), seed_of(seed)
        if new_num_tokens is None or not 0 < new_num_tokens < 2**31 or seed is None:
            raise UsageError(f"new_num_tokens is {new_num_tokens} and seed {seed}; expected whole numbers, at least one row")
        with self._to_itself("resized"):
            self._usable().resize_token_embeddings(new_num_tokens, seed)

    @contextlib.contextmanager
    def _to_itself(self, done):
        """While it is trained or resized, nobody else does either."""
        if not self._changes.acquire(blocking=False):
            raise UsageError(f"the model cannot be {done} while it is trained or resized, by another thread or around this callback; wait for its end, or open another")
        try:
            yield
        finally:
            self._changes.release()

    def save_pretrained(self, save_directory: str | os.PathLike, **unused) -> None:
        """config.json and model.safetensors, which Hugging Face transformers opens, too."""
        check_unused("save_pretrained()", unused, refused={"push_to_hub", "safe_serialization", "save_function", "is_main_process"})
        self._usable().save_pretrained(path_bytes(save_directory, "save_directory"))

    def eval(self):
        return self

    def to(self, device):
        if str(device) not in ("cpu", "auto"):
            raise UsageError(f"the device is chosen when the model is opened: from_pretrained(…, device={str(device)!r})")
        return self


def _dtype_name(dtype):
    name = str(dtype).removeprefix("torch.")
    return name


def _like(value, ids, name):
    array = whole_numbers(value, name)
    if array.shape != ids.shape:
        raise UsageError(f"{name} have the shape {tuple(array.shape)}, but input_ids {tuple(ids.shape)}")
    return array


def _loss(logits, labels):
    """The mean of what the labels cost, in nats, as torch's cross entropy has it: nan where there is no label."""
    np = numpy()
    rows = logits[labels != -100].astype(np.float64)
    wanted = labels[labels != -100]
    if len(wanted) == 0:
        return float("nan")
    if not 0 <= wanted.min() <= wanted.max() < logits.shape[-1]:
        raise InputError(f"labels lie between {wanted.min()} and {wanted.max()}; expected ids of the vocabulary, 0 to {logits.shape[-1] - 1}, or -100")
    top = rows.max(axis=1)
    total = np.log(np.exp(rows - top[:, None]).sum(axis=1)) + top
    return float((total - rows[np.arange(len(wanted)), wanted]).mean())


AutoModelForMaskedLM = MaskedLM
