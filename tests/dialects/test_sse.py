"""Server-sent events arrive whole, whatever the chunks and line ends were."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Frame
from integration_api.dialects.sse import SseFraming


def frames(body: bytes, size: int | None = None, most: int = 1_048_576) -> list[Frame]:
    framing = SseFraming(most)
    size = size or max(1, len(body))
    return [
        frame for start in range(0, len(body), size) for frame in framing.feed(body[start : start + size])
    ]


@pytest.mark.parametrize("size", [1, 4, 4096])
@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (b"data: b\n", [Frame("", b"b")]),
        (b"event: ping\r\ndata: b\r\n", [Frame("ping", b"b")]),
        (b"data: b\n\n", []),
        (b"data: b", []),
        (b"event: ping\n", []),
        (b"", []),
    ],
)
def test_an_event_may_lack_its_blank_line_at_the_end_of_the_body(tail, expected, size) -> None:
    framing, body = SseFraming(), b"data: a\n\n" + tail
    for start in range(0, len(body), size):
        framing.feed(body[start : start + size])
    assert list(framing.feed(b"")) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [Frame("", b"a"), Frame("", b"b")]),
        (b"data:a\n\n", [Frame("", b"a")]),
        (b"data:  a\n\n", [Frame("", b" a")]),
        (b"data\n\n", [Frame("", b"")]),
        (b"data: a\ndata: b\n\n", [Frame("", b"a\nb")]),
        (b"event: ping\ndata: {}\n\n", [Frame("ping", b"{}")]),
        (b"data: {}\nevent: late\n\n", [Frame("late", b"{}")]),
        (b"event: lost\n\ndata: a\n\n", [Frame("", b"a")]),
        (b": comment\n\ndata: a\n\n: again\n\n", [Frame("", b"a")]),
        (b": comment\ndata: a\n: again\n\n", [Frame("", b"a")]),
        (b"id: 7\nretry: 10\ndata: a\n\n", [Frame("", b"a")]),
        (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [Frame("", b"a"), Frame("", b"b")]),
        (b"\n", []),
        (b"data: unfinished\n", []),
        (b"database: no\n\n", []),
        (b"data: \xe2\x98\x83\n\n", [Frame("", "☃".encode())]),
        (b"\xef\xbb\xbfdata: a\n\n", [Frame("", b"a")]),
        (b"data: \xef\xbb\xbf\n\n", [Frame("", b"\xef\xbb\xbf")]),
        (b"event: \xff\ndata: a\n\n", [Frame("\ufffd", b"a")]),
        (b"", []),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_an_event_is_what_the_standard_says(body: bytes, expected: list[Frame], line_end: bytes) -> None:
    body = body.replace(b"\n", line_end)
    for size in (None, 1, 2, 3, 5):
        assert frames(body, size) == expected


def test_line_ends_may_be_mixed() -> None:
    body = b"data: a\r\n\ndata: b\n\r\ndata: c\r\rdata: d\n\n"
    for size in (None, 1, 2, 3, 4):
        assert [frame.data for frame in frames(body, size)] == [b"a", b"b", b"c", b"d"]


def test_a_mark_is_dropped_at_the_start_only() -> None:
    mark = b"\xef\xbb\xbf"
    body = mark + b"data: a\n\n" + mark + b"data: b\n\n"
    for size in (None, 1, 2, 4):
        assert [frame.data for frame in frames(body, size)] == [b"a"]


line = st.binary(max_size=12).map(lambda raw: re.sub(rb"[\r\n]", b"", raw))
pieces = st.one_of(
    line,
    line.map(lambda raw: b"data: " + raw),
    line.map(lambda raw: b"event: " + raw),
    st.just(b""),
)


@given(st.lists(st.tuples(pieces, st.sampled_from([b"\n", b"\r", b"\r\n"]))), st.lists(st.integers(0, 200)))
def test_chunk_borders_mean_nothing(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    body = b"".join(text + end for text, end in lines)
    framing = SseFraming()
    borders = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    found = [
        frame
        for start, end in zip(borders, borders[1:], strict=False)
        if start < end  # Nothing at all says that no more comes.
        for frame in framing.feed(body[start:end])
    ]
    assert found == frames(body)
    assert found == by_the_book(body)


def by_the_book(body: bytes) -> list[Frame]:
    """The standard's own words, line by line."""
    found: list[Frame] = []
    name, data = b"", None
    lines = re.split(rb"\r\n|\r|\n", body.removeprefix(b"\xef\xbb\xbf"))
    for text in lines[:-1]:
        if not text:
            if data is not None:
                found.append(Frame(name.decode(errors="replace"), data.removesuffix(b"\n")))
            name, data = b"", None
            continue
        field, _, value = text.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data = (data or b"") + value + b"\n"
        elif field == b"event":
            name = value
    return found


@pytest.mark.parametrize("size", [1, 7, 64, None])
@pytest.mark.parametrize(
    "body", [b"data: " + b"x" * 100, b"data: " + b"x" * 100 + b"\n\n", b"data: x\n" * 20]
)
def test_an_event_beyond_the_limit_is_refused(body: bytes, size: int | None) -> None:
    with pytest.raises(ProviderError) as caught:
        frames(b"data: small\n\n" + body, size, most=64)
    assert caught.value.kind is Kind.BAD_RESPONSE
    assert not caught.value.retryable


def test_many_small_events_may_exceed_the_limit_together() -> None:
    assert len(frames(b"data: x\n\n" * 100, most=64)) == 100
