"""Values of Arrow columns as Tekio shows them (docs/data.md): JSON text, for comparing with `tekio data head`."""
import base64
import json
import math

import pyarrow as pa

UNITS = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


def date_text(days):
    """Days since 1970 in the Gregorian calendar, of any year."""
    days += 719468
    era, day = divmod(days, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    number = month + 3 if month < 10 else month - 9
    return f"{year + era * 400 + (month >= 10):04}-{number:02}-{of_year - (153 * month + 2) // 5 + 1:02}"


def time_text(units, per_second):
    seconds, fraction = divmod(units, per_second)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return text + (f".{fraction:0{len(str(per_second)) - 1}}" if fraction else "")


def real(value, kind):
    if not math.isfinite(value):
        return None
    return value if kind == pa.float64() else Narrow(value, kind)


class Narrow(float):
    """A number of a narrow type, which Tekio writes with the digits that this type needs."""
    def __new__(cls, value, kind):
        made = super().__new__(cls, value)
        made.kind = kind
        return made


def value(scalar):
    """What json.loads() makes of Tekio's text, but for numbers of narrow types, which are Narrow."""
    kind = scalar.type
    if not scalar.is_valid or pa.types.is_null(kind):
        return None
    if pa.types.is_dictionary(kind):
        return value(scalar.value)
    if pa.types.is_floating(kind):
        return real(float(scalar.as_py()), kind)
    if pa.types.is_decimal(kind):
        return float(scalar.as_py()) if kind.scale > 0 else int(scalar.as_py())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or kind == pa.binary_view():
        return base64.b64encode(scalar.as_py()).decode()
    if pa.types.is_date(kind):
        return date_text(scalar.value if pa.types.is_date32(kind) else scalar.value // 86_400_000)
    if pa.types.is_time(kind):
        return time_text(scalar.value, UNITS[kind.unit])
    if pa.types.is_timestamp(kind):
        days, rest = divmod(scalar.value, 86_400 * UNITS[kind.unit])
        return f"{date_text(days)}T{time_text(rest, UNITS[kind.unit])}{'Z' if kind.tz else ''}"
    if pa.types.is_duration(kind):
        return scalar.value
    if pa.types.is_struct(kind):
        return {kind.field(i).name: value(scalar[i]) for i in range(kind.num_fields)}
    if pa.types.is_map(kind):
        return [[value(pair[0]), value(pair[1])] for pair in scalar.values]
    if hasattr(scalar, "values"):  # a list of any kind
        return [value(each) for each in scalar.values]
    return scalar.as_py()


def rows(table):
    columns = [[value(each) for each in column] for column in table.columns]
    return [dict(zip(table.column_names, row)) for row in zip(*columns)] if columns else []


def equal(shown, expected):
    if isinstance(expected, Narrow):
        return isinstance(shown, float) and pa.scalar(shown, expected.kind).as_py() == float(expected)
    if isinstance(expected, dict):
        return isinstance(shown, dict) and list(shown) == list(expected) and all(equal(shown[k], expected[k]) for k in expected)
    if isinstance(expected, list):
        return isinstance(shown, list) and len(shown) == len(expected) and all(map(equal, shown, expected))
    return type(shown) is type(expected) and shown == expected


def parsed(text):
    return json.loads(text)
