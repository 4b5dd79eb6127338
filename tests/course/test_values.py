"""Plain values between the grader and the student's process."""

import collections
import datetime
import decimal
import enum
import fractions
import pickle
import struct
import time
import tracemalloc
import zoneinfo

import numpy as np
import pandas
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from course.grade.sandbox.process import values
from course.grade.sandbox.process.values import MAX_KEYS, Handle, ValueRefused, decode, encode

QUICK = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

keys = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
keys |= st.tuples(st.integers(), st.text())
plain = st.recursive(
    keys | st.floats() | st.characters(categories=["Cs"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=5)
        | st.sets(keys, max_size=5)
    ),
    max_leaves=30,
)
arrays = numpy_st.arrays(
    st.sampled_from(["?", "i1", "u2", "<i4", ">i8", "f2", "f4", "f8", ">f8", "c8", "c16"]),
    numpy_st.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4),
)


def same(one, other) -> bool:
    """Equal, and of exactly the same types, all the way down; NaN is NaN, and -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is dict:
        return list(map(_kind, one)) == list(map(_kind, other)) and all(map(same, one.values(), other.values()))
    if type(one) is set:
        return set(map(_kind, one)) == set(map(_kind, other))
    return _kind(one) == _kind(other)


def _kind(value) -> tuple:
    return type(value), repr(value)


@QUICK
@given(plain)
@example((1, [True, None, {2: b""}, {"x": {0.0}}]))
def test_plain_values_come_back_with_their_types(value):
    """True is not 1, a tuple is not a list, -0.0 is not 0.0."""
    assert same(decode(encode(value)), value)


@QUICK
@given(arrays)
def test_arrays_come_back(array):
    """Same numbers, same shape, same kind of number; the byte order is this machine's."""
    back = decode(encode(array))
    assert type(back) is np.ndarray
    assert (back.shape, back.dtype) == (array.shape, array.dtype.newbyteorder("="))
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    "view", [lambda a: a.T, lambda a: a[::-2, 1:], lambda a: np.asfortranarray(a), lambda a: a[:0]]
)
def test_views_come_back(view):
    """Arrays whose memory is not in order."""
    array = view(np.arange(24.0).reshape(4, 6))
    np.testing.assert_array_equal(decode(encode(array)), array)


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "int8", "uint16", "bool", "complex128"])
def test_numpys_scalars_come_back(kind):
    """`np.mean` returns one; honest answers hand it on."""
    value = np.dtype(kind).type(1)
    back = decode(encode(value))
    assert type(back) is type(value)
    assert back == value


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", [*DTYPES, torch.complex64])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_come_back(dtype, shape):
    """Also empty ones and those without dimensions."""
    tensor = (torch.arange(24) % 5).to(dtype)[: int(np.prod(shape))].reshape(shape)
    back = decode(encode(tensor))
    assert type(back) is torch.Tensor
    assert (back.shape, back.dtype) == (tensor.shape, tensor.dtype)
    assert torch.equal(back, tensor)


def test_a_tensors_history_stays_behind():
    """Gradients, conjugate and transposed views: the numbers go over."""
    weight = torch.ones(2, 3, requires_grad=True)
    assert torch.equal(decode(encode(weight * 2)), torch.full((2, 3), 2.0))
    assert torch.equal(decode(encode(torch.arange(6).reshape(2, 3).T)), torch.arange(6).reshape(2, 3).T)
    turned = torch.tensor([1 + 2j]).conj()
    assert torch.equal(decode(encode(turned)), turned)


def _subclass(kind, *arguments):
    return type("Sub", (kind,), {"__eq__": lambda s, o: True, "__hash__": lambda s: 0})(*arguments)


class _Tensor(torch.Tensor):
    pass


