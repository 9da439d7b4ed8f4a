"""A call's sound between its carrier and whoever is attached: what waits, what is lost, what is never sent."""

import asyncio

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, ProviderError
from integration_api.core.media import Cleared, Dtmf, Heard, MarkReached, Started, Stopped
from integration_api.core.session import HangUp, Say, Warned
from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import CallRecord
from integration_api.core.tenant import Tenant
from integration_api.services.media_carrier import FLUSH_GRAIN, FLUSH_SECONDS, Carrier
from integration_api.services.media_guest import BACKLOG_MS, Attached, Audio, Guest, Over
from integration_api.services.media_room import RING_MS, Room

MULAW = AudioFormat(Encoding.MULAW, 8_000)
FRAME = 160
CALL = CallRecord(
    id=1, tenant=Tenant(1, 2), provider="twilio", credential_id=3, direction=Direction.OUTBOUND,
    state=CallState.ANSWERED, to="+4930", from_="+4940", created_at=1.0,
)  # fmt: skip


class Language:
    """A carrier's language that is easy to read: sound as bytes, everything else as its name."""

    format = MULAW

    def __init__(self):
        self.marks = []
        self.fed = 0

    def feed(self, message):
        self.fed += 1
        if message == "nonsense":
            raise ValueError(message)
        return (
            [Started(provider_call_id="", stream_id="s", format=MULAW)]
            if message == "start"
            else [Heard(message)]
        )

    def say(self, sound):
        return [Say(sound)]

    def flush(self):
        return [Say("flush")]

    def mark(self, name):
        self.marks.append(name)
        return [Say(f"mark {name}")]

    def clear(self):
        gone, self.marks = self.marks, []
        return [Say("clear"), *(MarkReached(name, cancelled=True) for name in gone), Cleared()]

    def hang_up(self):
        return [HangUp()]

    def close(self):
        return [Stopped("disconnected")]


class Wire:
    """A socket whose peer reads only while it is let."""

    def __init__(self):
        self.sent = []
        self.heard = asyncio.Queue()
        self.room = asyncio.Event()
        self.room.set()
        self.closed = None
        self.comes = None
        """What a message is given to where it arrives."""

    def attend(self, heard, texts=None):
        self.comes = heard

    @property
    def ready(self):
        return self.room.is_set()

    def write(self, message):
        self.sent.append(message)

    async def receive(self):
        return await self.heard.get()

    async def send(self, message):
        self.sent.append(message)
        await self.room.wait()

    async def close(self, code=1000, reason=""):
        self.closed = code

    def arrive(self, message):
        if not self.comes(message):
            self.heard.put_nowait(message)


class House:
    def __init__(self, detach_seconds=60.0):
        self.abandoned, self.left, self.hung_up = [], [], []
        self.room = Room(
            CALL,
            abandoned=self.abandoned.append,
            left=self.left.append,
            hang_up=self._hang_up,
            detach_seconds=detach_seconds,
        )
        self.wire = Wire()
        self.carrier = Carrier(Language(), self.wire)

    async def _hang_up(self, room):
        self.hung_up.append(room)

    def begin(self):
        self.room.join(self.carrier)
        self.room.hear(self.carrier, Started(provider_call_id="", stream_id="s", format=MULAW))
        return self

    def hear(self, sound):
        self.room.hear(self.carrier, Heard(sound))

    def attach(self, form=None):
        guest = Guest(self.room, form)
        self.room.attach(guest)
        return guest


async def told(guest):
    """Return all that waits."""
    found = []
    while True:
        try:
            async with asyncio.timeout(0.01):
                event = await guest.next()
        except TimeoutError:
            return found
        if event is None:
            return found
        found.append(event)


def frames(count, start=0):
    return [bytes([1 + (start + at) % 250]) * FRAME for at in range(count)]


async def test_whoever_attaches_hears_the_last_moment_before_and_from_where_it_is():
    house = House().begin()
    for frame in frames(100):
        house.hear(frame)
    first, *heard = await told(house.attach())
    assert isinstance(first, Attached)
    assert first.format == MULAW
    kept = RING_MS // 20
    assert [one.data for one in heard] == frames(100)[-kept:]
    assert [one.offset_ms for one in heard] == [20 * at for at in range(100 - kept, 100)]


