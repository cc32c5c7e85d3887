"""Dataset.map(): the columns that a function makes of rows."""

from collections.abc import Mapping

from tekio._arrays import to_list
from tekio.errors import UsageError


def mapped_columns(batch, rows, function, *, batched, with_indices, input_columns, gone, fn_kwargs):
    """The columns that a batch of rows becomes: those that stay, and what `function` makes of the batch, or of each row."""
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


def _mapping(made):
    if not isinstance(made, Mapping):
        raise UsageError(f"map()'s function gave {type(made).__name__}; expected a dict of columns")
    return made


def _as_list(values):
    if isinstance(values, list):
        return [to_list(each) if hasattr(each, "tolist") else each for each in values]
    return to_list(values)
