"""The library's options by name: values as the command line writes them, and what there is to know of each."""

import json
import os

from tekio import _tekio
from tekio._bytes import path_bytes, text_bytes
from tekio.errors import UsageError

_PATHS = frozenset(_tekio.path_options())


def text_of(value, name, option=None):
    """The bytes of a value as the command line writes it, of the program's `option` where that is called otherwise. Errors:
    UsageError (characters that no text has, or no path where that is what the option takes)."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    value = getattr(value, "value", value)  # of an enumeration
    if isinstance(value, os.PathLike) or (isinstance(value, (str, bytes)) and (option or name).replace("-", "_") in _PATHS):
        return path_bytes(value, name)
    if isinstance(value, bytes):
        raise UsageError(f"{name} is {value!r}; expected a text")
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return text_bytes(str(value), name)


def texts_of(value, name, option=None):
    """The same of what may be several values."""
    return [text_of(each, name, option) for each in value] if isinstance(value, (list, tuple)) else [text_of(value, name, option)]


def true_or_false(value, name):
    """What may be chosen or not, also as the command line writes it. Errors: UsageError."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}; expected True or False")
    return value


def with_options(options, **values):
    """The library's `options`, with these values. Errors: UsageError (it does not take one)."""
    for name, value in values.items():
        options.set(name, texts_of(value, name))
    return options


def described(options, first_heading=None):
    """A line for each, under headings where there are any."""
    lines, group = [], None
    for name, its_group, text, expected, default in options.described:
        if its_group != group:
            group = its_group
            lines += ["", f"{group or first_heading}:"] if first_heading else []
        default = json.loads(default)
        lines.append(f"  {name}: {expected}{'' if default is None else f' (default {default!r})'}: {text}")
    return lines


# Arguments of the reference's that would change something, but have no place here: the values that ask for nothing, and why.
_REFUSED = {
    "token": ((None, True), "the Hub's token is the one in HF_TOKEN, or in its file"),
    "use_auth_token": ((None, True), "the Hub's token is the one in HF_TOKEN, or in its file"),
    "device_map": ((None, "auto", "cpu"), "pass device="),
    "output_attentions": ((None, False), "attention weights are never kept"),
    "output_hidden_states": ((None, False), "the logits alone are computed"),
    "push_to_hub": ((None, False), "Trainer.push_to_hub() and `tekio push` send a run"),
    "save_function": ((None,), "the library writes the files"),
    "safe_serialization": ((None, True), "weights are written as safetensors"),
    "is_main_process": ((None, True), "call it in that process alone"),
    "legacy_format": ((None, False), "tokenizer.json is written"),
    "tokenizer_kwargs": ((None, {}), "texts are filled whole; cut them before"),
    "framework": ((None, "np", "pt"), "there are NumPy's arrays and PyTorch's tensors"),
    "download_mode": ((None, "reuse_dataset_if_exists"), "what was fetched is used where the Hub still has it so"),
    "drop_last_batch": ((None, False), "the last batch is passed to the function, too"),
    "features": ((None,), "columns have the types of their values"),
}  # fmt: skip


def check_unused(where, unused, passed_over=(), refused=()):
    """Arguments of the reference's that `where` has not: those that change nothing here are passed over, those that would are
    refused with the reason where they ask for it, and anything else is a mistake. Errors: UsageError."""
    for name, value in unused.items():
        if name in passed_over:
            continue
        if name not in refused:
            raise UsageError(f"{where} has no argument {name!r} here")
        nothing, why = _REFUSED[name]
        if not any(value is each or (type(value) is type(each) and value == each) for each in nothing):
            raise UsageError(f"{name} is not supported by {where}: {why}")
