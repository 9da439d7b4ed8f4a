"""The sound of a call at every carrier, without a socket: one contract, whatever the language."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.media import Cleared, Heard, MarkReached, Media, Started, Stopped
from integration_api.core.session import HangUp, Say
from integration_api.providers import PROVIDERS

CARRIERS = {name: one.telephony for name, one in PROVIDERS.items() if one.telephony is not None}


@dataclass(frozen=True)
class Wire:
    """How one carrier's side writes and reads the socket."""

    start: str
    stop: str | None
    heard: Callable[[bytes], str | bytes]
    sound: Callable[[str | bytes], bytes | None]
    """The sound in a message of ours, or None."""
    mark: Callable[[str | bytes], str | None]
    """What it sends back for a mark of ours, or None."""
    frame: int
    """Sound comes in multiples of so many bytes."""


def _event(text: str | bytes) -> dict[str, Any]:
    return {} if isinstance(text, bytes) else json.loads(text)


def _in_json(text: str | bytes) -> bytes | None:
    event = _event(text)
    return b64decode(event["media"]["payload"]) if event.get("event") == "media" else None


def _json_mark(text: str | bytes) -> str | None:
    event = _event(text)
    return text if isinstance(text, str) and event.get("event") == "mark" else None


def _vonage_mark(text: str | bytes) -> str | None:
    event = _event(text)
    if event.get("action") != "notify":
        return None
    return json.dumps({"event": "websocket:notify", "payload": event["payload"]})


def _exotel(key: str, format: dict[str, str], format_key: str) -> Wire:
    start = {key: "s1", "call_sid": "c1", format_key: format}
    return Wire(
        start=json.dumps({"event": "start", key: "s1", "start": start}),
        stop=json.dumps({"event": "stop", key: "s1", "stop": {"reason": "hangup"}}),
        heard=lambda sound: json.dumps(
            {"event": "media", key: "s1", "media": {"chunk": 1, "payload": b64encode(sound).decode()}}
        ),
        sound=_in_json,
        mark=_json_mark,
        frame=320,
    )


TWILIO_START = {
    "callSid": "CA1", "customParameters": {},
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
}  # fmt: skip
PCM = {"encoding": "base64", "sample_rate": "8000", "bit_rate": "128kbps"}
WIRES = {
    "twilio": (
        "twilio",
        Wire(
            start=json.dumps({"event": "start", "streamSid": "MZ1", "start": TWILIO_START}),
            stop=json.dumps({"event": "stop", "streamSid": "MZ1"}),
            heard=lambda sound: json.dumps(
                {"event": "media", "streamSid": "MZ1", "media": {"payload": b64encode(sound).decode()}}
            ),
            sound=_in_json,
            mark=_json_mark,
            frame=1,
        ),
    ),
    "vonage": (
        "vonage",
        Wire(
            start=json.dumps({"event": "websocket:connected", "content-type": "audio/l16;rate=8000"}),
            stop=json.dumps({"event": "websocket:disconnected"}),
            heard=lambda sound: sound,
            sound=lambda message: message if isinstance(message, bytes) else None,
            mark=_vonage_mark,
            frame=320,
        ),
    ),
    "exotel, as documented": ("exotel", _exotel("stream_sid", PCM, "media_format")),
    "exotel, in camel case": ("exotel", _exotel("streamSid", {"encoding": "raw/slin", "sampleRate": "8000"}, "mediaFormat")),
    "exotel, in mu-law": ("exotel", _exotel("stream_sid", {"encoding": "audio/x-mulaw"}, "media_format")),
}  # fmt: skip


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> tuple[Media, Wire]:
    name, wire = WIRES[request.param]
    return CARRIERS[name].media(), wire


def begun(name: str) -> tuple[Media, Wire]:
    carrier, wire = WIRES[name]
    media = CARRIERS[carrier].media()
    list(media.feed(wire.start))
    return media, wire


def messages(outcome: Any) -> list[str | bytes]:
    return [one.message for one in outcome if isinstance(one, Say)]


def played(wire: Wire, outcome: Any) -> bytes:
    return b"".join(filter(None, map(wire.sound, messages(outcome))))


def test_every_carrier_is_here() -> None:
    assert {name for name, _ in WIRES.values()} == set(CARRIERS)


