"""Plain typed values between the grader and the student's process, as bytes.

In: Python's plain values, those of the standard library that are no more than data (dates, `Decimal`, `Fraction`,
`deque`, named tuples), NumPy arrays and scalars, CPU tensors. Out: bytes, and from bytes the same values. An object of
a subclass goes over as what its base holds (`course.grade.sandbox.process.content`). Nothing is ever unpickled or
evaluated on the grader's side. What is none of these types goes over as a *handle*: a number under which its owner
keeps it. The other way, from the trusted grader into the student's process, any object may go, pickled.

Both sides of the sandbox import this module, so it needs nothing but the standard library; NumPy and torch are
used where such a value turns up.
"""

import dataclasses
import io
import struct
from collections import deque
from collections.abc import Callable

from course.grade.sandbox.process import arrays, content
from course.grade.sandbox.process.refused import ValueRefused

MAX_BYTES = 64 * 2**20  # of one message: the logits of a class's validation set fit, a memory bomb does not
MAX_DEPTH = 64  # of nested containers: more than any honest result, less than what exhausts the stack
MAX_ITEMS = 4_000_000  # in all containers together: Python objects need far more memory than their bytes here
MAX_KEYS = 20_000  # whose hashes a student can choose: keys with equal hashes make each insertion slower
SMALL_INT = 1 << 20  # integers below it cannot collide often enough to matter
MAX_INT_BYTES = 1 << 16  # to multiply two such numbers takes milliseconds
MAX_TYPE_NAME = 200

_NONE, _TRUE, _FALSE, _INT, _FLOAT, _STR, _BYTES, _LIST = range(8)
_TUPLE, _DICT, _SET, _ARRAY, _SCALAR, _TENSOR, _HANDLE, _PICKLE = range(8, 16)
_COMPLEX, _BYTEARRAY, _FROZENSET, _DEQUE, _RANGE, _TEXTUAL, _NAMED, _OBJECTS, _OWNED = range(16, 25)
_CONTAINERS = {list: _LIST, tuple: _TUPLE, set: _SET, frozenset: _FROZENSET, deque: _DEQUE}
_MAKE = {tag: kind for kind, tag in _CONTAINERS.items()}
_SIZE = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")


@dataclasses.dataclass(frozen=True)
class Handle:
    """An object that stayed in the student's process: the number under which it is kept, and the name of its type."""

    number: int
    type_name: str


class OwnedDict(dict):
    """What an object of a subclass of `dict` holds, with the handle of the object: its methods stayed there."""

    __slots__ = ("handle",)

    def __init__(self, pairs, handle: Handle):
        super().__init__(pairs)
        self.handle = handle


def encode(value, *, keep: Callable[[object], Handle | None] | None = None, pickles: bool = False) -> bytes:
    """Return the value as bytes.

    `keep` is asked for a handle for every object that is not plain; without it, and without `pickles` (trusted side
    only), such an object is refused. Raises `ValueRefused` for cycles, depth over 64, more than 64 MiB, and for all
    else that `decode` would refuse.
    """
    writer = _Writer(keep, pickles)
    writer.write(value, 0)
    return writer.buffer.getvalue()


