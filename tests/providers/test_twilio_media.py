"""The sound of a call at Twilio: what is said and heard on the socket, without one."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, Started, Stopped
from integration_api.core.session import HangUp, Say
from integration_api.providers.twilio.media import MOST_MARKS, MediaStream

STREAM = "MZ00000000000000000000000000000001"
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


def event(name: str, **more: Any) -> str:
    return json.dumps({"event": name, "streamSid": STREAM, "sequenceNumber": "2", **more})


START = event(
    "start",
    start={
        "streamSid": STREAM, "accountSid": "AC1", "callSid": "CA1", "tracks": ["inbound"],
        "customParameters": {"who": "me"}, "mediaFormat": FORMAT,
    },
)  # fmt: skip


def heard(sound: bytes, **more: Any) -> str:
    media = {"track": "inbound", "chunk": "1", "timestamp": "40", "payload": b64encode(sound).decode()}
    return event("media", media=media | more)


def started() -> MediaStream:
    media = MediaStream()
    list(media.feed(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})))
    list(media.feed(START))
    return media


def said(outcome: Any) -> list[dict[str, Any]]:
    return [json.loads(one.message) for one in outcome if isinstance(one, Say)]


def test_a_stream_is_told_as_it_comes() -> None:
    media = MediaStream()
    told = [
        one
        for message in (
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            START,
            heard(b"\xff\x7f"),
            heard(b"x", track="outbound"),
            event("dtmf", dtmf={"track": "inbound_track", "digit": "#"}),
            event("something-new", thing={"a": 1}),
            event("stop", stop={"accountSid": "AC1", "callSid": "CA1"}),
            heard(b"late"),
        )
        for one in media.feed(message)
    ]
    mulaw = AudioFormat(Encoding.MULAW, 8_000)
    assert told == [
        Started(provider_call_id="CA1", stream_id=STREAM, format=mulaw, custom={"who": "me"}),
        Heard(b"\xff\x7f", 40),
        Dtmf("#"),
        Stopped(),
    ]
    assert media.format == mulaw
    assert list(media.close()) == []


def test_what_is_said_is_what_twilio_takes() -> None:
    media = started()
    assert said(
        [*media.say(b"\x00\xff"), *media.say(b""), *media.flush(), *media.mark("m"), *media.clear()]
    ) == [
        {"event": "media", "streamSid": STREAM, "media": {"payload": "AP8="}},
        {"event": "mark", "streamSid": STREAM, "mark": {"name": "1:m"}},
        {"event": "clear", "streamSid": STREAM},
    ]
    assert list(media.hang_up()) == [HangUp()]


def test_marks_are_told_once_and_cleared_ones_as_cancelled() -> None:
    media = started()
    first, second, third = (said(media.mark(name))[0]["mark"] for name in ("a", "b", "a"))
    assert list(media.feed(event("mark", mark=first))) == [MarkReached("a")]
    assert [one for one in media.clear() if not isinstance(one, Say)] == [
        MarkReached("b", cancelled=True), MarkReached("a", cancelled=True), Cleared(),
    ]  # fmt: skip
    [again] = said(media.mark("b"))
    for echo in (second, third, {"name": "never asked for"}):
        assert list(media.feed(event("mark", mark=echo))) == []
    assert list(media.feed(event("mark", mark=again["mark"]))) == [MarkReached("b")]


def test_a_socket_that_goes_ends_what_waits() -> None:
    media = started()
    list(media.mark("m"))
    assert list(media.close()) == [MarkReached("m", cancelled=True), Stopped()]
    assert list(media.feed(event("stop"))) == []
    assert list(media.say(b"x")) == []
    assert list(media.mark("late")) == [MarkReached("late", cancelled=True)]


@pytest.mark.parametrize(
    "message",
    [
        "", "nonsense", "[]", "{}", b"\x00", json.dumps({"event": 1}), "[" * 100_000,
        event("media"), event("media", media={"payload": "?"}), event("media", media={"payload": 1}),
        event("dtmf"), event("mark", mark={}), heard(b"x", timestamp="soon"), event("start"), START,
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error(message: str | bytes) -> None:
    with pytest.raises(ProviderError) as error:
        list(started().feed(message))
    assert error.value.kind is Kind.BAD_RESPONSE


def test_nothing_is_heard_before_the_start_and_nothing_in_another_format() -> None:
    for message in (heard(b"x"), event("dtmf", dtmf={"digit": "1"})):
        with pytest.raises(ProviderError):
            list(MediaStream().feed(message))
    for wrong in ({"encoding": "audio/L16"}, {"sampleRate": 16_000}, {"channels": 2}):
        start = {"callSid": "CA1", "mediaFormat": FORMAT | wrong}
        with pytest.raises(ProviderError):
            list(MediaStream().feed(event("start", start=start)))
    for do in (lambda one: one.say(b"x"), lambda one: one.mark("x"), lambda one: one.clear()):
        with pytest.raises(Failure) as refusal:
            list(do(MediaStream()))
        assert refusal.value.code == "media_not_started"
    assert list(MediaStream().close()) == [Stopped()]


def test_no_more_marks_wait_than_may() -> None:
    media = started()
    for _ in range(MOST_MARKS):
        list(media.mark("m"))
    with pytest.raises(Failure) as refusal:
        list(media.mark("m"))
    assert refusal.value.kind is Kind.TOO_LARGE
    list(media.clear())
    list(media.mark("m"))


@settings(deadline=None)
@given(
    st.binary()
    | st.text()
    | st.dictionaries(
        st.sampled_from(["event", "media", "mark", "start", "dtmf"]),
        st.none() | st.text() | st.dictionaries(st.text(), st.text()),
    ).map(json.dumps)
)
def test_whatever_comes_is_told_or_refused(message: str | bytes) -> None:
    try:
        list(started().feed(message))
    except ProviderError as error:
        assert error.kind is Kind.BAD_RESPONSE


class Call(RuleBasedStateMachine):
    """A carrier that plays what it is sent, some of it later, and sends back marks: those it has reached, and on
    a clear all that wait.
    """

    @initialize()
    def begin(self) -> None:
        self.media = started()
        self.playing: list[bytes | str] = []
        self.echoes: list[str] = []
        self.told: list[MarkReached] = []
        self.asked: list[str] = []
        self.over = False

    def take(self, outcome: Any) -> None:
        for one in outcome:
            match one:
                case Say(message):
                    self.hear(json.loads(message))
                case MarkReached():
                    self.told.append(one)

    def hear(self, message: dict[str, Any]) -> None:
        match message["event"]:
            case "media":
                self.playing.append(b64decode(message["media"]["payload"]))
            case "mark":
                self.playing.append(message["mark"]["name"])
            case "clear":
                self.echoes += [one for one in self.playing if isinstance(one, str)]
                self.playing.clear()

    @precondition(lambda self: not self.over)
    @rule(sound=st.binary(max_size=400))
    def say(self, sound: bytes) -> None:
        before = b"".join(one for one in self.playing if isinstance(one, bytes))
        self.take(self.media.say(sound))
        assert b"".join(one for one in self.playing if isinstance(one, bytes)) == before + sound

    @precondition(lambda self: not self.over)
    @rule(name=st.sampled_from("ab"))
    def mark(self, name: str) -> None:
        self.asked.append(name)
        self.take(self.media.mark(name))

    @precondition(lambda self: not self.over)
    @rule()
    def clear(self) -> None:
        self.take(self.media.clear())
        assert not self.playing
        assert sorted(one.name for one in self.told) == sorted(self.asked)

    @rule(most=st.integers(1, 5))
    def play(self, most: int) -> None:
        played, self.playing = self.playing[:most], self.playing[most:]
        self.echoes += [one for one in played if isinstance(one, str)]

    @rule(most=st.integers(1, 3))
    def echo(self, most: int) -> None:
        sent, self.echoes = self.echoes[:most], self.echoes[most:]
        for name in sent:
            self.take(self.media.feed(event("mark", mark={"name": name})))

    @precondition(lambda self: not self.over)
    @rule()
    def stop(self) -> None:
        self.over = True
        self.take(self.media.feed(event("stop")))
        assert sorted(one.name for one in self.told) == sorted(self.asked)

    def teardown(self) -> None:
        if hasattr(self, "media"):
            self.take(self.media.close())
            assert sorted(one.name for one in self.told) == sorted(self.asked)


TestCall = Call.TestCase
TestCall.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
