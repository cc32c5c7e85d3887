"""NumPy, imported when it is first needed, and what makes PyTorch's tensors of arrays without copying them."""

import numbers
import operator
import sys

from tekio.errors import UsageError


def numpy():
    """Whoever makes arrays asks for it first, the extension too. Errors: UsageError (Python ends, and modules go)."""
    if sys.is_finalizing():
        raise UsageError("Python ends, and NumPy with it: no more arrays are made")
    import numpy as np

    return np


def is_tensor(value):
    """Whether it is one of PyTorch's, which is not imported for it."""
    return type(value).__module__.partition(".")[0] == "torch"


def to_array(value, dtype=None):
    """An array of a list, an array or a tensor."""
    if is_tensor(value):
        value = value.detach().cpu().numpy()
    return numpy().asarray(value, dtype=dtype)


def to_list(value):
    """Plain Python numbers and lists of an array, a tensor or a sequence of these."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [to_list(each) for each in value]
    return value


def whole_numbers(value, name):
    """An int32 array of ids, masks or labels. Errors: UsageError (rows of several lengths; something else)."""
    try:
        array = to_array(value)
    except ValueError:
        raise UsageError(f"{name} do not make one array: their rows differ in length (pass padding=True to the tokenizer)") from None
    if array.size > 0 and array.dtype.kind not in "iub":
        raise UsageError(f"{name} are of the type {array.dtype}; expected whole numbers")
    if array.size > 0 and not -(2**31) <= array.min() <= array.max() < 2**31:
        raise UsageError(f"{name} lie between {array.min()} and {array.max()}; expected whole numbers of 32 bits")
    return array.astype(numpy().int32, copy=False)


def whole_number(value, name):
    """The same of a single one, or None. Errors: UsageError."""
    if value is None or type(value) is int:
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise UsageError(f"{name} is {value!r}; expected a whole number") from None


def seed_of(seed):
    """What may seed: a whole number, or None. Errors: UsageError."""
    seed = whole_number(seed, "seed")
    if seed is not None and not 0 <= seed < 2**64:
        raise UsageError(f"seed is {seed}; expected a whole number from 0 to 18446744073709551615")
    return seed


def share_of(value, name):
    """A number between 0 and 1. Errors: UsageError."""
    if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
        raise UsageError(f"{name} is {value!r}; expected a number between 0 and 1")
    return float(value)


def check_framework(name):
    name = getattr(name, "value", name)
    if name not in (None, "np", "pt"):
        raise UsageError(f'return_tensors is {name!r}; expected "np" or "pt"')
    return name


def as_framework(array, name):
    """A NumPy array as `name` ("np", "pt") wants it; memory is shared."""
    if name != "pt":
        return array
    try:
        import torch
    except ImportError:
        raise UsageError('return_tensors="pt" needs PyTorch, which is not installed; pass "np", or install torch') from None
    return torch.from_numpy(array)