NOT_PLAIN = {
    "an object": object,
    "an array of an object": lambda: np.array([object()]),
    "a masked array": lambda: np.ma.masked_array([1, 2], [0, 1]),
    "a record": lambda: np.zeros(2, dtype="i4,f8"),
    "a member of an enumeration": lambda: enum.Enum("E", "A").A,
    "a view of keys": lambda: {1: 2}.keys(),
    "no date": lambda: pandas.NaT,
    "a time somewhere": lambda: datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Madrid")),
    "a sparse tensor": lambda: torch.zeros(2).to_sparse(),
    "a generator": lambda: (n for n in [1]),
    "a function": lambda: len,
    "an object in a list": lambda: [1, [object()]],
    "an object as a value": lambda: {1: object()},
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_is_refused_or_kept(name):
    """Without `keep` it is refused; with it, a handle goes over in its place."""
    value = NOT_PLAIN[name]()
    with pytest.raises(ValueRefused, match="cannot go over"):
        encode(value)
    kept = []
    data = encode(value, keep=lambda item: kept.append(item) or Handle(len(kept), type(item).__name__))
    assert len(kept) == 1
    assert decode(data, resolve=lambda handle: kept[handle.number - 1]) is not None


class _Liar:
    """Whatever its base holds, its own methods say something else."""

    __eq__ = __contains__ = lambda self, other: True
    __hash__ = __len__ = __int__ = __index__ = lambda self: 7
    __iter__ = keys = items = values = lambda self: iter("lie")
    __str__ = __repr__ = lambda self: "lie"
    __getitem__ = __getattr__ = lambda self, name: "lie"
    __pos__ = __float__ = lambda self: 7.0


CONTENT = {
    "an int": (int, 1),
    "a float": (float, 1.5),
    "a complex": (complex, 1 + 2j),
    "a str": (str, "x"),
    "bytes": (bytes, b"x"),
    "a list": (list, [1]),
    "a set": (set, {1}),
    "a frozenset": (frozenset, frozenset({1})),
    "a dict": (dict, {1: 2}),
    "a deque": (collections.deque, collections.deque([1])),
    "a float64": (np.float64, 1.5),
    "NumPy's str": (np.str_, "x"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_an_object_of_a_subclass_goes_over_as_what_its_base_holds(name):
    """What its class says about it is not asked."""
    base, content = CONTENT[name]
    back = decode(encode(type("Lie", (_Liar, base), {})(content)))
    assert back == content
    assert type(back) is type(content)


OTHER_TYPES = {
    "a tuple's child": (lambda: _subclass(tuple, (1,)), (1,)),
    "an OrderedDict": (lambda: collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "a Counter": (lambda: collections.Counter("aab"), {"a": 2, "b": 1}),
    "a defaultdict": (lambda: collections.defaultdict(int, a=1), {"a": 1}),
    "a member of an enumeration of texts": (lambda: enum.Enum("E", {"A": "a"}, type=str).A, "a"),
    "a member of an enumeration of numbers": (lambda: enum.IntEnum("E", "A B").B, 2),
    "a timestamp": (lambda: pandas.Timestamp("2026-01-02 03:04"), datetime.datetime(2026, 1, 2, 3, 4)),
    "an array of texts": (lambda: np.array(["a", "bcd"]), np.array(["a", "bcd"])),
    "an array of dates": (lambda: np.array(["2026-01-02"], "M8[D]"), np.array(["2026-01-02"], "M8[D]")),
    "an array of objects": (lambda: np.array(["a", None, 3], object), np.array(["a", None, 3], object)),
    "a matrix": (lambda: np.matrix([[1, 2]]), np.array([[1, 2]])),
    "a parameter": (lambda: torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
    "a tensor's child": (lambda: torch.ones(2).as_subclass(_Tensor), torch.ones(2)),
}


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_a_right_value_of_another_type_is_right(name):
    """It arrives as what it holds."""
    make, content = OTHER_TYPES[name]
    back = decode(encode(make()))
    assert type(back) is type(content)
    assert np.array_equal(back, content) if isinstance(content, np.ndarray) else np.all(np.asarray(back == content))


PLAIN = [
    1 + 2j, complex("nan"), range(3, 9, 2), range(0), bytearray(b"x"), frozenset({1, (2, 3)}), 
    decimal.Decimal("1.50"), decimal.Decimal("NaN"), fractions.Fraction(1, 3), collections.deque([1, [2]]),
    datetime.date(2026, 1, 2), datetime.time(3, 4), datetime.timedelta(days=-1, microseconds=5),
    datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), np.datetime64("2026-01-02T03"), np.timedelta64(5, "D"),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_small_values_of_the_standard_library_come_back(value):
    """With their types."""
    assert same(decode(encode(value)), value)


def test_a_large_number_comes_back():
    """Of more digits than Python prints."""
    assert decode(encode(-(2**500_000))) == -(2**500_000)


def test_a_named_tuple_is_a_tuple_with_names():
    """Of no class of the student's."""
    back = decode(encode([collections.namedtuple("Entity", "text start")("Ann", 0)]))[0]
    assert back == ("Ann", 0) and isinstance(back, tuple)
    assert (back.text, back.start, type(back).__name__) == ("Ann", 0, "Entity")


@pytest.mark.parametrize("fields", [("__class__",), ("a", "a"), ("a b",), ("a", "b"), (1,)])
def test_names_of_a_tuple_that_are_none_are_refused(fields):
    """Somebody may send any."""
    forged = bytes([values._NAMED]) + encode(("T", fields, (1,)))
    with pytest.raises(ValueRefused):
        decode(forged)


def test_a_dictionary_of_another_class_keeps_a_handle():
    """Its items are here, its methods stay there."""
    kept = []
    data = encode(collections.Counter("aab"), keep=lambda item: kept.append(item) or Handle(0, "Counter"))
    back = decode(data)
    assert back == {"a": 2, "b": 1}
    assert back.handle == Handle(0, "Counter") and kept == [collections.Counter("aab")]


def nested(depth: int):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_limited_to_64():
    """One more is refused, with a sentence; so is what contains itself."""
    assert decode(encode(nested(64))) == nested(64)
    cycle = []
    cycle.append(cycle)
    for value in (nested(65), cycle, nested(100_000)):
        with pytest.raises(ValueRefused, match="64 levels deep"):
            encode(value)


TOO_LARGE = {
    "text": lambda: "x" * (values.MAX_BYTES + 1),
    "bytes": lambda: [bytes(values.MAX_BYTES // 2)] * 3,
    "an array": lambda: np.zeros(values.MAX_BYTES + 1, dtype="i1"),
    "a broadcast array": lambda: np.broadcast_to(np.float64(0), (10**6, 10**6)),
    "items": lambda: [0] * (values.MAX_ITEMS + 1),
    "an integer": lambda: 1 << (8 * values.MAX_INT_BYTES + 9),
    "keys whose hashes were chosen": lambda: dict.fromkeys(k * (2**61 - 1) for k in range(1, MAX_KEYS + 2)),
    "a set of chosen hashes": lambda: set(map(float, range(MAX_KEYS + 1))),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_is_refused(name):
    """Where it is made, so that an honest student reads why."""
    with pytest.raises(ValueRefused):
        encode(TOO_LARGE[name]())


@pytest.mark.parametrize("make", [lambda n: str(n), lambda n: n, lambda n: (str(n), n), lambda n: b"%d" % n])
def test_a_vocabulary_goes_over(make):
    """A hundred thousand words, or their numbers, or pairs: nobody can choose such keys' hashes."""
    vocabulary = {make(n): n for n in range(100_000)}
    assert decode(encode(vocabulary)) == vocabulary
    assert decode(encode(set(vocabulary))) == set(vocabulary)


def test_colliding_keys_cost_seconds_at_most():
    """As many as are allowed, all with the same hash."""
    bomb = encode(dict.fromkeys(k * (2**61 - 1) for k in range(1, 5000)))
    started = time.monotonic()
    assert len(decode(bomb)) == 4999
    assert time.monotonic() - started < 10


def test_a_pickle_goes_to_the_student_only():
    """The grader may send anything; from the student's side nothing is ever unpickled."""
    data = encode(collections.Counter("aab"), pickles=True)
    assert decode(data, pickles=True) == {"a": 2, "b": 1}
    with pytest.raises(ValueRefused):
        decode(data)


def test_a_pickle_that_runs_code_runs_none():
    """The message is made by hand, as a student would."""

    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    payload = pickle.dumps(Bomb())
    with pytest.raises(ValueRefused):
        decode(bytes([15]) + struct.pack(">Q", len(payload)) + payload)


def test_bytes_after_the_value_are_refused():
    """A message is one value."""
    with pytest.raises(ValueRefused, match="after the value"):
        decode(encode(1) + b"\0")


def test_every_shorter_message_is_refused():
    """Wherever it is cut."""
    data = encode({"a": [1, 2.5, (b"x", None)], "b": np.arange(3), "c": torch.ones(2)})
    for length in range(len(data)):
        with pytest.raises(ValueRefused):
            decode(data[:length])


def test_a_type_name_is_short_text():
    """Also one with half an emoji, or of many letters that take two bytes each."""
    for name in ("\ud800", "я" * 10_000):
        handle = decode(encode(Handle(7, name)))
        assert handle.number == 7
        assert len(handle.type_name) <= 200


VALID = encode(
    {"a": [1, -2.5, True, None, "text", b"bytes"], (1, "b"): {3, 4}, "array": np.arange(6).reshape(2, 3)}
) , encode([torch.ones(2, dtype=torch.bfloat16), np.float32(1), Handle(3, "Model")])  # fmt: skip


@QUICK
@given(st.binary(max_size=200))
def test_random_bytes_are_a_value_or_refused(data):
    """Nothing else comes out, whatever goes in."""
    _decoded_or_refused(data)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(VALID), st.data())
def test_changed_messages_are_a_value_or_refused(message, data):
    """Bytes of a valid message changed, put in, taken out."""
    message = bytearray(message)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        change = data.draw(st.sampled_from(["set", "insert", "delete", "huge"]))
        if change == "set":
            message[place] = data.draw(st.integers(0, 255))
        elif change == "insert":
            message[place:place] = data.draw(st.binary(min_size=1, max_size=9))
        elif change == "delete" and len(message) > 1:
            del message[place]
        else:
            message[place : place + 8] = b"\x7f" + b"\xff" * 7
    _decoded_or_refused(bytes(message))


def _decoded_or_refused(data: bytes) -> None:
    started = time.monotonic()
    try:
        decode(data)
    except ValueRefused as refused:
        assert str(refused)
    assert time.monotonic() - started < 5


CLAIMS = {
    "a list": bytes([7]) + struct.pack(">Q", 2**40),
    "nested lists": (bytes([7]) + struct.pack(">Q", 1)) * 10_000,
    "a text": bytes([5]) + struct.pack(">Q", 2**60),
    "an array": bytes([11]) + struct.pack(">Q", 30) + struct.pack(">Q", 22) + b"<f8;9999999,9999999999",
    "an array without items": bytes([11]) + struct.pack(">Q", 30) + struct.pack(">Q", 22) + b"<f8;0,9999999999999999",
    "many dictionaries": bytes([7]) + struct.pack(">Q", 2000) + (bytes([9]) + struct.pack(">Q", 2**32)) * 2000,
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_takes_no_memory(name):
    """What says that it is large is believed when its bytes are there."""
    tracemalloc.start()
    try:
        _decoded_or_refused(CLAIMS[name])
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