def test_sound_is_heard_between_start_and_stop_only(wire: tuple[Media, Wire]) -> None:
    media, carrier = wire
    [started] = media.feed(carrier.start)
    assert isinstance(started, Started)
    assert started.format == media.format
    [heard] = media.feed(carrier.heard(b"ab" * 160))
    assert isinstance(heard, Heard)
    assert heard.data == b"ab" * 160
    assert [type(one) for one in media.feed(carrier.stop)] == [Stopped]
    assert list(media.feed(carrier.heard(b"ab" * 160))) == []
    assert list(media.close()) == []


def test_nothing_is_said_before_the_start(wire: tuple[Media, Wire]) -> None:
    media, _ = wire
    for say in (lambda: media.say(b"ab"), lambda: media.mark("m"), media.clear):
        with pytest.raises(Failure) as refusal:
            list(say())
        assert refusal.value.code == "media_not_started"


def test_a_socket_that_goes_ends_what_waits(wire: tuple[Media, Wire]) -> None:
    media, carrier = wire
    list(media.feed(carrier.start))
    list(media.mark("m"))
    [mark, stopped] = media.close()
    assert mark == MarkReached("m", cancelled=True)
    assert isinstance(stopped, Stopped)
    assert list(media.say(b"x" * 6_400)) == []
    assert list(media.mark("late")) == [MarkReached("late", cancelled=True)]
    assert list(media.clear()) in ([], [Cleared()])


def test_hanging_up_closes_the_socket(wire: tuple[Media, Wire]) -> None:
    media, carrier = wire
    list(media.feed(carrier.start))
    assert list(media.hang_up()) == [HangUp()]


@pytest.mark.parametrize("nonsense", ["", "nonsense", "[]", '{"event": 1}', "[" * 100_000])
def test_nonsense_is_an_error(wire: tuple[Media, Wire], nonsense: str) -> None:
    media, carrier = wire
    list(media.feed(carrier.start))
    with pytest.raises(ProviderError) as error:
        list(media.feed(nonsense))
    assert error.value.kind is Kind.BAD_RESPONSE


def test_events_that_are_not_known_are_left_alone(wire: tuple[Media, Wire]) -> None:
    media, carrier = wire
    list(media.feed(carrier.start))
    assert list(media.feed('{"event": "something-new", "thing": {"a": 1}}')) == []


PIECES = st.lists(st.binary(max_size=1_000), max_size=20)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(WIRES)), pieces=PIECES)
def test_sound_arrives_whole_and_in_frames_however_it_was_cut(name: str, pieces: list[bytes]) -> None:
    media, wire = begun(name)
    out = [one for piece in pieces for one in media.say(piece)] + list(media.flush())
    for message in messages(out):
        assert len(wire.sound(message) or b"") % wire.frame == 0
    whole = b"".join(pieces)
    sound = played(wire, out)
    assert sound[: len(whole)] == whole
    assert len(sound) - len(whole) < wire.frame
    assert len(set(sound[len(whole) :])) <= 1, "what fills it up is silence"


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(WIRES)), before=PIECES, after=PIECES)
def test_not_one_byte_of_before_comes_after_a_clear(
    name: str, before: list[bytes], after: list[bytes]
) -> None:
    media, wire = begun(name)
    for piece in before:
        list(media.say(piece))
    list(media.mark("old"))
    cleared = list(media.clear())
    assert MarkReached("old", cancelled=True) in cleared
    assert played(wire, cleared) == b""
    out = [one for piece in after for one in media.say(piece)] + list(media.flush())
    whole = b"".join(after)
    assert played(wire, out)[: len(whole)] == whole


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(WIRES)),
    steps=st.lists(st.sampled_from(["mark a", "mark b", "clear", "echo", "say"]), max_size=30),
)
def test_each_mark_is_told_exactly_once(name: str, steps: list[str]) -> None:
    media, wire = begun(name)
    asked: list[str] = []
    told: list[str] = []
    echoes: list[str] = []

    def take(outcome: Any) -> None:
        for one in outcome:
            if isinstance(one, MarkReached):
                told.append(one.name)
            elif isinstance(one, Say) and (echo := wire.mark(one.message)):
                echoes.append(echo)

    for step in steps:
        match step.split():
            case ["mark", label]:
                asked.append(label)
                take(media.mark(label))
            case ["clear"]:
                take(media.clear())
            case ["say"]:
                take(media.say(b"xy" * 100))
            case _ if echoes:
                take(media.feed(echoes.pop(0)))
    for echo in echoes:
        take(media.feed(echo))
    take(media.close())
    assert sorted(told) == sorted(asked)