class _Writer:
    def __init__(self, keep, pickles):
        self.buffer = io.BytesIO()
        self.keep = keep
        self.pickles = pickles
        self.budget = _Budget(pickles)

    def put(self, tag: int, payload: bytes = b"", *, sized: bool = True) -> None:
        if self.buffer.tell() + len(payload) > MAX_BYTES:
            raise ValueRefused(f"The value is larger than {MAX_BYTES // 2**20} MiB.")
        self.buffer.write(bytes([tag]))
        if sized:
            self.buffer.write(_SIZE.pack(len(payload)))
        self.buffer.write(payload)

    def write(self, value, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueRefused(f"The value is nested more than {MAX_DEPTH} levels deep, or contains itself.")
        if self._write_exact(value, depth):
            return
        if self.pickles:  # the trusted side: nothing of a class gets lost
            self._write_object(value, depth)
        elif (plain := content.of(value)) is not None:
            self._write_content(value, plain, depth)
        elif (plain := arrays.base(value)) is not None:
            self.write(plain, depth)
        else:
            self._write_object(value, depth)

    def _write_exact(self, value, depth: int) -> bool:
        """Write a value of exactly one of the types that go over; False for any other."""
        kind = type(value)
        if value is None:
            self.put(_NONE, sized=False)
        elif kind is bool:
            self.put(_TRUE if value else _FALSE, sized=False)
        elif kind is int:
            if value.bit_length() >= 8 * MAX_INT_BYTES:
                raise ValueRefused("The number is too large.")
            self.put(_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
        elif kind is float:
            self.put(_FLOAT, _DOUBLE.pack(value), sized=False)
        elif kind is complex:
            self.put(_COMPLEX, _DOUBLE.pack(value.real) + _DOUBLE.pack(value.imag), sized=False)
        elif kind is str:
            self.put(_STR, value.encode("utf-8", "surrogatepass"))
        elif kind in (bytes, bytearray):
            self.put(_BYTES if kind is bytes else _BYTEARRAY, bytes(value))
        elif kind in _CONTAINERS:
            self._write_items(_CONTAINERS[kind], value, depth)
        elif kind is dict:
            self._write_pairs(value, depth)
        elif kind is range:
            self.put(_RANGE, sized=False)
            self.write((value.start, value.stop, value.step), depth + 1)
        elif kind is Handle:
            self.put(_HANDLE, _SIZE.pack(value.number) + value.type_name[:MAX_TYPE_NAME].encode("utf-8", "replace"))
        elif content.is_textual(value):
            self.put(_TEXTUAL, content.to_text(value).encode())
        elif arrays.is_objects(value):
            self.put(_OBJECTS, ",".join(map(str, value.shape)).encode())
            self._write_items(_LIST, value.ravel().tolist(), depth)
        elif arrays.is_array(value) or arrays.is_scalar(value):
            self.put(_ARRAY if arrays.is_array(value) else _SCALAR, arrays.payload(value, MAX_BYTES))
        elif arrays.is_tensor(value):
            self.put(_TENSOR, arrays.tensor_payload(value, MAX_BYTES))
        else:
            return False
        return True

    def _write_items(self, tag: int, items, depth: int) -> None:
        self.budget.take_items(len(items))
        if tag in (_SET, _FROZENSET):
            self.budget.take_keys(items)
        self.put(tag, _SIZE.pack(len(items)), sized=False)
        for item in items:
            self.write(item, depth + 1)

    def _write_pairs(self, pairs: dict, depth: int) -> None:
        self.budget.take_items(len(pairs))
        self.budget.take_keys(pairs)
        self.put(_DICT, _SIZE.pack(len(pairs)), sized=False)
        for key, item in pairs.items():
            self.write(key, depth + 1)
            self.write(item, depth + 1)

    def _write_content(self, value, plain, depth: int) -> None:
        """Write what an object of a subclass holds, with what else a test may ask it for."""
        if isinstance(plain, content.Named):
            self.put(_NAMED, sized=False)
            self.write((plain.type_name, plain.fields, plain.values), depth + 1)
        elif type(plain) is dict and self.keep and not content.is_only_a_dict(value):
            self.put(_OWNED, sized=False)
            self.write(self.keep(value), depth + 1)
            self._write_pairs(plain, depth)
        else:
            self.write(plain, depth + 1)

    def _write_object(self, value, depth: int) -> None:
        if self.keep and (handle := self.keep(value)) is not None:
            self.write(handle, depth)
        elif self.pickles:
            import cloudpickle

            self.put(_PICKLE, cloudpickle.dumps(value))
        else:
            raise ValueRefused(f"A value of the type {type(value).__name__} cannot go over.")


class _Budget:
    """What all containers of a message may hold together."""

    def __init__(self, is_trusted: bool):
        self.items = MAX_ITEMS
        self.keys = MAX_KEYS
        self.is_trusted = is_trusted

    def take_items(self, length: int) -> None:
        self.items -= length
        if self.items < 0:
            raise ValueRefused(f"The value holds more than {MAX_ITEMS} items.")

    def take_keys(self, keys) -> None:
        if not self.is_trusted:
            self.keys -= sum(map(_has_chosen_hash, keys))
            if self.keys < 0:
                raise ValueRefused(f"Dictionaries and sets hold more than {MAX_KEYS} keys that are large numbers.")


def _has_chosen_hash(key) -> bool:
    """Whether somebody who cannot know this process's hash seed could still choose the key's hash."""
    if type(key) is int:
        return not -SMALL_INT < key < SMALL_INT
    if type(key) is tuple:
        return not any(type(item) in (str, bytes) and item for item in key)
    return type(key) not in (str, bytes)


def decode(data: bytes, *, resolve: Callable[[Handle], object] = lambda handle: handle, pickles: bool = False):
    """Return the value that the bytes stand for.

    `resolve` turns a handle into what stands for it on this side. `pickles=True` is for the student's process
    only: it accepts what the grader pickled. Raises `ValueRefused` for anything that `encode` would not
    write.
    """
    reader = _Reader(data, resolve, pickles)
    try:
        value = reader.read(0)
    except Exception as error:  # whatever the bytes provoke, the caller gets one kind of error
        raise ValueRefused(f"The bytes are not a value ({type(error).__name__}).") from None
    if reader.position != len(data):
        raise ValueRefused("There are bytes after the value.")
    return value


class _Reader:
    def __init__(self, data, resolve, pickles):
        if len(data) > 2 * MAX_BYTES:
            raise ValueRefused("The message is too large.")
        self.data = memoryview(data)
        self.position = 0
        self.budget = _Budget(pickles)
        self.resolve = resolve
        self.pickles = pickles

    def take(self, length: int) -> memoryview:
        end = self.position + length
        if end > len(self.data):
            raise ValueRefused("The message ends too early.")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def size(self) -> int:
        return _SIZE.unpack(self.take(8))[0]

    def double(self) -> float:
        return _DOUBLE.unpack(self.take(8))[0]

    def count(self) -> int:
        """The length of a container, never more than the bytes that are left could hold."""
        length = self.size()
        self.budget.take_items(length)
        if length > len(self.data) - self.position:
            raise ValueRefused("A container claims more items than it can hold.")
        return length

    def read(self, depth: int):
        if depth > MAX_DEPTH:
            raise ValueRefused(f"The value is nested more than {MAX_DEPTH} levels deep.")
        tag = self.take(1)[0]
        if tag in (_NONE, _TRUE, _FALSE):
            return {_NONE: None, _TRUE: True, _FALSE: False}[tag]
        if tag == _FLOAT:
            return self.double()
        if tag == _COMPLEX:
            return complex(self.double(), self.double())
        if tag in _MAKE:
            items = [self.read(depth + 1) for _ in range(self.count())]
            if tag in (_SET, _FROZENSET):
                self.budget.take_keys(items)
            return _MAKE[tag](items)
        if tag == _DICT:
            return dict(self._pairs(depth))
        if tag in (_RANGE, _NAMED, _OWNED):
            return self._read_compound(tag, depth)
        return self._read_payload(tag, self.take(self.size()), depth)

    def _pairs(self, depth: int) -> list[tuple]:
        pairs = [(self.read(depth + 1), self.read(depth + 1)) for _ in range(self.count())]
        self.budget.take_keys(key for key, _ in pairs)
        return pairs

    def _read_compound(self, tag: int, depth: int):
        first = self.read(depth + 1)
        match tag, first:
            case int(), (int(), int(), int()) if tag == _RANGE:
                return range(*first)
            case int(), (str(name), tuple(fields), tuple(values)) if tag == _NAMED:
                return content.named(name, fields, values)
            case int(), _ if tag == _OWNED and self.take(1)[0] == _DICT:
                return OwnedDict(self._pairs(depth), first)
        raise ValueRefused("The message holds something of the wrong form.")

    def _read_payload(self, tag: int, payload: memoryview, depth: int):
        if tag == _INT and len(payload) <= MAX_INT_BYTES:
            return int.from_bytes(payload, "big", signed=True)
        if tag == _STR:
            return str(payload, "utf-8", "surrogatepass")
        if tag in (_BYTES, _BYTEARRAY):
            return bytes(payload) if tag == _BYTES else bytearray(payload)
        if tag == _TEXTUAL:
            return content.from_text(str(payload, "ascii"))
        if tag == _OBJECTS:
            return arrays.objects(str(payload, "ascii"), self.read(depth + 1))
        if tag in (_ARRAY, _SCALAR):
            array = arrays.read(payload)
            return array if tag == _ARRAY else array[()]
        if tag == _TENSOR:
            return arrays.read_tensor(payload)
        if tag == _HANDLE:
            return self.resolve(Handle(_SIZE.unpack(payload[:8])[0], str(payload[8:], "utf-8")[:MAX_TYPE_NAME]))
        if tag == _PICKLE and self.pickles:
            import pickle

            return pickle.loads(payload)
        raise ValueRefused("The message holds something that may not go over.")
