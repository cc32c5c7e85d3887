"""The library's options by name: values as the command line writes them, and what there is to know of each."""

import json
import os


def text_of(value):
    """A value as the command line writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    value = getattr(value, "value", value)  # of an enumeration
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


def texts_of(value):
    """The same of what may be several values."""
    return [text_of(each) for each in value] if isinstance(value, (list, tuple)) else [text_of(value)]


def with_options(options, **values):
    """The library's `options`, with these values. Errors: UsageError (it does not take one)."""
    for name, value in values.items():
        options.set(name, texts_of(value))
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
