"""Rows and chunks, with the names and shapes of Hugging Face datasets.

A Dataset's rows are in files (and read from there whenever they are asked for), in memory, or chunks of tokens; it is used in
the same way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tekio import _places, _tekio
from tekio._arrays import to_list
from tekio.errors import UsageError

if TYPE_CHECKING:
    from tekio.tokenizer import Tokenizer

_AHEAD = 256  # rows of files that are read at once


class _FileRows:
    """Rows that the library reads: of files, or of Arrow's memory. The last ones read are kept, and going forward goes on
    where reading stopped."""

    def __init__(self, inner):
        self.inner = inner
        self.names = _places.with_arrow(lambda: list(inner.columns))
        self._reader = None
        self._window, self._begin = [], 0

    def __len__(self):
        return self.inner.size

    def row(self, i):
        if not self._begin <= i < self._begin + len(self._window):
            if self._reader is None or self._reader.position > i:
                self._reader = _tekio.RowReader(self.inner)
            self._reader.skip(i - self._reader.position)
            self._window, self._begin = self._reader.next(_AHEAD), i
        return self._window[i - self._begin]

    def columns(self, rows, names):
        data = {name: [] for name in names}
        for i in rows:
            row = self.row(i)
            for name in names:
                data[name].append(row.get(name))
        return data

    def select(self, rows):
        if isinstance(rows, range) and rows.step == 1:
            return _FileRows(self.inner.slice(rows.start, max(rows.start, rows.stop)))
        return _FileRows(self.inner.select([int(i) for i in rows]))

    def __getstate__(self):
        raise UsageError("a dataset of files does not pickle; open it with load_dataset() in each process")


class _MemoryRows:
    """Columns that Python made: lists, or lists of whole numbers in four bytes each."""

    def __init__(self, columns, picked=None):
        self.stored = columns
        self.names = list(columns)
        self.picked = picked  # which rows, in this order; None: all

    def __len__(self):
        if self.picked is not None:
            return len(self.picked)
        return len(next(iter(self.stored.values()))) if self.stored else 0

    def _at(self, i):
        return i if self.picked is None else int(self.picked[i])

    def row(self, i):
        at = self._at(i)
        return {name: _cell(column, at) for name, column in self.stored.items()}

    def columns(self, rows, names):
        places = [self._at(i) for i in rows]
        return {name: [_cell(self.stored[name], at) for at in places] for name in names}

    def select(self, rows):
        if self.picked is None:
            return _MemoryRows(self.stored, rows if isinstance(rows, range) else [int(i) for i in rows])
        return _MemoryRows(self.stored, [int(self.picked[i]) for i in rows])


class _ChunkRows:
    """Chunks of tokens in a token store: what the reference's group_texts() makes."""

    names = ["input_ids", "attention_mask", "word_ids", "labels"]

    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def row(self, i):
        return {name: self._cell(name, i) for name in self.names}

    def _cell(self, name, i):
        if name == "word_ids":
            return self.inner.words(i)
        ids = self.inner.ids(i)
        return [1] * len(ids) if name == "attention_mask" else ids

    def columns(self, rows, names):
        return {name: [self._cell(name, i) for i in rows] for name in names}

    def select(self, rows):
        return _ChunkRows(self.inner.select([int(i) for i in rows]))


def _cell(column, i):
    return column.row(i) if isinstance(column, _tekio.NumberLists) else column[i]


class _ColumnBuilder:
    """Collects a column: as lists of whole numbers while it consists of these."""

    def __init__(self):
        self._numbers, self._values = _tekio.NumberLists(), None

    def extend(self, values):
        if self._values is None:
            if self._numbers.extend(values):
                return
            self._values = [self._numbers.row(i) for i in range(len(self._numbers))]
        self._values.extend(values)

    def column(self):
        return self._numbers if self._values is None and len(self._numbers) > 0 else self._values or []