async def test_keys_that_were_pressed_while_nobody_was_attached_are_told_once():
    house = House().begin()
    for digit in "0123456789" * 8:
        house.room.hear(house.carrier, Dtmf(digit))
    first = house.attach()
    assert (
        "".join(one.digit for one in await told(first) if isinstance(one, Dtmf)) == ("0123456789" * 8)[-64:]
    )
    assert not [one for one in await told(house.attach()) if isinstance(one, Dtmf)]


async def test_a_caller_who_does_not_read_loses_the_oldest_sound_and_is_told():
    house = House().begin()
    guest = house.attach()
    most = BACKLOG_MS // 20
    for frame in frames(most + 30):
        house.hear(frame)
    house.room.hear(house.carrier, MarkReached("m"))
    warned, started, *heard, mark = await told(guest)
    assert warned == Warned("audio_lost", "600 ms of sound were not read in time, and are lost")
    assert isinstance(started, Attached)
    assert [one.data for one in heard] == frames(most + 30)[30:]
    assert mark == MarkReached("m")
    assert guest.lost == 30


async def test_converted_sound_comes_in_exact_frames_whatever_the_carrier_cuts():
    house = House().begin()
    guest = house.attach(AudioFormat(Encoding.PCM_S16LE, 16_000))
    for size in (1, 159, 333, 7, 2_000):
        house.hear(b"\x55" * size)
    _, *heard = await told(guest)
    assert {len(one.data) for one in heard} == {640}
    assert [one.offset_ms for one in heard] == [20 * at for at in range(len(heard))]


async def test_a_format_that_can_not_be_had_leaves_whoever_is_there():
    house = House().begin()
    present = house.attach()
    with pytest.raises(Failure):
        house.attach(AudioFormat(Encoding.OPUS, 48_000))
    assert house.room.guest is present


async def test_clearing_overtakes_sound_that_waits_for_a_slow_carrier():
    house = House().begin()
    guest = house.attach()
    house.wire.room.clear()
    speaking = asyncio.create_task(guest.say(b"\x01" * FRAME * 100))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    marking = asyncio.create_task(guest.mark("old"))
    clearing = asyncio.create_task(guest.clear())
    await asyncio.sleep(0)
    house.wire.room.set()
    await asyncio.gather(speaking, marking, clearing)
    await guest.say(b"\x02" * FRAME)
    assert house.wire.sent[-2:] == ["clear", b"\x02" * FRAME]
    # One piece was on its way; the other nineteen are never sent.
    assert [one for one in house.wire.sent if one not in ("clear", b"\x02" * FRAME)] == [b"\x01" * 800]
    assert [one for one in await told(guest) if isinstance(one, MarkReached)] == [
        MarkReached("old", cancelled=True)
    ]


async def test_marks_that_are_cancelled_by_the_thousand_are_all_told():
    house = House().begin()
    guest = house.attach()
    names = [f"m{at}" for at in range(3_000)]
    for name in names:
        await guest.mark(name)
    await guest.clear()
    events = await told(guest)
    assert [one for one in events if isinstance(one, MarkReached)] == [
        MarkReached(name, True) for name in names
    ]
    assert events[-1] == Cleared()


async def test_what_a_language_keeps_back_is_flushed_when_nothing_follows():
    house = House().begin()
    guest = house.attach()
    await guest.say(b"\x01" * 10)
    async with asyncio.timeout(60):
        while house.wire.sent != [b"\x01" * 10, "flush"]:
            await asyncio.sleep(0.01)
    await guest.say(b"\x01" * 10)
    await guest.clear()
    assert house.wire.sent[2:] == [b"\x01" * 10, "clear"]


async def test_a_second_guest_takes_over_and_the_first_says_nothing_more():
    house = House().begin()
    first, second = house.attach(), house.attach()
    await first.say(b"\x01" * FRAME)
    await second.say(b"\x02" * FRAME)
    await first.hang_up()
    assert house.wire.sent == [b"\x02" * FRAME]
    assert not house.hung_up
    assert (await told(first))[-1] == Over("taken_over")
    first.detach()
    assert house.room.guest is second


async def test_sound_for_a_call_that_is_not_answered_is_refused_aloud():
    house = House()
    guest = house.attach()
    await guest.say(b"\x01" * FRAME)
    await guest.mark("m")
    warned, mark = await told(guest)
    assert warned.code == "media_not_open"
    assert mark == MarkReached("m", cancelled=True)
    house.begin()
    assert isinstance((await told(guest))[0], Attached)


