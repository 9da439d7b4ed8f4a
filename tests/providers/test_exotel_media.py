"""What is particular to Exotel's media socket: its spellings and encodings, and how large its chunks are."""

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import ProviderError
from integration_api.core.media import Dtmf, Heard, Started, Stopped
from integration_api.core.session import Say
from integration_api.providers.exotel.media import ExotelMedia

PCM = {"encoding": "base64", "sample_rate": "8000", "bit_rate": "128kbps"}


def started(format: Any = None, **more: Any) -> tuple[ExotelMedia, Started]:
    media = ExotelMedia()
    start = {"stream_sid": "s1", "call_sid": "c1", "media_format": PCM if format is None else format}
    [event] = media.feed(json.dumps({"event": "start", "stream_sid": "s1", "start": start, **more}))
    return media, event


def said(outcome: Any) -> list[dict[str, Any]]:
    return [json.loads(one.message) for one in outcome if isinstance(one, Say)]


def sizes(outcome: Any) -> list[int]:
    return [len(b64decode(one["media"]["payload"])) for one in said(outcome)]


@pytest.mark.parametrize(
    "format, encoding, rate",
    [
        (PCM, "pcm_s16le", 8_000),
        ({"encoding": "raw/slin", "sample_rate": "16000"}, "pcm_s16le", 16_000),
        ({"encoding": "raw", "sample_rate": 24_000, "bit_rate": 384}, "pcm_s16le", 24_000),
        ({"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"}, "pcm_s16le", 8_000),
        ({"encoding": "audio/L16; rate=16000"}, "pcm_s16le", 16_000),
        ({"encoding": "audio/x-mulaw;rate=8000"}, "mulaw", 8_000),
        ({"encoding": "MULAW", "sample_rate": ""}, "mulaw", 8_000),
        ({"encoding": "base64", "sample_rate": "8000", "bit_rate": "64kbps"}, "mulaw", 8_000),
        ({"encoding": "base64", "sampleRate": "8000", "bitRate": 64}, "mulaw", 8_000),
        ({"encoding": "raw", "sample_rate": "many"}, "pcm_s16le", 8_000),
        ({"encoding": "raw", "sample_rate": "1000000"}, "pcm_s16le", 8_000),
        ({}, "pcm_s16le", 8_000),
    ],
)
def test_the_sound_is_what_the_start_says_it_is(format: Any, encoding: str, rate: int) -> None:
    media, event = started(format)
    assert media.format == event.format == AudioFormat(Encoding(encoding), rate)


@pytest.mark.parametrize(
    "start, key",
    [
        ({"stream_sid": "s1", "start": {}}, "stream_sid"), ({"start": {"stream_sid": "s1"}}, "stream_sid"),
        ({"streamSid": "s1", "start": {}}, "streamSid"), ({"start": {"streamSid": "s1"}}, "streamSid"),
        ({"streamSid": "s1", "start": {"stream_sid": "s1"}}, "stream_sid"),
    ],
)  # fmt: skip
def test_it_is_answered_in_the_spelling_that_it_speaks(start: Any, key: str) -> None:
    media = ExotelMedia()
    [event] = media.feed(json.dumps({"event": "start", **start}))
    assert event.stream_id == "s1"
    for one in said([*media.say(b"x" * 3_200), *media.mark("m"), *media.clear()]):
        assert one[key] == "s1"
        assert not {"stream_sid", "streamSid"} - {key} & one.keys()


@pytest.mark.parametrize("name", ["custom_parameters", "customParameters"])
def test_what_was_given_comes_back(name: str) -> None:
    start = {"stream_sid": "s1", "callSid": "c1", name: {"a": "b", "n": 7}}
    [event] = ExotelMedia().feed(json.dumps({"event": "start", "start": start}))
    assert (event.custom, event.provider_call_id) == ({"a": "b", "n": "7"}, "c1")


def test_chunks_are_of_the_size_that_is_wanted_and_small_ones_wait() -> None:
    media, _ = started()
    assert sizes(media.say(b"x" * 100)) == []
    assert sizes(media.say(b"x" * 3_000)) == []
    assert sizes(media.say(b"x" * 100)) == [3_200]
    assert sizes(media.say(b"x" * 100_000)) == [3_200] * 31
    assert sizes(media.flush()) == [960]
    assert sizes(media.flush()) == []


def test_a_mark_sends_what_waits_before_it_and_keeps_its_name() -> None:
    media, _ = started()
    list(media.say(b"x" * 3_300))
    sound, mark = said(media.mark("turn 3"))
    assert len(b64decode(sound["media"]["payload"])) == 320
    assert mark["mark"]["name"].endswith("turn 3")


def test_nothing_is_told_before_the_start() -> None:
    media = ExotelMedia()
    for event in ("connected", "media", "dtmf", "mark", "clear", "stop"):
        about = {event: {"digit": "1", "payload": "AAAA", "name": "m"}}
        assert list(media.feed(json.dumps({"event": event, **about}))) == []


def test_keys_and_the_end_are_told_with_what_is_said_of_them() -> None:
    media, _ = started()
    [key] = media.feed('{"event": "dtmf", "dtmf": {"duration": "200", "digit": "5"}}')
    assert key == Dtmf("5", 200)
    [heard] = media.feed('{"event": "media", "media": {"chunk": 2, "timestamp": "10", "payload": "AAAA"}}')
    assert heard == Heard(b"\0\0\0", 10)
    [stopped] = media.feed('{"event": "stop", "stop": {"reason": "callended"}}')
    assert stopped == Stopped("callended")


NAMES = st.sampled_from([
    "event", "stream_sid", "streamSid", "start", "media", "dtmf", "mark", "stop", "payload", "name", "digit", "reason",
    "media_format", "mediaFormat", "encoding", "sample_rate", "bit_rate", "custom_parameters", "call_sid",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["start", "media", "mark", "stop", "clear", "AAAA", "?", "64", "-1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
EVENTS = st.sampled_from(["start", "media", "dtmf", "mark", "stop", "clear", "connected"])


@settings(max_examples=150, deadline=None)
@given(messages=st.lists(st.tuples(EVENTS, st.dictionaries(NAMES, VALUES, max_size=6)), max_size=4))
def test_whatever_comes_is_told_or_is_an_error_that_is_known(
    messages: list[tuple[str, dict[str, Any]]],
) -> None:
    media = ExotelMedia()
    for event, more in messages:
        try:
            list(media.feed(json.dumps({**more, "event": event})))
        except ProviderError as error:
            assert error.code == "bad_upstream_response"
