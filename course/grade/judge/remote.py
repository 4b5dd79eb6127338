"""Objects of the student's process, as a test on the grader's side sees them.

In: a value that came over. Out: the same with every handle in it made callable. Calls, attributes and items go over;
comparing happens here, on plain content: anything that would let the object decide a test by itself is an error.
"""

from course.grade.sandbox.limits import Forged
from course.grade.sandbox.process.values import Handle, OwnedDict, ValueRefused

CHANGEABLE = (list, dict, set, bytearray)


class Remote:
    """An object in the student's process.

    Attributes, items, calls and `len` go over, and iterating brings all items at once. What behaves like a dictionary,
    a set or a list is compared by what it holds; an object that holds nothing plain cannot be compared at all.
    """

    __slots__ = ("_ask", "_handle")
    __hash__ = None

    def __init__(self, ask, handle: Handle):
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_handle", handle)

    def __call__(self, *arguments, **keywords):
        reply = self._ask("call", self, list(arguments), keywords)
        if type(reply) is not tuple or len(reply) != 2 or type(reply[1]) is not dict:
            raise Forged("The notebook's process sent a reply of the wrong form.")
        value, changed = reply
        for key, now in changed.items():
            place = dict(enumerate(arguments)) | keywords
            if key in place:
                _become(place[key], now)
        return value

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("attribute", self, name)

    def __getitem__(self, key):
        return self._ask("item", self, key)

    def __iter__(self):
        return iter(self._ask("items", self))

    def __len__(self):
        length = self._ask("length", self)
        if type(length) is not int or not 0 <= length < 2**62:
            raise TypeError("The length of an object must be a whole number.")
        return length

    def __repr__(self):
        return f"<{self._handle.type_name} of the student's>"

    def __reduce__(self):
        raise ValueRefused("An object of the student's cannot travel inside another object.")

    def __eq__(self, other):
        return self._ask("content", self) == (other._ask("content", other) if type(other) is Remote else other)

    def __ne__(self, other):
        return not self == other

    def __bool__(self):
        return bool(self._ask("content", self))

    def _refuse(self, *_):
        raise ValueRefused(f"An object of the type {self._handle.type_name} cannot be compared: make it a plain value.")

    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __float__ = __int__ = __index__ = __setattr__ = __delattr__ = _refuse


class RemoteDict(dict):
    """What an object of a subclass of `dict` holds; its other methods, and keys that it makes up, stay with it."""

    __slots__ = ("_remote",)

    def __init__(self, pairs, remote: Remote):
        super().__init__(pairs)
        self._remote = remote

    def __missing__(self, key):
        return self._remote[key]

    def __getattr__(self, name):
        return getattr(self._remote, name)

    def __reduce__(self):
        return self._remote.__reduce__()


def handle_of(value) -> Handle | None:
    """The handle of an object that is the student's."""
    if type(value) is Remote:
        return value._handle
    return value._remote._handle if type(value) is RemoteDict else None


def with_remotes(value, ask):
    """The value with every handle in it made callable."""
    kind = type(value)
    if kind is Handle:
        return Remote(ask, value)
    if kind is OwnedDict:
        pairs = {_plain(key): with_remotes(item, ask) for key, item in value.items()}
        return RemoteDict(pairs, Remote(ask, value.handle)) if type(value.handle) is Handle else pairs
    if kind in (list, tuple):
        return kind([with_remotes(item, ask) for item in value])
    if kind in (set, frozenset):
        return kind(map(_plain, value))
    if kind is dict:
        return {_plain(key): with_remotes(item, ask) for key, item in value.items()}
    return value


def _plain(key):
    """A dictionary's key or an item of a set: to hash and compare it is not for the student."""
    if type(key) is Handle:
        raise ValueRefused("The keys of a dictionary and the items of a set must be plain values.")
    if type(key) in (tuple, frozenset):
        for item in key:
            _plain(item)
    return key


def _become(argument, now) -> None:
    """Change an argument of a call as the student's function changed its copy."""
    if type(argument) is not type(now) or type(argument) is RemoteDict:
        return
    if type(argument) in (list, bytearray):
        argument[:] = now
    elif type(argument) in (dict, set):
        argument.clear()
        argument.update(now)
    elif getattr(argument, "shape", None) == getattr(now, "shape", ()) and argument.flags.writeable:
        argument[...] = now
