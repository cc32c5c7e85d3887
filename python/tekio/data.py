"""Rows and chunks, with the names and shapes of Hugging Face datasets.

A Dataset's rows are in files (and read from there whenever they are asked for), in memory, or chunks of tokens; it is used in
the same way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tekio import _tekio
from tekio._arrays import seed_of, to_list, whole_number
from tekio._bytes import checked
from tekio._map import mapped_columns
from tekio._options import check_unused
from tekio._rows import ChunkRows, ColumnBuilder, FileRows, memory_rows
from tekio.errors import UsageError

# Arguments of map() and filter() that tell how they work in the reference, not what they give.
_OF_PROCESSES = {"num_proc", "desc", "load_from_cache_file", "keep_in_memory", "cache_file_name", "writer_batch_size", "new_fingerprint", "disable_nullable"}


class Dataset:
    """Rows of named columns. Indexed by a number it gives a row (a dict), by a slice or a list of numbers a dict of lists, by
    a column's name the list of its values."""

    def __init__(self, rows, names=None):
        self._rows = rows
        self._renamed = None if names is None else dict(names)

    @property
    def _names(self):
        """Columns as they are shown: as they are stored."""
        if self._renamed is None:
            self._renamed = {name: name for name in self._rows.names}
        return self._renamed

    # --- Making ---

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Dataset:
        """Rows of columns: {"text": [...], "label": [...]}."""
        if not isinstance(mapping, Mapping):
            raise UsageError(f"mapping is {type(mapping).__name__}; expected a dict of columns")
        return cls(memory_rows(mapping))

    @classmethod
    def from_list(cls, rows: list) -> Dataset:
        """Rows of dicts; what one lacks is None. Strings are rows of a column "text"."""
        rows = _listed(rows, "rows")
        if rows and isinstance(rows[0], str):
            return cls.from_texts(rows)
        for i, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise UsageError(f"row {i} is {type(row).__name__}; expected a dict of columns, or a text if all rows are")
        names = list(dict.fromkeys(name for row in rows for name in row))
        return cls(memory_rows({name: [row.get(name) for row in rows] for name in names}))

    @classmethod
    def from_texts(cls, texts: list[str]) -> Dataset:
        """One row a text, in a column "text"."""
        return cls(memory_rows({"text": _listed(texts, "texts")}))

    @classmethod
    def from_arrow(cls, table: Any) -> Dataset:
        """Rows of whatever hands over Arrow's memory (__arrow_c_stream__): a pyarrow.Table, a pandas or polars DataFrame, a
        datasets.Dataset. Text is not copied."""
        if hasattr(table, "data") and hasattr(table, "_indices") and hasattr(table.data, "table"):  # datasets.Dataset
            picked = table._indices
            table = table.with_format("arrow")[:] if picked is not None else table.data.table
        if not hasattr(table, "__arrow_c_stream__"):
            raise UsageError(f"a {type(table).__name__} has no __arrow_c_stream__; pass a pyarrow.Table, a DataFrame or a datasets.Dataset")
        return cls(FileRows(_tekio.Dataset.from_arrow(table.__arrow_c_stream__(), _tekio.ReadOptions())))

    @classmethod
    def from_pandas(cls, frame: Any) -> Dataset:
        """Rows of a pandas DataFrame, its index left out."""
        if not hasattr(frame, "columns"):
            raise UsageError(f"a {type(frame).__name__} is no DataFrame; of a column, pass its to_frame(), or its texts with tolist()")
        try:
            import pyarrow
        except ImportError:
            return cls.from_dict({name: frame[name].tolist() for name in frame.columns})
        return cls.from_arrow(pyarrow.Table.from_pandas(frame, preserve_index=False))

    # --- What it is ---

    def __len__(self):
        return len(self._rows)

    @property
    def num_rows(self):
        return len(self)

    @property
    def column_names(self) -> list[str]:
        return list(self._names)

    @property
    def num_columns(self):
        return len(self._names)

    @property
    def shape(self):
        return (len(self), len(self._names))

    @property
    def features(self):
        """Names alone: types are those of the values."""
        return {name: None for name in self._names}

    def __repr__(self):
        return f"Dataset({{\n    features: {self.column_names},\n    num_rows: {len(self)}\n}})"

    # --- Rows ---

    def _shown(self, row):
        return {name: row.get(stored) for name, stored in self._names.items()}

    def _columns(self, rows):
        data = self._rows.columns(rows, list(self._names.values()))
        return {name: data[stored] for name, stored in self._names.items()}

    def _number(self, i):
        count = len(self)
        i = whole_number(i, "the number of a row")
        if i is None:
            raise UsageError("the number of a row is None; expected a whole number")
        at = i + (count if i < 0 else 0)
        if not 0 <= at < count:
            raise IndexError(f"row {i} was asked for, but there are {count}")
        return at

    def __getitem__(self, key):
        if isinstance(key, str):
            if key not in self._names:
                raise KeyError(f"Column {key} not in the dataset. Current columns in the dataset: {self.column_names}")
            return self._rows.columns(range(len(self)), [self._names[key]])[self._names[key]]
        if isinstance(key, slice):
            return self._columns(range(*key.indices(len(self))))
        if hasattr(key, "__index__"):
            return self._shown(self._rows.row(self._number(key.__index__())))
        return self._columns([self._number(i) for i in _listed(key, "the numbers of rows")])

    def __iter__(self):
        for i in range(len(self)):
            yield self._shown(self._rows.row(i))

    def to_dict(self):
        return self[:]

    def to_list(self):
        return list(self)

    # --- Others made of it ---

    def _of(self, rows):
        return type(self)(rows, self._renamed)

    def select(self, indices: Any) -> Dataset:
        """These rows, in this order."""
        if isinstance(indices, range):
            for i in (indices[0], indices[-1]) if len(indices) else ():
                self._number(i)
            if len(indices) and min(indices) >= 0:
                return self._of(self._rows.select(indices))
        rows = [self._number(i) for i in _listed(indices, "indices")]
        return self._of(self._rows.select(rows))

    def take(self, n):
        return self.select(range(min(n, len(self))))

    def skip(self, n):
        return self.select(range(min(n, len(self)), len(self)))

    def shuffle(self, seed: int | None = None) -> Dataset:
        """NumPy's permutation of that seed, as Hugging Face datasets shuffles."""
        return self.select(_tekio.permutation(_seed(seed), len(self)))

    def train_test_split(self, test_size: float | None = None, train_size: float | None = None, shuffle: bool = True, seed: int | None = None) -> DatasetDict:
        """A DatasetDict of "train" and "test": numbers of rows, or shares of them; the same rows as Hugging Face datasets picks."""
        count = len(self)
        test, train = _sizes(count, test_size, train_size)
        order = list(_tekio.permutation(_seed(seed), count)) if shuffle else None
        if shuffle:
            parts = {"train": order[test : test + train], "test": order[:test]}
        else:
            parts = {"train": range(train), "test": range(train, train + test)}
        return DatasetDict({name: self.select(rows) for name, rows in parts.items()})

    def _has(self, names):
        names = [names] if isinstance(names, str) else list(names)
        missing = [name for name in names if name not in self._names]
        if missing:
            raise UsageError(f"there is no column {missing[0]!r}; there are: {', '.join(self._names)}")
        return names

    def remove_columns(self, column_names: str | list[str]) -> Dataset:
        gone = set(self._has(column_names))
        return type(self)(self._rows, {name: stored for name, stored in self._names.items() if name not in gone})

    def select_columns(self, column_names):
        return type(self)(self._rows, {name: self._names[name] for name in self._has(column_names)})

    def rename_column(self, original_column_name, new_column_name):
        return self.rename_columns({original_column_name: new_column_name})

    def rename_columns(self, column_mapping: Mapping[str, str]) -> Dataset:
        self._has(column_mapping)
        names = [column_mapping.get(name, name) for name in self._names]
        if len(set(names)) < len(names):
            raise UsageError(f"two columns would have one name: {', '.join(names)}")
        return type(self)(self._rows, dict(zip(names, self._names.values())))

    def add_column(self, name, column):
        if name in self._names:
            raise UsageError(f"there is a column {name!r} already")
        return Dataset(memory_rows({**self[:], name: list(column)}))

    def map(
        self, function: Callable | None = None, *, batched: bool = False, batch_size: int = 1000, with_indices: bool = False,
        remove_columns: str | list[str] | None = None, input_columns: str | list[str] | None = None, fn_kwargs: dict | None = None, **unused
    ) -> Dataset:  # fmt: skip
        """Calls `function` with each row (a dict), or with batches of rows (a dict of lists), and gives a dataset in memory of the
        columns that there were with those that it returns. A batch may become more or fewer rows, where no column stays."""
        check_unused("map()", unused, _OF_PROCESSES, {"features", "drop_last_batch"})
        gone = set(self._has(remove_columns)) if remove_columns is not None else set()
        if input_columns is not None:
            input_columns = self._has(input_columns)
        size = (batch_size if batch_size and batch_size > 0 else max(1, len(self))) if batched else 1000
        builders = {}
        for begin in range(0, len(self), size):
            rows = range(begin, min(begin + size, len(self)))
            made = mapped_columns(
                self._columns(rows), rows, function, batched=batched, with_indices=with_indices, input_columns=input_columns, gone=gone, fn_kwargs=fn_kwargs or {}
            )  # fmt: skip
            if builders and set(made) != set(builders):
                raise UsageError(f"map()'s function gave the columns {sorted(made)}, but {sorted(builders)} before")
            for name, values in made.items():
                builders.setdefault(name, ColumnBuilder()).extend(values)
        if not builders:
            return Dataset(memory_rows({name: [] for name in self._names if name not in gone}))
        return Dataset(memory_rows({name: builder.column() for name, builder in builders.items()}))

    def filter(self, function, *, batched=False, batch_size=1000, **unused):
        """The rows for which `function` is true."""
        check_unused("filter()", unused, _OF_PROCESSES)
        keep = []
        if batched:
            for begin in range(0, len(self), batch_size):
                rows = range(begin, min(begin + batch_size, len(self)))
                keep += [i for i, good in zip(rows, function(self._columns(rows))) if good]
        else:
            keep = [i for i, row in enumerate(self) if function(row)]
        return self.select(keep)

    def to_pandas(self):
        import pandas

        return pandas.DataFrame(self[:])

    # --- For the library ---

    def _source(self):
        """Rows for the library to read, and the name of their text column there, empty where it is the library's to find."""
        if isinstance(self._rows, FileRows):
            return self._rows.inner
        if isinstance(self._rows, ChunkRows):
            raise UsageError("these are chunks already")
        if not self._names:
            raise UsageError("there is no row, so there is no text")
        name = self._text_column()
        texts = self[name]
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(f"row {i} has {type(text).__name__} in the column {name!r}; expected a string")
        return checked(lambda: _tekio.Dataset.from_texts(texts), row=texts)

    def _text_column(self):
        if "text" in self._names:
            return "text"
        first = self[0] if len(self) else {}
        strings = [name for name, value in first.items() if isinstance(value, str)]
        if len(strings) == 1:
            return strings[0]
        raise UsageError(f"there is no column \"text\"; the columns with strings are: {', '.join(strings) or 'none'}: rename the one that is meant")


