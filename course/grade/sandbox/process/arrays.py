"""Arrays and scalars of NumPy and tensors of torch, as bytes and back.

In: an array of numbers, truth values, strings or dates. Out: a head with its dtype and shape, then its items, little
end first. Arrays of objects are lists of values to `values`; structured arrays do not go over.
"""

import hashlib
import math
import struct
import sys

from course.grade.sandbox.process.refused import ValueRefused

MAX_HEAD = 400  # characters of dtype and shape: 32 dimensions of eleven digits
KINDS = "biufcUSMm"  # dtypes of numbers, strings and dates
_SIZE = struct.Struct(">Q")


def is_array(value) -> bool:
    """Whether it is an array whose items go over as bytes."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind in KINDS


def is_objects(value) -> bool:
    """Whether it is an array of Python's objects."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind == "O"


def is_scalar(value) -> bool:
    """Whether it is a NumPy scalar, but for strings: they are strings of Python's as well."""
    numpy = sys.modules.get("numpy")
    is_generic = numpy is not None and issubclass(type(value), numpy.generic)
    return is_generic and type(value) is value.dtype.type and value.dtype.kind in KINDS.replace("US", "")


def is_tensor(value) -> bool:
    """Whether it is a dense tensor of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and type(value) is torch.Tensor and value.layout is torch.strided


def base(value):
    """An array, a tensor or a parameter of a subclass as what its base holds; None for any other object."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and issubclass(type(value), numpy.ndarray) and type(value) is not numpy.ndarray:
        return None if issubclass(type(value), numpy.ma.MaskedArray) else numpy.ndarray.view(value, numpy.ndarray)
    if torch is not None and issubclass(type(value), torch.Tensor) and type(value) is not torch.Tensor:
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            plain = torch.Tensor.detach(value)
        return plain if type(plain) is torch.Tensor else None
    return None


def payload(array, most: int) -> bytes:
    """Of an array or a scalar, at most `most` bytes."""
    head = f"{array.dtype.newbyteorder('<').str};{','.join(map(str, array.shape))}".encode()
    if array.nbytes > most:
        raise ValueRefused(f"The array is larger than {most // 2**20} MiB.")
    data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return _SIZE.pack(len(head)) + head + data


def tensor_payload(tensor, most: int) -> bytes:
    """Of a tensor, wherever it lies."""
    import torch

    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype is torch.bfloat16:  # NumPy has no such type; its bits go over
        tensor = tensor.contiguous().view(torch.int16)
    return _SIZE.pack(len(name)) + name.encode() + payload(tensor.numpy(), most)


def read(payload: memoryview):
    """The array that `payload` wrote."""
    import numpy as np

    length = _SIZE.unpack(payload[:8])[0]
    if length > MAX_HEAD:
        raise ValueRefused("An array has too many dimensions.")
    dtype_name, _, shape_text = str(payload[8 : 8 + length], "ascii").partition(";")
    dtype = np.dtype(dtype_name)
    shape = tuple(int(part) for part in shape_text.split(",") if part)
    data = payload[8 + length :]
    fits = min(shape, default=0) >= 0 and math.prod(shape) * dtype.itemsize == len(data)
    if dtype.kind not in KINDS or not fits or (dtype.kind in "US" and dtype.itemsize == 0):
        raise ValueRefused("An array does not fit its shape.")
    if dtype.kind == "U" and np.frombuffer(data, "<u4").max(initial=0) > sys.maxunicode:
        raise ValueRefused("An array holds what is no text.")
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


def objects(shape_text: str, items):
    """An array of objects, of the items in the order of the array."""
    import numpy as np

    shape = tuple(int(part) for part in shape_text.split(",") if part)
    if type(items) is not list or min(shape, default=0) < 0 or math.prod(shape) != len(items) or len(shape) > 32:
        raise ValueRefused("An array does not fit its shape.")
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def read_tensor(payload: memoryview):
    """The tensor that `tensor_payload` wrote."""
    import torch

    length = _SIZE.unpack(payload[:8])[0]
    name = str(payload[8 : 8 + length], "ascii")
    tensor = torch.from_numpy(read(payload[8 + length :]))
    if name == "bfloat16":
        return tensor.view(torch.bfloat16)
    if str(tensor.dtype) != f"torch.{name}":
        raise ValueRefused("A tensor does not fit its type.")
    return tensor


def digest(tensor) -> str:
    """SHA-256 of a tensor on the processor, its dtype included."""
    import torch

    data = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    found = hashlib.sha256(str(tensor.dtype).encode())
    found.update(data)  # no copy: a table of words takes 384 MB
    return found.hexdigest()
