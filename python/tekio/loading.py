"""Data from files and of other libraries, and chunks of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tekio import _places, _tekio
from tekio._arrays import to_list
from tekio._bytes import text_bytes
from tekio._options import check_unused, described, true_or_false, with_options
from tekio._rows import FileRows
from tekio.data import Chunks, Dataset, DatasetDict
from tekio.errors import UsageError
from tekio.tokenizer import as_tokenizer

if TYPE_CHECKING:
    from tekio.tokenizer import Tokenizer

# Kinds of file, and the endings of their names.
_KINDS = {"json": {".json", ".jsonl", ".ndjson"}, "csv": {".csv", ".tsv"}, "text": {".txt"}, "parquet": {".parquet", ".geoparquet", ".gpq"}, "arrow": {".arrow"}}
_PACKED = {".gz", ".zst", ".bz2", ".xz"}


def load_dataset(
    path: str | os.PathLike, name: str | None = None, *, data_dir: str | None = None, data_files: Any = None, split: str | None = None,
    revision: str | None = None, text_column: str = "", json_field: str = "", field: str | None = None, encoding: str = "utf-8",
    bad_rows: str = "stop", sample_by: str = "line", csv_separator: str = "", header: bool = True, column_names: Sequence[str] = (),
    word_column: str = "", word_separator: str = "", local_files_only: bool = False, cache_dir: str | os.PathLike | None = None, **unused
) -> Any:  # fmt: skip
    """Opens files, folders, a bundled corpus, or a dataset of the Hub by its name.

    path: "reviews.csv", a folder, "imdb", "org/name", "medicine" (bundled), or a kind of file ("json", "csv", "text",
    "parquet") with data_files. Gives a DatasetDict of all splits, or, with split ("train", "train[:10%]"), a Dataset. Rows are
    read when they are asked for. With word_column, words are given: chunk() tokenizes each by itself, as is_split_into_words=True
    has it; the column holds lists of strings or, with word_separator ("tab", "whitespace", any text), texts. local_files_only: no request is made.
    cache_dir: the Hub's cache, else as HF_HUB_CACHE and HF_HOME say. Errors: FileError (nothing of that name), InputError
    (malformed; file and line).
    """
    check_unused("load_dataset()", unused, {"streaming", "trust_remote_code", "num_proc", "keep_in_memory"}, {"token", "download_mode", "features"})
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"path is {path!r}; expected a file, a folder, a name, or a kind of file")
    if word_column and text_column:
        raise UsageError("word_column contradicts text_column: both name the column that is read")
    for called, text in (("name", name), ("field", field), ("word_column", word_column)):  # which the library calls otherwise
        text_bytes(text or "", called)
    options = with_options(
        _tekio.ReadOptions(), text_column=word_column or text_column, json_field=field or json_field, csv_separator=csv_separator or "auto",
        header=header, column_names=list(column_names), encoding=encoding, bad_rows=bad_rows, sample_by=sample_by, config_name=name or "",
        revision=revision or ""
    )  # fmt: skip
    if word_column or word_separator:
        words = "separated" if word_separator else "list"
        with_options(options, words=words, word_separator={"tab": "\t", "whitespace": ""}.get(word_separator, word_separator))

    cache = _places.cache_path(cache_dir)

    def opened(specs):
        return _places.with_arrow(lambda: _tekio.load_dataset(specs, options, true_or_false(local_files_only, "local_files_only"), cache))

    groups = _specs(os.fspath(path), data_dir, data_files)
    splits = {}
    for wanted, specs in groups.items():
        specs = [_places.data_spec(spec) for spec in specs]
        for found, inner in opened(specs):
            splits[wanted or found] = inner
    if split is None:
        return DatasetDict({each: Dataset(FileRows(inner)) for each, inner in splits.items()})
    if split in splits:
        return Dataset(FileRows(splits[split]))
    if list(groups) != [None] or len(groups[None]) != 1:
        raise UsageError(f"there is no split {split!r}; there are: {', '.join(splits)}")
    chosen = [_places.data_spec(groups[None][0] + ":" + split)]
    return Dataset(FileRows(opened(chosen)[0][1]))


def _specs(path, data_dir, data_files):
    """What is to be opened, by the split that it is to be called (None: what it is called there)."""
    if data_files is None:
        return {None: [os.path.join(path, data_dir) if data_dir else path]}
    here = "" if path in _KINDS else path
    groups = data_files if isinstance(data_files, Mapping) else {"train": data_files}
    made = {}
    for split, files in groups.items():
        files = [files] if isinstance(files, (str, os.PathLike)) else list(files)
        made[split] = [os.path.join(here, os.fspath(file)) for file in files]
        if path in _KINDS:
            _check_kind(path, made[split])
    return made


def _check_kind(kind, files):
    """A file is read as its name says, and as text where that says nothing."""
    for file in files:
        stem, ending = os.path.splitext(file)
        if ending in _PACKED:
            ending = os.path.splitext(stem)[1]
        named = next((each for each, endings in _KINDS.items() if ending.lower() in endings), "text" if os.path.isfile(file) else kind)
        if named != kind:
            raise UsageError(f'"{kind}" contradicts the name of {file}, which is read as "{named}"; pass that, or rename the file')


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
    tokenizer = as_tokenizer(tokenizer)
    options = with_options(
        _tekio.ChunkOptions(), chunk_size=chunk_size, line_by_line=line_by_line, words=words, use_cache=use_cache, threads=threads
    )  # fmt: skip
    source = dataset_of(dataset)._source()
    return Chunks(_places.with_arrow(lambda: _tekio.chunk(source, tokenizer._inner, options)))


def chunks_of(data: Any) -> Chunks:
    """Chunks of whatever is to be trained on: chunks as they are, or the rows of a Dataset (or a list of dicts) with input_ids,
    each of which is one, and word_ids where whole words are to be masked."""
    if isinstance(data, Chunks):
        return data
    data = dataset_of(data)
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


def dataset_of(data):
    """A Dataset of what people have: their texts, a DataFrame, an Arrow table, a datasets.Dataset."""
    if isinstance(data, Dataset):
        return data
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "_indices"):
        return Dataset.from_pandas(data) if type(data).__module__.startswith("pandas") else Dataset.from_arrow(data)
    if isinstance(data, (list, tuple)):
        return Dataset.from_list(data)
    raise UsageError(f"a {type(data).__name__} is no data; pass a Dataset, a list of texts, a DataFrame or an Arrow table")


for _function, _its_options in ((load_dataset, _tekio.ReadOptions()), (chunk, _tekio.ChunkOptions())):
    _function.__doc__ = "\n".join([_function.__doc__.rstrip(), "", *("  " + line for line in described(_its_options))])
