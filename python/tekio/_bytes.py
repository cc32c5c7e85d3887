"""Texts and paths as the library takes them: Unicode, and names of files in whatever bytes the system has."""

import os

from tekio.errors import UsageError


def path_bytes(path, name="path"):
    """A path as the system has it. Errors: UsageError (no path, or characters that no path has)."""
    try:
        path = os.fsencode(path)
    except TypeError:
        raise UsageError(f"{name} is {path!r}; expected a path") from None
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} is no path: {_fault(error)}") from None
    if b"\0" in path:
        raise UsageError(f"{name} is no path: character {os.fsdecode(path).index(chr(0))} of it is NUL")
    return path


def text_bytes(text, name):
    """A text as the library has it, which is UTF-8 wherever it runs. Errors: UsageError (characters that no text has)."""
    if not isinstance(text, str):
        raise UsageError(f"{name} is {text!r}; expected a text")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} is no Unicode: {_fault(error)}") from None


def checked(action, **texts):
    """What `action` gives. Where it cannot take one of the texts, or of a text's words, which stand in lists under what they are
    called, it is told which. Errors: UsageError."""
    try:
        return action()
    except TypeError:
        for what, several in texts.items():
            for i, text in enumerate(several or ()):
                _check(text, f"{what} {i}")
        raise


def _check(text, name):
    if not isinstance(text, str):
        for at, word in enumerate(text):
            _check(word, f"word {at} of {name}")
    else:
        text_bytes(text, name)


def _fault(error):
    character = error.object[error.start]
    if "\ud800" <= character <= "\udfff":
        return f"character {error.start} of it is half a pair of UTF-16, {character!r}"
    return f"character {error.start} of it, {character!r}, is not in the encoding that names of files have here ({error.encoding}, by LC_ALL or LANG)"
