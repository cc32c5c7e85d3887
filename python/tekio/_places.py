"""Where models and data are: here, bundled with the package, or on the Hub."""

import os
import pathlib

from tekio import _tekio
from tekio._bytes import path_bytes
from tekio.errors import FileError, UsageError

BUNDLED_MODEL = "tekio-small-uncased"


def share():
    """The folder of what comes with Tekio: the bundled model and corpora; None where there is none."""
    chosen = os.environ.get("TEKIO_SHARE")
    if chosen:
        return pathlib.Path(chosen) if os.path.isdir(chosen) else None
    return _SHARE


def _share_beside():
    here = pathlib.Path(__file__).absolute().parent
    return next((folder for folder in (here / "share" / "tekio", here.parent.parent / "share" / "tekio") if folder.is_dir()), None)


_SHARE = _share_beside()
if _SHARE is not None:
    _tekio.set_share_folder(path_bytes(_SHARE))


def bundled(part):
    folder = share()
    return folder / part if folder is not None and (folder / part).exists() else None


def model_name(name_or_path, revision=None):
    """What the library is to open: a folder's path, or a name on the Hub, with its revision, as the system has it. Errors:
    UsageError."""
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise UsageError(f"pretrained_model_name_or_path is {name_or_path!r}; expected a folder, or a name on the Hub")
    name = os.fspath(name_or_path)
    if name == BUNDLED_MODEL and not os.path.exists(name):
        place = bundled(BUNDLED_MODEL)
        if place is not None:
            name = str(place)
    path = path_bytes(name, "pretrained_model_name_or_path")
    if revision is None:
        return path
    if os.path.exists(path):
        raise UsageError(f"revision is {revision!r}, but {name_or_path} is a folder here; pass it with a name on the Hub")
    return path + b"@" + path_bytes(revision, "revision")


def cache_path(cache_dir):
    """The Hub's cache as a call names it; empty where it does not."""
    return b"" if cache_dir is None else path_bytes(cache_dir, "cache_dir")


def with_arrow(action):
    """What `action` gives. A wheel holds no Arrow C++, which Parquet files are read with: where it is missing, the one of the
    package pyarrow is loaded, if that is installed and of the version that Tekio was built with."""
    try:
        return action()
    except FileError as error:
        if "libtekio_arrow" not in str(error):
            raise
        if not _load_pyarrow():
            raise FileError(f"{error}; in Python, the package pyarrow of that version is taken where it is installed") from None
    return action()


def _load_pyarrow():
    import ctypes
    import importlib.util

    found = importlib.util.find_spec("pyarrow")
    folder = pathlib.Path(found.origin).parent if found is not None and found.origin else None
    if folder is None:
        return False
    try:
        for name in ("libarrow.so.*", "libparquet.so.*"):
            for file in sorted(folder.glob(name)):
                ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def data_spec(name):
    """The same of data: "medicine" and "medicine:train" are bundled where nothing here has that name."""
    name = os.fsdecode(path_bytes(name, "path"))
    corpus, colon, split = name.partition(":")
    if corpus and "/" not in corpus and not os.path.exists(name) and not os.path.exists(corpus):
        place = bundled(pathlib.Path("corpora") / corpus)
        if place is not None and place.is_dir():
            return os.fsencode(place) + os.fsencode(colon + split)
    return os.fsencode(name)
