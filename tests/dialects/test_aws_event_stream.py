"""AWS's event streams against AWS's own decoder: every message, however it is cut, and every damage."""

import struct
import uuid
import zlib
from collections.abc import Iterable

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.exchange import Frame
from integration_api.dialects.aws_event_stream import AwsEventStream
from lab.event_stream import event, exception, message

NAMES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=":"), min_size=1, max_size=20
)
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["event", "exception"]),
        NAMES,
        st.binary(max_size=300),
        st.dictionaries(NAMES, NAMES, max_size=3),
    ),
    max_size=5,
)


def raw(kind: str, name: str, payload: bytes, more: dict[str, str]) -> bytes:
    return message({**more, f":{kind}-type": name, ":message-type": kind}, payload)


def frames(chunks: Iterable[bytes], framing: AwsEventStream | None = None) -> list[Frame]:
    framing = framing or AwsEventStream()
    return [frame for chunk in chunks for frame in framing.feed(chunk)]


def cut(body: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in zip(at, at[1:], strict=False)]


@given(messages=MESSAGES, places=st.lists(st.integers(0, 4000), max_size=12))
def test_reads_what_botocore_reads_wherever_it_is_cut(messages, places) -> None:
    body = b"".join(raw(*one) for one in messages)
    oracle = EventStreamBuffer()
    oracle.add_data(body)
    heard = []
    for one in oracle:
        kind = one.headers[":message-type"]
        name = one.headers[f":{kind}-type"]
        heard.append(Frame(name if kind == "event" else f"{kind}:{name}", one.payload))
    framing = AwsEventStream()
    assert frames(cut(body, places), framing) == heard
    assert framing.rest == 0
    assert frames(body[at : at + 1] for at in range(len(body))) == heard


BODY = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hi"}})


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_goes_unnoticed(bit) -> None:
    for place in range(len(BODY)):
        damaged = BODY[:place] + bytes([BODY[place] ^ 1 << bit]) + BODY[place + 1 :]
        with pytest.raises(ProviderError, match="damaged") as raised:
            frames([damaged])
        assert (raised.value.kind, raised.value.phase) == (Kind.BAD_RESPONSE, Phase.STREAM)


def test_what_came_whole_before_the_damage_is_told() -> None:
    framing = AwsEventStream()
    found = framing.feed(BODY + BODY[:-1] + b"?")
    assert next(iter(found)).name == "contentBlockDelta"
    with pytest.raises(ProviderError):
        next(iter(found))


@pytest.mark.parametrize("size", [1, 11, 12, 40, len(BODY) - 1])
def test_a_message_that_was_cut_short_is_still_owed(size) -> None:
    framing = AwsEventStream()
    assert len(frames([BODY, BODY[:size]], framing)) == 1
    assert framing.rest == size


def test_a_message_larger_than_the_limit_is_refused_before_it_has_come() -> None:
    large = message({":event-type": "a", ":message-type": "event"}, bytes(1000))
    with pytest.raises(ProviderError, match="larger than 500 bytes"):
        frames([large[:12]], AwsEventStream(500))
    assert frames([large], AwsEventStream(len(large)))[0].data == bytes(1000)


def test_an_error_is_all_in_its_headers() -> None:
    said = message({":message-type": "error", ":error-code": "InternalError", ":error-message": "oh no"}, b"")
    assert frames([said]) == [Frame("error:InternalError", b"oh no")]
    assert frames([exception("throttlingException", {"message": "x"})]) == [
        Frame("exception:throttlingException", b'{"message":"x"}')
    ]


def test_an_event_cannot_pass_for_an_exception() -> None:
    assert frames([event("exception:throttlingException", {})])[0].name == "exception_throttlingException"


HEADERS = {
    0: b"", 1: b"", 2: b"\x01", 3: struct.pack(">h", -2), 4: struct.pack(">i", 7), 5: struct.pack(">q", 7),
    6: b"\x00\x02ab", 8: struct.pack(">q", 1_700_000_000_000), 9: uuid.UUID(int=7).bytes,
}  # fmt: skip
"""A value of each type that is no string."""


def with_head(head: bytes, payload: bytes = b"{}") -> bytes:
    lengths = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    said = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + payload
    return said + struct.pack(">I", zlib.crc32(said))


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_of_other_types_are_stepped_over(kind) -> None:
    named = b"\x0b:event-type\x07\x00\x05chunk"
    for head in (
        b"\x01x" + bytes([kind]) + HEADERS[kind] + named,
        named + b"\x01x" + bytes([kind]) + HEADERS[kind],
    ):
        assert frames([with_head(head)]) == [Frame("chunk", b"{}")]


@pytest.mark.parametrize(
    "head", [b"\x05abc", b"\x01x\x0a", b"\x01x\x07\x00\x09ab", b"\x01\xff\x07\x00\x00", b"\x01x\x03\x00"]
)
def test_headers_that_are_none_are_damage(head) -> None:
    with pytest.raises(ProviderError, match="damaged"):
        frames([with_head(head)])
