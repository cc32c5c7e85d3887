"""What goes wrong, as Python exceptions. Each is a tekio.Error whose `kind` is the library's: "usage", "input", "io", "device",
"comms" or "bug"; those that Python has a name for are that, too."""


class Error(Exception):
    """Any error of Tekio: one sentence that says what, got, expected, where, and what to do."""

    kind = "bug"


class UsageError(Error, ValueError):
    """An argument is wrong: unknown, out of range, contradicting another."""

    kind = "usage"


class InputError(Error, ValueError):
    """The model, tokenizer or data is at fault."""

    kind = "input"


class FileError(Error, FileNotFoundError):
    """There is no such file, or disk or network failed."""

    kind = "io"


class DeviceError(Error, RuntimeError):
    """The device is absent or failed, or memory ran out."""

    kind = "device"


class CommunicationError(Error, ConnectionError):
    """Communication between processes failed."""

    kind = "comms"


class InternalError(Error, RuntimeError):
    """An assumption of Tekio itself did not hold."""

    kind = "bug"


def class_of(kind):
    """The exception of a kind of error."""
    return {each.kind: each for each in (UsageError, InputError, FileError, DeviceError, CommunicationError, InternalError)}[kind]