class Chunks(Dataset):
    """Chunks of tokens: rows of input_ids, attention_mask, word_ids and labels (a copy of input_ids). What is trained on."""

    def __init__(self, rows, names=None):
        if not isinstance(rows, ChunkRows):
            rows = ChunkRows(rows)
        super().__init__(rows, names)

    @property
    def _inner(self):
        return self._rows.inner

    @property
    def chunk_size(self):
        """Tokens of a chunk."""
        return self._inner.chunk_size

    @property
    def num_texts(self):
        """Rows of text that chunks were cut from."""
        return self._inner.rows

    @property
    def num_tokens(self):
        """Their tokens, before remainders were dropped."""
        return self._inner.tokens


class DatasetDict(dict):
    """Datasets by split; what is done with it is done with each."""

    def _each(self, use):
        return DatasetDict({name: use(dataset) for name, dataset in self.items()})

    def __getitem__(self, split):
        if split not in self:
            raise KeyError(f"there is no split {split!r}; there are: {', '.join(map(str, self))}")
        return super().__getitem__(split)

    def __repr__(self):
        body = re.sub(r"^", " " * 4, "\n".join(f"{name}: {dataset}" for name, dataset in self.items()), flags=re.M)
        return f"DatasetDict({{\n{body}\n}})"

    @property
    def column_names(self):
        return {name: dataset.column_names for name, dataset in self.items()}

    @property
    def num_rows(self):
        return {name: dataset.num_rows for name, dataset in self.items()}

    @property
    def shape(self):
        return {name: dataset.shape for name, dataset in self.items()}

    def map(self, function=None, **options):
        return self._each(lambda dataset: dataset.map(function, **options))

    def filter(self, function, **options):
        return self._each(lambda dataset: dataset.filter(function, **options))

    def remove_columns(self, column_names):
        return self._each(lambda dataset: dataset.remove_columns(column_names))

    def select_columns(self, column_names):
        return self._each(lambda dataset: dataset.select_columns(column_names))

    def rename_column(self, original_column_name, new_column_name):
        return self._each(lambda dataset: dataset.rename_column(original_column_name, new_column_name))

    def rename_columns(self, column_mapping):
        return self._each(lambda dataset: dataset.rename_columns(column_mapping))

    def shuffle(self, seed=None):
        return self._each(lambda dataset: dataset.shuffle(seed))


