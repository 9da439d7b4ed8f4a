"""The sound of a call at Vonage: what is said and heard on the socket, without one. See also test_carriers_media.py."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, Started, Stopped
from integration_api.core.session import Say
from integration_api.providers.vonage.media import MOST_MARKS, VonageMedia
from integration_api.providers.vonage.playback import AHEAD, MOST_WAITING
from integration_api.services.media_carrier import Carrier

KEPT = 3_072
"""Messages that Vonage keeps: what is sent beyond is lost."""


def event(name: str, **more: Any) -> str:
    return json.dumps({"event": f"websocket:{name}", **more})


def connected(rate: int = 8_000, **headers: Any) -> str:
    return event("connected", **{"content-type": f"audio/l16;rate={rate}", **headers})


def started(rate: int = 8_000) -> VonageMedia:
    media = VonageMedia()
    list(media.feed(connected(rate)))
    return media


def sent(outcome: Any) -> list[str | bytes]:
    return [one.message for one in outcome if isinstance(one, Say)]


@pytest.mark.parametrize("rate, frame", [(8_000, 320), (16_000, 640), (24_000, 960)])
def test_a_stream_is_told_as_it_comes(rate: int, frame: int) -> None:
    media = VonageMedia()
    told = [
        one
        for message in (
            b"too early", connected(rate, who="me", age=40), b"\x01\x00" * (frame // 2), event("dtmf", digit="5", duration=260),
            event("dtmf", dtmf={"digit": "#"}), event("dtmf"), event("something-new", thing={"a": 1}), event("cleared"),
            event("disconnected"), b"late", event("disconnected"),
        )
        for one in media.feed(message)
    ]  # fmt: skip
    format = AudioFormat(Encoding.PCM_S16LE, rate)
    assert told == [
        Started(provider_call_id="", format=format, custom={"who": "me", "age": "40"}),
        Heard(b"\x01\x00" * (frame // 2)), Dtmf("5", 260), Dtmf("#"), Cleared(), Stopped("disconnected"),
    ]  # fmt: skip
    assert media.format == format


@pytest.mark.parametrize("rate, frame", [(8_000, 320), (16_000, 640), (24_000, 960)])
def test_what_is_said_goes_out_in_frames_and_the_last_is_filled_up(rate: int, frame: int) -> None:
    media = started(rate)
    said = bytes(n % 251 + 1 for n in range(2 * frame + 100))
    frames = sent([*media.say(said[:7]), *media.say(said[7:]), *media.flush(), *media.flush()])
    assert [len(one) for one in frames] == [frame] * 3
    assert b"".join(one for one in frames if isinstance(one, bytes)) == said + bytes(frame - 100)


def test_a_mark_is_a_notice_behind_the_sound_before_it() -> None:
    media = started()
    sound, notify = sent([*media.say(b"ab"), *media.mark("said")])
    assert sound == b"ab".ljust(320, b"\0")
    told = json.loads(notify)
    assert told["action"] == "notify"
    assert list(media.feed(event("notify", payload=told["payload"]))) == [MarkReached("said")]
    for again in (told["payload"], {"mark": True}, {"mark": 1}, {}, None, "said"):
        assert list(media.feed(event("notify", payload=again))) == []


def test_no_more_marks_wait_than_may() -> None:
    media = started()
    for _ in range(MOST_MARKS):
        list(media.mark("m"))
    with pytest.raises(Failure) as refusal:
        list(media.mark("m"))
    assert refusal.value.kind is Kind.TOO_LARGE
    list(media.clear())
    list(media.mark("m"))


TEXT = st.text('a0{}[]",:ü', max_size=12)


@given(TEXT | st.dictionaries(TEXT, st.none() | st.integers() | TEXT).map(json.dumps) | st.binary())
def test_whatever_comes_is_told_or_refused(message: str | bytes) -> None:
    try:
        list(started().feed(message))
    except ProviderError as error:
        assert error.kind is Kind.BAD_RESPONSE


def test_vonage_is_given_no_more_than_it_keeps_and_gets_the_rest_as_it_plays() -> None:
    media = started()
    whole = b"".join(n.to_bytes(2, "little") * 160 for n in range(2 * AHEAD))
    frames = sent([*media.say(whole), *media.mark("end")])
    assert len(frames) == AHEAD
    later: list[str | bytes] = []
    for _ in range(AHEAD):
        later += sent(media.feed(bytes(320)))
        assert len(frames) + len(later) <= 2 * AHEAD + 1
    assert b"".join(one for one in [*frames, *later] if isinstance(one, bytes)) == whole
    assert json.loads(later[-1])["action"] == "notify"


def test_what_waits_is_bounded_and_refused_whole() -> None:
    media = started()
    list(media.say(bytes(320 * (AHEAD + MOST_WAITING - 1)) + b"ab"))
    for say in (lambda: media.say(bytes(640)), lambda: media.mark("m")):
        with pytest.raises(Failure) as refusal:
            list(say())
        assert (refusal.value.kind, refusal.value.code) == (Kind.TOO_LARGE, "too_much_waits")
    list(media.clear())
    assert sent(media.say(b"cd" * 160)) == [b"cd" * 160]


class Wire:
    """A socket whose sending can be held up."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.sent: list[str | bytes] = []
        self.goes = asyncio.Event()
        self.goes.set()

    async def receive(self) -> str | bytes | None:
        return await self.coming.get()

    async def send(self, message: str | bytes) -> None:
        await self.goes.wait()
        self.sent.append(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        raise AssertionError


async def test_what_was_held_back_is_not_sent_behind_a_clear() -> None:
    wire = Wire()
    carrier = Carrier(VonageMedia(), wire)
    wire.coming.put_nowait(connected())
    await carrier.receive()
    await carrier.say(b"\x01" * 320 * (AHEAD - 1))
    wire.goes.clear()
    wire.coming.put_nowait(bytes(320))
    doing = []
    for one in (carrier.say(b"\x02" * 320 * 5), carrier.receive(), carrier.clear()):
        doing.append(asyncio.ensure_future(one))
        for _ in range(5):
            await asyncio.sleep(0)  # Each has come as far as it can before the next begins.
    wire.goes.set()
    await asyncio.gather(*doing)
    await carrier.say(b"\x03" * 320)
    behind = wire.sent[AHEAD - 1 :]
    assert behind == [b"\x02" * 320, '{"action":"clear"}', b"\x03" * 320]


class Call(RuleBasedStateMachine):
    """Vonage with a small buffer: it plays a frame whenever it sends one. Nothing may come that it would lose."""

    @initialize()
    def begin(self) -> None:
        self.media = started()
        self.buffer: list[str | bytes] = list(sent(self.media.say(bytes(320 * (AHEAD - 2)))))
        self.expected: list[str | bytes] = list(self.buffer)
        self.got: list[str | bytes] = list(self.buffer)
        self.number = 0

    def take(self, outcome: Any) -> None:
        for message in sent(outcome):
            if isinstance(message, str) and json.loads(message)["action"] == "clear":
                self.buffer.clear()
                continue
            self.buffer.append(message)
            self.got.append(message if isinstance(message, bytes) else json.loads(message)["payload"]["mark"])
            assert sum(isinstance(one, bytes) for one in self.buffer) <= KEPT

    @rule(frames=st.integers(1, 4))
    def say(self, frames: int) -> None:
        for _ in range(frames):
            self.number += 1
            self.expected.append(self.number.to_bytes(4, "little") * 80)
            self.take(self.media.say(self.expected[-1]))

    @rule()
    def mark(self) -> None:
        before = len(self.got)
        self.take(self.media.mark("m"))
        marks = sum(isinstance(one, str) for one in self.expected) + 1
        self.expected.append(f"{marks}:m")
        assert len(self.got) >= before

    @rule(times=st.integers(1, 6))
    def play(self, times: int) -> None:
        for _ in range(times):
            while self.buffer and isinstance(self.buffer[0], str):
                self.buffer.pop(0)
            if self.buffer:
                self.buffer.pop(0)
            self.take(self.media.feed(bytes(320)))

    @precondition(lambda self: hasattr(self, "media"))
    @rule()
    def nothing_is_out_of_order(self) -> None:
        assert self.got == self.expected[: len(self.got)]

    def teardown(self) -> None:
        if hasattr(self, "media"):
            for _ in range(len(self.expected)):
                self.play(1)
                if len(self.got) == len(self.expected):
                    break
            assert self.got == self.expected


TestCall = Call.TestCase
TestCall.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
