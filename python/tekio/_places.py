"""Where models and data are: here, bundled with the package, or on the Hub."""

import contextlib
import os
import pathlib
import threading

from tekio.errors import FileError, UsageError

BUNDLED_MODEL = "tekio-small-uncased"
_held, _lock = {}, threading.Lock()  # variables of the environment that are not to stay: [by how many, what it was]


@contextlib.contextmanager
def environment(**values):
    """With these variables in the environment (None: as it is), and with what they were once the last one that uses them is
    done, whatever the library has set them to."""
    with _lock:
        for name, value in values.items():
            _held.setdefault(name, [0, os.environ.get(name)])[0] += 1
            if value is not None:
                os.environ[name] = value
    try:
        yield
    finally:
        with _lock:
            for name in values:
                _held[name][0] -= 1
                if _held[name][0] > 0:
                    continue
                _, before = _held.pop(name)
                if before is not None:
                    os.environ[name] = before
                    continue
                os.environ.pop(name, None)
                os.unsetenv(name)  # what the library set is unknown to os.environ


def share():
    """The folder of what comes with Tekio: the bundled model and corpora; None where there is none."""
    chosen = os.environ.get("TEKIO_SHARE")
    here = pathlib.Path(__file__).absolute().parent
    for folder in (pathlib.Path(chosen),) if chosen else (here / "share" / "tekio", here.parent.parent / "share" / "tekio"):
        if folder.is_dir():
            return folder
    return None


def bundled(part):
    folder = share()
    return folder / part if folder is not None and (folder / part).exists() else None


def model_name(name_or_path, revision=None):
    """What the library is to open: a folder's path, or a name on the Hub, with its revision. Errors: UsageError."""
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise UsageError(f"pretrained_model_name_or_path is {name_or_path!r}; expected a folder, or a name on the Hub")
    name = os.fspath(name_or_path)
    if not os.path.exists(name) and name == BUNDLED_MODEL:
        place = bundled(BUNDLED_MODEL)
        if place is not None:
            name = str(place)
    if revision is None:
        return name
    if os.path.exists(name):
        raise UsageError(f"revision is {revision!r}, but {name_or_path} is a folder here; pass it with a name on the Hub")
    return f"{name}@{revision}"


def requests_unless(local_files_only):
    """Where this is true, no request is made."""
    return environment(HF_HUB_OFFLINE="1") if local_files_only else contextlib.nullcontext()


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
    name = os.fspath(name)
    corpus, colon, split = name.partition(":")
    if corpus and "/" not in corpus and not os.path.exists(name) and not os.path.exists(corpus):
        place = bundled(pathlib.Path("corpora") / corpus)
        if place is not None and place.is_dir():
            return str(place) + colon + split
    return name