def _seed(seed):
    return int.from_bytes(os.urandom(6), "little") if seed is None else seed_of(seed)


def _listed(values, name):
    """A list of them. Errors: UsageError (what is none, a text or a dict)."""
    if hasattr(values, "tolist"):
        values = to_list(values)
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Mapping)):
        raise UsageError(f"{name} are {type(values).__name__}; expected a list")
    return list(values)


def _sizes(count, test_size, train_size):
    """How many rows a test and a train part have, by the reference's rules."""
    sizes = {}
    for name, size, rounded in (("test_size", test_size, lambda x: -int(-x // 1)), ("train_size", train_size, lambda x: int(x // 1))):
        if size is None:
            sizes[name] = None
            continue
        share = isinstance(size, float)
        if (share and not 0 < size < 1) or (not share and not 0 < size < count):
            raise UsageError(f"{name} is {size}; expected from 1 to {count - 1} rows, or a share between 0 and 1, as there are {count} rows")
        sizes[name] = rounded(size * count) if share else int(size)
    test, train = sizes["test_size"], sizes["train_size"]
    if test is None and train is None:
        test = -(-count // 4)
    test = count - train if test is None else test
    train = count - test if train is None else train
    if test + train > count:
        raise UsageError(f"train_size {train} and test_size {test} together are more than the {count} rows that there are")
    if train == 0 or test == 0:
        raise UsageError(f"{count} rows cannot be split into a train and a test part")
    return test, train
