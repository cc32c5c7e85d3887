"""What goes wrong, as Python exceptions. Each is a tekio.Error whose `kind` is the library's: "usage", "input", "io", "device",
"comms" or "bug"; those that Python has a name for are that, too."""

import errno as codes
import os


class Error(Exception):
    """Any error of Tekio: one sentence that says what, got, expected, where, and what to do."""

    kind = "bug"


class UsageError(Error, ValueError):
    """An argument is wrong: unknown, out of range, contradicting another."""

    kind = "usage"


class InputError(Error, ValueError):
    """The model, tokenizer or data is at fault."""

    kind = "input"


class FileError(Error, OSError):
    """Disk or network failed. `errno` and `strerror` are what the system said, None where it said nothing; `filename` is the file
    or folder that it said that of, None where it is of none. Those that Python has a name for are that, too: FileNotFoundError
    (also of what the Hub has not), PermissionError (also where the Hub refuses), FileExistsError, IsADirectoryError,
    NotADirectoryError."""

    kind = "io"
    _said_of = staticmethod(os.strerror)  # which is asked also while modules go, when Python ends

    def __init__(self, message, errno=None, filename=None):
        super().__init__(message)
        self.errno, self.filename = errno, filename
        self.strerror = None if errno is None else self._said_of(errno)

    def __str__(self):
        return self.args[0]

    def __reduce__(self):
        return type(self), (*self.args, self.errno, self.filename)


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file, folder, or repository of the Hub."""


class RefusedFileError(FileError, PermissionError):
    """What may not be read or written."""


class ExistingFileError(FileError, FileExistsError):
    """Something is there already."""


class FolderError(FileError, IsADirectoryError):
    """A folder where a file is needed."""


class NoFolderError(FileError, NotADirectoryError):
    """Something else where a folder is needed."""


class DeviceError(Error, RuntimeError):
    """The device is absent or failed, or memory ran out."""

    kind = "device"


class CommunicationError(Error, ConnectionError):
    """Communication between processes failed."""

    kind = "comms"


class InternalError(Error, RuntimeError):
    """An assumption of Tekio itself did not hold."""

    kind = "bug"


_OF_KIND = {each.kind: each for each in (UsageError, InputError, FileError, DeviceError, CommunicationError, InternalError)}
_OF_CODE = {
    codes.ENOENT: MissingFileError, codes.EACCES: RefusedFileError, codes.EPERM: RefusedFileError, codes.EEXIST: ExistingFileError,
    codes.EISDIR: FolderError, codes.ENOTDIR: NoFolderError
}  # fmt: skip


def error_of(kind, message, code=0, filename=None, of_kind=_OF_KIND, of_code=_OF_CODE):
    """The exception of a kind of error; of kind "io" by the system's code, too (0: it gave none), of that file or folder."""
    if code:
        return of_code.get(code, of_kind["io"])(message, code, filename)
    return of_kind[kind](message)
