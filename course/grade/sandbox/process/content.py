"""What an object of a subclass holds, as plain data, and the standard library's small values as text.

In: an object of the student's. Out: what its base class holds, read by the base class's own code: nothing that the
student's class defines is called, so it has no say in it. A `str` that is a member of an `Enum`, NumPy's `str_`, an
`OrderedDict`, a named tuple are right values, only of another type than the teacher's.
"""

import dataclasses
import datetime
from collections import OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter

from course.grade.sandbox.process.refused import ValueRefused

TEXTUAL = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, Decimal, Fraction)
WITHOUT_METHODS = (OrderedDict,)  # subclasses of dict that are used as a dict and nothing else
MAX_FIELDS = 1000


@dataclasses.dataclass(frozen=True)
class Named:
    """What a named tuple holds."""

    type_name: str
    fields: tuple[str, ...]
    values: tuple


def of(value):
    """What an object of a subclass of a plain type holds; None for any other object.

    >>> import collections, enum
    >>> of(enum.Enum("Colour", {"RED": "red"}, type=str).RED), of(collections.Counter("aab")), of(1)
    ('red', {'a': 2, 'b': 1}, None)
    """
    kind = type(value)
    base = next((base for base in _READ if issubclass(kind, base)), None)
    return None if base is None or (kind is base and base is not OrderedDict) else _READ[base](value)


def is_only_a_dict(value) -> bool:
    """Whether a test can ask an object of a subclass of `dict` for nothing but its items."""
    return type(value) in WITHOUT_METHODS


def _tuple(value) -> tuple | Named:
    items = tuple.__getitem__(value, slice(None))
    fields = type.__getattribute__(type(value), "__dict__").get("_fields")
    is_named = type(fields) is tuple and len(fields) == len(items) and all(type(name) is str for name in fields)
    return Named(type(value).__name__[:200], fields, items) if is_named else items


def _datetime(value) -> datetime.datetime | None:
    zone = datetime.datetime.tzinfo.__get__(value)
    is_date = type(value).__name__ != "NaTType"  # pandas has a date that is none
    known = is_date and (zone is None or type(zone) is datetime.timezone)
    return datetime.datetime.fromisoformat(datetime.datetime.isoformat(value)) if known else None


# Base class → what an object of a subclass holds, by code of the base class alone; the more special class comes first.
_READ = {
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: _tuple,
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    deque: lambda value: deque(deque.__iter__(value)),
    OrderedDict: lambda value: dict(OrderedDict.items(value)),
    dict: lambda value: dict(dict.items(value)),
    datetime.datetime: _datetime,
    datetime.date: lambda value: datetime.date.fromisoformat(datetime.date.isoformat(value)),
    datetime.timedelta: datetime.timedelta.__pos__,
    Decimal: lambda value: Decimal(Decimal.__str__(value)),
    Fraction: lambda value: Fraction(Fraction._numerator.__get__(value), Fraction._denominator.__get__(value)),
}


def named(name: str, fields: tuple, values: tuple) -> tuple:
    """A tuple whose items can be read by name as well. Raises `ValueRefused`."""
    fits = len(fields) == len(values) <= MAX_FIELDS and len(set(fields)) == len(fields)
    if not fits or not all(type(field) is str and field.isidentifier() and field[0] != "_" for field in fields):
        raise ValueRefused("A named tuple does not fit its fields.")
    members = {field: property(itemgetter(number)) for number, field in enumerate(fields)}
    return tuple.__new__(
        type(name.replace("\0", ""), (tuple,), {"_fields": fields, "__slots__": (), **members}), values
    )


def is_textual(value) -> bool:
    """Whether a value goes over as text. (A time in a zone with a name does not: what that means, a table says.)"""
    zone = getattr(value, "tzinfo", None) if type(value) in TEXTUAL else None
    return type(value) in TEXTUAL and (zone is None or type(zone) is datetime.timezone)


def to_text(value) -> str:
    """A date, a time, a `Decimal` or a `Fraction` as text, its kind in front."""
    if type(value) is datetime.timedelta:
        return f"timedelta {value.days} {value.seconds} {value.microseconds}"
    if type(value) in (Decimal, Fraction):
        return f"{type(value).__name__} {value}"
    return f"{type(value).__name__} {value.isoformat()}"


def from_text(text: str):
    """What `to_text` wrote.

    >>> from_text(to_text(Fraction(1, 3))), from_text(to_text(datetime.timedelta(1, 2, 3)))
    (Fraction(1, 3), datetime.timedelta(days=1, seconds=2, microseconds=3))
    """
    kind, _, rest = text.partition(" ")
    if len(text) > 10_000:
        raise ValueRefused("The number is too large.")
    if kind == "timedelta":
        return datetime.timedelta(*map(int, rest.split()))
    if kind in ("Decimal", "Fraction"):
        return {"Decimal": Decimal, "Fraction": Fraction}[kind](rest)
    return {"date": datetime.date, "datetime": datetime.datetime, "time": datetime.time}[kind].fromisoformat(rest)