def _memory(columns):
    """Rows of given columns, each any sequence; all must have one length."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"columns differ in length: {', '.join(f'{name} has {n}' for name, n in lengths.items())}")
    made = {}
    for name, values in columns.items():
        if not isinstance(values, (list, _tekio.NumberLists)):
            values = to_list(values) if hasattr(values, "tolist") else list(values)
        made[str(name)] = values
    return _MemoryRows(made)


class Dataset:
    """Rows of named columns. Indexed by a number it gives a row (a dict), by a slice or a list of numbers a dict of lists, by
    a column's name the list of its values."""

    def __init__(self, rows, names=None):
        self._rows = rows
        self._names = dict(names) if names is not None else {name: name for name in rows.names}  # as shown: as stored

    # --- Making ---

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Dataset:
        """Rows of columns: {"text": [...], "label": [...]}."""
        return cls(_memory(mapping))

    @classmethod
    def from_list(cls, rows: list) -> Dataset:
        """Rows of dicts; what one lacks is None. Strings are rows of a column "text"."""
        rows = list(rows)
        if rows and isinstance(rows[0], str):
            return cls.from_texts(rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        return cls(_memory({name: [row.get(name) for row in rows] for name in names}))

    @classmethod
    def from_texts(cls, texts: list[str]) -> Dataset:
        """One row a text, in a column "text"."""
        return cls(_memory({"text": list(texts)}))

    @classmethod
    def from_arrow(cls, table: Any) -> Dataset:
        """Rows of whatever hands over Arrow's memory (__arrow_c_stream__): a pyarrow.Table, a pandas or polars DataFrame, a
        datasets.Dataset. Text is not copied."""
        if hasattr(table, "data") and hasattr(table, "_indices") and hasattr(table.data, "table"):  # datasets.Dataset
            picked = table._indices
            table = table.with_format("arrow")[:] if picked is not None else table.data.table
        if not hasattr(table, "__arrow_c_stream__"):
            raise UsageError(f"a {type(table).__name__} has no __arrow_c_stream__; pass a pyarrow.Table, a DataFrame or a datasets.Dataset")
        return cls(_FileRows(_tekio.Dataset.from_arrow(table.__arrow_c_stream__(), _tekio.ReadOptions())))

    @classmethod
    def from_pandas(cls, frame: Any) -> Dataset:
        """Rows of a pandas DataFrame, its index left out."""
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
        at = int(i) + (count if i < 0 else 0)
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
        return self._columns([self._number(i) for i in key])

    def __iter__(self):
        for i in range(len(self)):
            yield self._shown(self._rows.row(i))

    def to_dict(self):
        return self[:]

    def to_list(self):
        return list(self)

    # --- Others made of it ---

    def _of(self, rows):
        return type(self)(rows, self._names)

    def select(self, indices: Any) -> Dataset:
        """These rows, in this order."""
        if isinstance(indices, range):
            for i in (indices[0], indices[-1]) if len(indices) else ():
                self._number(i)
            if len(indices) and min(indices) >= 0:
                return self._of(self._rows.select(indices))
        rows = [self._number(i) for i in (to_list(indices) if hasattr(indices, "tolist") else indices)]
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
        return Dataset(_memory({**self[:], name: list(column)}))

    def map(
        self, function: Callable | None = None, *, batched: bool = False, batch_size: int = 1000, with_indices: bool = False,
        remove_columns: str | list[str] | None = None, input_columns: str | list[str] | None = None, fn_kwargs: dict | None = None, **unused
    ) -> Dataset:  # fmt: skip
        """Calls `function` with each row (a dict), or with batches of rows (a dict of lists), and gives a dataset in memory of the
        columns that there were with those that it returns. A batch may become more or fewer rows, where no column stays."""
        for name in unused:
            if name not in {"num_proc", "desc", "load_from_cache_file", "keep_in_memory", "cache_file_name", "writer_batch_size", "features",
                            "new_fingerprint", "disable_nullable", "drop_last_batch"}:  # fmt: skip
                raise UsageError(f"map() has no argument {name!r} here")
        gone = set(self._has(remove_columns)) if remove_columns is not None else set()
        if input_columns is not None:
            input_columns = self._has(input_columns)
        size = (batch_size if batch_size and batch_size > 0 else max(1, len(self))) if batched else 1000
        builders = {}
        for begin in range(0, len(self), size):
            rows = range(begin, min(begin + size, len(self)))
            made = self._mapped(rows, function, batched, with_indices, input_columns, gone, fn_kwargs or {})
            if builders and set(made) != set(builders):
                raise UsageError(f"map()'s function gave the columns {sorted(made)}, but {sorted(builders)} before")
            for name, values in made.items():
                builders.setdefault(name, _ColumnBuilder()).extend(values)
        if not builders:
            return Dataset(_memory({name: [] for name in self._names if name not in gone}))
        return Dataset(_memory({name: builder.column() for name, builder in builders.items()}))

    def _mapped(self, rows, function, batched, with_indices, input_columns, gone, fn_kwargs):
        """The columns that a batch of rows becomes."""
        batch = self._columns(rows)
        kept = {name: values for name, values in batch.items() if name not in gone}
        if batched:
            given = [batch[name] for name in input_columns] if input_columns else [dict(batch)]
            made = function(*given, *([list(rows)] if with_indices else []), **fn_kwargs)
            made = {} if made is None else {name: _as_list(values) for name, values in _mapping(made).items()}
        else:
            results = []
            for at, i in enumerate(rows):
                row = {name: values[at] for name, values in batch.items()}
                given = [row[name] for name in input_columns] if input_columns else [row]
                result = function(*given, *([i] if with_indices else []), **fn_kwargs)
                results.append({} if result is None else _mapping(result))
            names = list(results[0])
            if any(set(result) != set(names) for result in results):
                raise UsageError("map()'s function gave different columns for different rows")
            made = {name: [to_list(result[name]) for result in results] for name in names}
        columns = {**kept, **made}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise UsageError(
                f"map()'s function made columns of different lengths ({', '.join(f'{n}: {c}' for n, c in lengths.items())}); where the number "
                f"of rows changes, remove the columns that stay: remove_columns={list(kept)}"
            )
        return columns

    def filter(self, function, *, batched=False, batch_size=1000, **_):
        """The rows for which `function` is true."""
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
        if isinstance(self._rows, _FileRows):
            return self._rows.inner
        if isinstance(self._rows, _ChunkRows):
            raise UsageError("these are chunks already")
        name = self._text_column()
        texts = self[name]
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(f"row {i} has {type(text).__name__} in the column {name!r}; expected a string")
        return _tekio.Dataset.from_texts(texts)

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
        if not isinstance(rows, _ChunkRows):
            rows = _ChunkRows(rows)
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


def _mapping(made):
    if not isinstance(made, Mapping):
        raise UsageError(f"map()'s function gave {type(made).__name__}; expected a dict of columns")
    return made


def _as_list(values):
    if isinstance(values, list):
        return [to_list(each) if hasattr(each, "tolist") else each for each in values]
    return to_list(values)


def _seed(seed):
    return int.from_bytes(os.urandom(6), "little") if seed is None else int(seed)


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


_FORMATS = ("json", "csv", "text", "parquet", "arrow", "pandas")


def load_dataset(
    path: str | os.PathLike, name: str | None = None, *, data_dir: str | None = None, data_files: Any = None, split: str | None = None,
    revision: str | None = None, text_column: str = "", json_field: str = "", field: str | None = None, encoding: str = "utf-8",
    bad_rows: str = "stop", sample_by: str = "line", csv_separator: str = "", header: bool = True, column_names: Sequence[str] = (), **unused
) -> Any:  # fmt: skip
    """Opens files, folders, a bundled corpus, or a dataset of the Hub by its name.

    path: "reviews.csv", a folder, "imdb", "org/name", "medicine" (bundled), or a kind of file ("json", "csv", "text",
    "parquet") with data_files. Gives a DatasetDict of all splits, or, with split ("train", "train[:10%]"), a Dataset. Rows are
    read when they are asked for. Errors: FileError (nothing of that name), InputError (malformed; file and line).
    """
    for key in unused:
        if key not in {"cache_dir", "streaming", "token", "trust_remote_code", "num_proc", "keep_in_memory", "download_mode"}:
            raise UsageError(f"load_dataset() has no argument {key!r} here")
    options = _tekio.ReadOptions()
    options.text_column, options.json_field, options.encoding = text_column, field or json_field, encoding
    options.header, options.column_names = header, list(column_names)
    options.config_name, options.revision = name or "", revision or ""
    options.set_bad_rows(bad_rows)
    options.set_sample_by(sample_by)
    options.set_csv_separator(csv_separator)
    groups = _specs(os.fspath(path), data_dir, data_files)
    splits = {}
    for wanted, specs in groups.items():
        specs = [_places.data_spec(spec) for spec in specs]
        for found, inner in _places.with_arrow(lambda specs=specs: _tekio.load_dataset(specs, options)):
            splits[wanted or found] = inner
    if split is None:
        return DatasetDict({each: Dataset(_FileRows(inner)) for each, inner in splits.items()})
    if split in splits:
        return Dataset(_FileRows(splits[split]))
    if list(groups) != [None] or len(groups[None]) != 1:
        raise UsageError(f"there is no split {split!r}; there are: {', '.join(splits)}")
    chosen = [_places.data_spec(groups[None][0] + ":" + split)]
    found = _places.with_arrow(lambda: _tekio.load_dataset(chosen, options))
    return Dataset(_FileRows(found[0][1]))


def _specs(path, data_dir, data_files):
    """What is to be opened, by the split that it is to be called (None: what it is called there)."""
    if data_files is None:
        return {None: [os.path.join(path, data_dir) if data_dir else path]}
    here = "" if path in _FORMATS else path
    groups = data_files if isinstance(data_files, Mapping) else {"train": data_files}
    made = {}
    for split, files in groups.items():
        files = [files] if isinstance(files, (str, os.PathLike)) else list(files)
        made[split] = [os.path.join(here, os.fspath(file)) for file in files]
    return made


def chunk(
    dataset: Any, tokenizer: Tokenizer, chunk_size: int = 128, *, line_by_line: bool = False, words: str = "tokenizer", use_cache: bool = True,
    threads: int = 0
) -> Any:  # fmt: skip
    """Tokenizes all texts and cuts them into chunks of `chunk_size` tokens: what the reference does with map(tokenize_function) and
    map(group_texts), batches of 1,000 rows, remainders dropped. Of a DatasetDict, all splits.

    Tokens are kept in the cache folder and found again the next time (use_cache). line_by_line: each row is a chunk, cut at
    chunk_size. words: what word_ids number: the tokenizer's words ("tokenizer"), or tokens without a gap in the text
    ("offsets"), which whole_word_mask of transformers 5 takes. threads: 0 means all processors. Errors: InputError (no text).
    """
    if isinstance(dataset, Mapping):
        options = {"line_by_line": line_by_line, "words": words, "use_cache": use_cache, "threads": threads}
        return DatasetDict({name: chunk(each, tokenizer, chunk_size, **options) for name, each in dataset.items()})
    dataset = _dataset_of(dataset)
    made = _tekio.chunk(dataset._source(), tokenizer._inner, chunk_size, line_by_line, words, use_cache, threads)
    return Chunks(made)


def chunks_of(data: Any) -> Chunks:
    """Chunks of whatever is to be trained on: chunks as they are, or the rows of a Dataset (or a list of dicts) with input_ids,
    each of which is one, and word_ids where whole words are to be masked."""
    if isinstance(data, Chunks):
        return data
    data = _dataset_of(data)
    if "input_ids" not in data.column_names:
        raise UsageError(f"there is no column 'input_ids', but {data.column_names}; cut texts with chunk(dataset, tokenizer)")
    columns = {}
    for name in ("input_ids", "word_ids"):
        if name not in data.column_names:
            continue
        columns[name] = _tekio.NumberLists()
        for begin in range(0, len(data), 1000):
            rows = data.select_columns([name])[begin : begin + 1000][name]
            if not columns[name].extend([to_list(row) for row in rows]):
                raise UsageError(f"the column {name!r} holds more than lists of whole numbers, in one of the rows from {begin} on")
    return Chunks(_tekio.chunks_of(columns["input_ids"], columns.get("word_ids")))


def _dataset_of(data):
    """A Dataset of what people have: their texts, a DataFrame, an Arrow table, a datasets.Dataset."""
    if isinstance(data, Dataset):
        return data
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "_indices"):
        return Dataset.from_pandas(data) if type(data).__module__.startswith("pandas") else Dataset.from_arrow(data)
    if isinstance(data, (list, tuple)):
        return Dataset.from_list(data)
    raise UsageError(f"a {type(data).__name__} is no data; pass a Dataset, a list of texts, a DataFrame or an Arrow table")