async def test_a_socket_that_takes_anothers_place_is_heard_and_the_other_is_not():
    house = House().begin()
    guest = house.attach()
    old, house.carrier = house.carrier, Carrier(Language(), Wire())
    house.begin()
    house.room.hear(old, Heard(b"\x09" * FRAME))
    house.hear(b"\x08" * FRAME)
    assert not house.room.part(old)
    heard = [one.data for one in await told(guest) if isinstance(one, Audio)]
    assert heard == [b"\x08" * FRAME]


async def test_a_stream_that_another_is_to_follow_is_told_stopped_only_if_none_does():
    house = House().begin()
    guest = house.attach()
    house.room.rejoin_until = asyncio.get_running_loop().time() + 60
    house.room.hear(house.carrier, Stopped("moved"))
    house.room.part(house.carrier)
    assert not [one for one in await told(guest) if isinstance(one, Stopped)]
    house.carrier = Carrier(Language(), Wire())
    house.begin()
    assert not house.room.rejoining
    house.room.rejoin_until = asyncio.get_running_loop().time() + 60
    house.room.hear(house.carrier, Stopped("moved"))
    house.room.part(house.carrier)
    house.room.finish("finished")
    assert (await told(guest))[-2:] == [Stopped("moved"), Over("finished")]


async def test_nobody_attached_for_too_long_is_told():
    house = House(detach_seconds=0.05).begin()
    guest = house.attach()
    await asyncio.sleep(0.1)
    assert not house.abandoned
    guest.detach()
    async with asyncio.timeout(60):
        while not house.abandoned:
            await asyncio.sleep(0.01)
    assert house.left == [house.room]


async def test_sound_is_heard_where_it_arrives_unless_something_waits_before_it():
    house, heard = House(), []
    house.carrier.attend(heard.append)
    house.wire.arrive(b"1")
    receiving = asyncio.create_task(house.carrier.receive())
    assert await receiving == [Heard(b"1")]  # Nobody waited for it.
    assert heard == []
    receiving = asyncio.create_task(house.carrier.receive())
    await asyncio.sleep(0)
    house.wire.arrive(b"2")
    assert heard == [Heard(b"2")]
    house.wire.arrive("start")
    [started] = await receiving
    assert isinstance(started, Started)
    assert house.carrier.session.fed == 3, "each message once"


async def test_what_can_not_be_read_where_it_arrives_is_told_to_whoever_receives():
    house, heard = House(), []
    house.carrier.attend(heard.append)
    receiving = asyncio.create_task(house.carrier.receive())
    await asyncio.sleep(0)
    house.wire.arrive("nonsense")
    with pytest.raises(ProviderError) as caught:
        await receiving
    assert caught.value.code == "bad_upstream_response"
    assert heard == []


async def test_what_can_be_said_at_once_is_and_everything_else_waits_for_its_turn():
    house = House().begin()
    carrier, wire = house.carrier, house.wire
    assert carrier.say_at_once(b"1" * FRAME) == []
    wire.room.clear()
    assert carrier.say_at_once(b"2" * FRAME) is None, "the carrier reads slowly"
    saying = asyncio.create_task(carrier.say(b"3" * FRAME))
    await asyncio.sleep(0)
    assert carrier.say_at_once(b"4" * FRAME) is None, "something is being said"
    wire.room.set()
    await saying
    assert carrier.say_at_once(b"5" * FRAME) == []
    assert wire.sent == [b"1" * FRAME, b"3" * FRAME, b"5" * FRAME]


async def test_sound_that_goes_on_puts_the_flush_off(monkeypatch):
    house = House().begin()
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)

    async def pass_on(seconds):
        nonlocal now
        now += seconds
        for _ in range(10):
            await asyncio.sleep(0)

    assert house.carrier.say_at_once(b"1") == []
    await pass_on(FLUSH_SECONDS / 2)
    assert house.carrier.say_at_once(b"2") == []
    await pass_on(FLUSH_SECONDS - 2 * FLUSH_GRAIN)
    assert house.wire.sent == [b"1", b"2"]
    await pass_on(2 * FLUSH_GRAIN)
    assert house.wire.sent == [b"1", b"2", "flush"]
