"""Plain typed values between the grader and the student's process, as bytes.

In: None, bool, int, float, str, bytes, list, tuple, dict, set, NumPy arrays and scalars, CPU tensors, of exactly
these types. Out: bytes, and from bytes the same values. Nothing is ever unpickled or evaluated on the grader's
side. What is none of these types goes over as a *handle*: a number under which its owner keeps it. The other
way, from the trusted grader into the student's process, any object may go, pickled.

Both sides of the sandbox import this module, so it needs nothing but the standard library; NumPy and torch are
used where such a value turns up.
"""

import dataclasses
import io
import math
import struct
import sys
from collections.abc import Callable

MAX_BYTES = 64 * 2**20  # of one message: the logits of a class's validation set fit, a memory bomb does not
MAX_DEPTH = 64  # of nested containers: more than any honest result, less than what exhausts the stack
MAX_ITEMS = 4_000_000  # in all containers together: Python objects need far more memory than their bytes here
MAX_KEYS = 20_000  # whose hashes a student can choose: keys with equal hashes make each insertion slower
SMALL_INT = 1 << 20  # integers below it cannot collide often enough to matter
MAX_INT_BYTES = 1024
MAX_TYPE_NAME = 200
MAX_ARRAY_HEAD = 400  # characters of dtype and shape: 32 dimensions of eleven digits
ARRAY_KINDS = "biufc"  # dtypes of numbers; strings and objects of NumPy do not go over

_NONE, _TRUE, _FALSE, _INT, _FLOAT, _STR, _BYTES, _LIST = range(8)
_TUPLE, _DICT, _SET, _ARRAY, _SCALAR, _TENSOR, _HANDLE, _PICKLE = range(8, 16)
_SIZE = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")


class ValueRefused(BaseException):
    """A value that may not go over; the message can be shown to a student.

    No `Exception`: a test's `except Exception` must not take it for an error of the student's function.
    """


@dataclasses.dataclass(frozen=True)
class Handle:
    """An object that stayed in the student's process: the number under which it is kept, and the name of its type."""

    number: int
    type_name: str


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
        elif kind is str:
            self.put(_STR, value.encode("utf-8", "surrogatepass"))
        elif kind is bytes:
            self.put(_BYTES, value)
        elif kind in (list, tuple, set):
            self._count({list: _LIST, tuple: _TUPLE, set: _SET}[kind], value)
            for item in value:
                self.write(item, depth + 1)
        elif kind is dict:
            self._count(_DICT, value)
            for key, item in value.items():
                self.write(key, depth + 1)
                self.write(item, depth + 1)
        elif kind is Handle:
            self.put(_HANDLE, _SIZE.pack(value.number) + value.type_name[:MAX_TYPE_NAME].encode("utf-8", "replace"))
        elif _is_array(value):
            self.put(_ARRAY, _array_payload(value))
        elif _is_scalar(value):
            self.put(_SCALAR, _array_payload(value))
        elif _is_tensor(value):
            self.put(_TENSOR, _tensor_payload(value))
        elif self.keep and (handle := self.keep(value)) is not None:
            self.write(handle, depth)
        elif self.pickles:
            import cloudpickle

            self.put(_PICKLE, cloudpickle.dumps(value))
        else:
            raise ValueRefused(f"A value of the type {kind.__name__} cannot go over.")

    def _count(self, tag: int, container) -> None:
        self.budget.take_items(len(container))
        if tag in (_SET, _DICT):
            self.budget.take_keys(container)
        self.put(tag, _SIZE.pack(len(container)), sized=False)


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


def _is_array(value) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind in ARRAY_KINDS


def _is_scalar(value) -> bool:
    numpy = sys.modules.get("numpy")
    is_generic = numpy is not None and isinstance(value, numpy.generic)
    return is_generic and type(value) is value.dtype.type and value.dtype.kind in ARRAY_KINDS


def _is_tensor(value) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and type(value) is torch.Tensor and value.layout is torch.strided


def _array_payload(array) -> bytes:
    """Of an array or a scalar."""
    head = f"{array.dtype.newbyteorder('<').str};{','.join(map(str, array.shape))}".encode()
    if array.nbytes > MAX_BYTES:
        raise ValueRefused(f"The array is larger than {MAX_BYTES // 2**20} MiB.")
    data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return _SIZE.pack(len(head)) + head + data


def _tensor_payload(tensor) -> bytes:
    import torch

    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype is torch.bfloat16:  # NumPy has no such type; its bits go over
        tensor = tensor.contiguous().view(torch.int16)
    return _SIZE.pack(len(name)) + name.encode() + _array_payload(tensor.numpy())


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
            return _DOUBLE.unpack(self.take(8))[0]
        if tag in (_LIST, _TUPLE, _SET):
            items = [self.read(depth + 1) for _ in range(self.count())]
            if tag == _SET:
                self.budget.take_keys(items)
            return {_LIST: list, _TUPLE: tuple, _SET: set}[tag](items)
        if tag == _DICT:
            pairs = [(self.read(depth + 1), self.read(depth + 1)) for _ in range(self.count())]
            self.budget.take_keys(key for key, _ in pairs)
            return dict(pairs)
        payload = self.take(self.size())
        if tag == _INT and len(payload) <= MAX_INT_BYTES:
            return int.from_bytes(payload, "big", signed=True)
        if tag == _STR:
            return str(payload, "utf-8", "surrogatepass")
        if tag == _BYTES:
            return bytes(payload)
        if tag == _ARRAY:
            return _read_array(payload)
        if tag == _SCALAR:
            return _read_array(payload)[()]
        if tag == _TENSOR:
            return _read_tensor(payload)
        if tag == _HANDLE:
            return self.resolve(Handle(_SIZE.unpack(payload[:8])[0], str(payload[8:], "utf-8")[:MAX_TYPE_NAME]))
        if tag == _PICKLE and self.pickles:
            import pickle

            return pickle.loads(payload)
        raise ValueRefused("The message holds something that may not go over.")


def _read_array(payload: memoryview):
    import numpy as np

    length = _SIZE.unpack(payload[:8])[0]
    if length > MAX_ARRAY_HEAD:
        raise ValueRefused("An array has too many dimensions.")
    dtype_name, _, shape_text = str(payload[8 : 8 + length], "ascii").partition(";")
    dtype = np.dtype(dtype_name)
    shape = tuple(int(part) for part in shape_text.split(",") if part)
    data = payload[8 + length :]
    if dtype.kind not in ARRAY_KINDS or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueRefused("An array does not fit its shape.")
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read_tensor(payload: memoryview):
    import torch

    length = _SIZE.unpack(payload[:8])[0]
    name = str(payload[8 : 8 + length], "ascii")
    tensor = torch.from_numpy(_read_array(payload[8 + length :]))
    if name == "bfloat16":
        return tensor.view(torch.bfloat16)
    if str(tensor.dtype) != f"torch.{name}":
        raise ValueRefused("A tensor does not fit its type.")
    return tensor
