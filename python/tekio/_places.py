"""Where models and data are: here, bundled with the package, or on the Hub."""

import os
import pathlib

BUNDLED_MODEL = "tekio-small-uncased"


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


def model_name(name_or_path):
    """What the library is to open: a folder's path, a name on the Hub."""
    name = os.fspath(name_or_path)
    if not os.path.exists(name) and name == BUNDLED_MODEL:
        place = bundled(BUNDLED_MODEL)
        if place is not None:
            return str(place)
    return name


def data_spec(name):
    """The same of data: "medicine" and "medicine:train" are bundled where nothing here has that name."""
    name = os.fspath(name)
    corpus, colon, split = name.partition(":")
    if corpus and "/" not in corpus and not os.path.exists(name) and not os.path.exists(corpus):
        place = bundled(pathlib.Path("corpora") / corpus)
        if place is not None and place.is_dir():
            return str(place) + colon + split
    return name
