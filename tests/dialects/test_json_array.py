"""One JSON array that comes little by little: cut anywhere, the same elements come out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from integration_api.core.errors import Kind, ProviderError
from integration_api.dialects.json_array import JsonArrayFraming

values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(alphabet='ab"\\[]{},: \n\u2028я👋'),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
objects = some.dictionaries(some.text(max_size=3), values, max_size=3)


def elements(stream: bytes, cuts: list[int]) -> list[object]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    framing = JsonArrayFraming()
    return [
        json.loads(frame.data)
        for start, end in zip(places, places[1:], strict=False)
        for frame in framing.feed(stream[start:end])
    ]


@given(
    some.lists(objects),
    some.sampled_from([None, 0, 2]),
    some.booleans(),
    some.lists(some.integers(0, 10_000)),
)
def test_elements_come_out_wherever_the_bytes_are_cut(told, indent, ascii_only, cuts):
    stream = json.dumps(told, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert elements(stream, cuts) == told


def test_an_element_comes_as_soon_as_it_is_whole():
    framing = JsonArrayFraming()
    assert [len(framing.feed(piece)) for piece in (b'[{"a"', b":1", b"}", b",\r\n", b'{"b":2}', b"]")] == [
        0, 0, 1, 0, 1, 0,
    ]  # fmt: skip


def test_objects_without_an_array_around_them_come_out_too():
    assert elements(b'{"a":1}\n{"b":[2]}', []) == [{"a": 1}, {"b": [2]}]


@pytest.mark.parametrize("start", [b'[{"a":"', b'[{"a":[[', b'[{"a":{"b":['])
def test_an_element_that_does_not_end_is_not_kept_for_ever(start):
    framing = JsonArrayFraming(1000)
    framing.feed(start)
    with pytest.raises(ProviderError) as raised:
        for _ in range(300):
            framing.feed(b"xxxx")
    assert raised.value.kind is Kind.BAD_RESPONSE
