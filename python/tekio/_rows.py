"""Where a Dataset's rows are: in files, in memory, or in a store of tokens. Each kind has names, row(), columns() and select()."""

import threading

from tekio import _places, _tekio
from tekio._arrays import to_list
from tekio.errors import UsageError

_AHEAD = 256  # rows of files that are read at once


class FileRows:
    """Rows that the library reads: of files, or of Arrow's memory. The last ones read are kept, and going forward goes on
    where reading stopped."""

    def __init__(self, inner):
        self.inner = inner
        self._names = None  # until somebody asks: files are read for them
        self._reader = None  # one thread's at a time
        self._reads = threading.Lock()
        self._read = 0, []  # where the rows that were read last begin, and these

    @property
    def names(self):
        if self._names is None:
            self._names = _places.with_arrow(lambda: list(self.inner.columns))
        return self._names

    def __len__(self):
        return _places.with_arrow(lambda: self.inner.size)

    def row(self, i):
        begin, read = self._read
        if not begin <= i < begin + len(read):
            read = _places.with_arrow(lambda: self._rows_from(i))
            begin = i
            self._read = begin, read
        return read[i - begin]

    def _rows_from(self, i):
        with self._reads:
            if self._reader is None or self._reader.position > i:
                self._reader = _tekio.RowReader(self.inner)
            self._reader.skip(i - self._reader.position)
            return self._reader.next(_AHEAD)

    def columns(self, rows, names):
        data = {name: [] for name in names}
        for i in rows:
            row = self.row(i)
            for name in names:
                data[name].append(row.get(name))
        return data

    def select(self, rows):
        if isinstance(rows, range) and rows.step == 1:
            return FileRows(_places.with_arrow(lambda: self.inner.slice(rows.start, max(rows.start, rows.stop))))
        return FileRows(_places.with_arrow(lambda: self.inner.select([int(i) for i in rows])))

    def __getstate__(self):
        raise UsageError("a dataset of files does not pickle; open it with load_dataset() in each process")


class MemoryRows:
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
            return MemoryRows(self.stored, rows if isinstance(rows, range) else [int(i) for i in rows])
        return MemoryRows(self.stored, [int(self.picked[i]) for i in rows])


class ChunkRows:
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
        return ChunkRows(self.inner.select([int(i) for i in rows]))

    def __getstate__(self):
        raise UsageError("chunks do not pickle; cut them with chunk() in each process, whose tokens are kept in the cache")


def _cell(column, i):
    return column.row(i) if isinstance(column, _tekio.NumberLists) else column[i]


class ColumnBuilder:
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


def memory_rows(columns):
    """Rows of given columns, each any sequence; all must have one length."""
    for name, values in columns.items():
        if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
            raise UsageError(f"the column {name!r} is {type(values).__name__}; expected a list of values")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"columns differ in length: {', '.join(f'{name} has {n}' for name, n in lengths.items())}")
    made = {}
    for name, values in columns.items():
        if not isinstance(values, (list, _tekio.NumberLists)):
            values = to_list(values) if hasattr(values, "tolist") else list(values)
        made[str(name)] = values
    return MemoryRows(made)
