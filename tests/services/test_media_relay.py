"""A guest in one process and its call in another: everything that is said and told arrives as it is."""

import asyncio

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.media import Cleared, Dtmf, MarkReached, Stopped
from integration_api.core.session import Warned
from integration_api.core.stt import Final, SpeechStarted, Word
from integration_api.core.tenant import Tenant
from integration_api.services import tts_words, voice_loop
from integration_api.services.media_guest import Attached, Audio, Guest, Over
from integration_api.services.media_relay import (
    MOVED,
    PIECE_BYTES,
    Attach,
    FarSeat,
    Hello,
    MediaRelay,
    Peer,
    bridge,
    serve,
)

FORM = AudioFormat(Encoding.PCM_S16LE, 16_000)
HERE = Tenant(1, 2)


class Seat:
    """Remembers what its guest says."""

    def __init__(self):
        self.said = []
        self.left = asyncio.Event()

    async def say(self, guest, sound):
        self.said.append(sound)

    async def mark(self, guest, name):
        self.said.append(("mark", name))

    async def clear(self, guest):
        self.said.append("clear")

    async def speak(self, guest, said):
        self.said.append(said)

    async def hang_up(self, guest):
        self.said.append("hangup")

    def leave(self, guest):
        self.left.set()


class Process:
    def __init__(self, folder):
        self.seat = Seat()
        self.guests = []
        self.hello = None
        self.serving = None
        self.relay = MediaRelay(folder, self.receive)

    async def receive(self, peer, hello):
        self.hello = hello
        self.serving = asyncio.current_task()
        said = await peer.said()
        if said is None:
            return
        assert isinstance(said, Attach)
        guest = Guest(self.seat, said.format)
        self.guests.append(guest)
        await serve(peer, guest)


async def until(true):
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


@pytest.fixture
async def two(tmp_path):
    one, other = Process(tmp_path / "media"), Process(tmp_path / "media")
    await one.relay.start()
    await other.relay.start()
    yield one, other
    await one.relay.close()
    await other.relay.close()


async def test_everything_that_is_said_and_told_arrives_as_it_is(two):
    one, other = two
    one.relay.announce(7)
    assert other.relay.elsewhere(7)
    assert not one.relay.elsewhere(7)
    peer = await other.relay.dial(HERE, 7)
    seat = FarSeat(peer)
    guest = Guest(seat, FORM)
    await seat.take(guest)
    following = asyncio.create_task(seat.follow(guest))
    await until(lambda: one.guests)
    assert (one.hello.organization_id, one.hello.project_id, one.hello.call_id) == (1, 2, 7)
    assert one.guests[0].wants == FORM
    text = tts_words.Text(utterance_id="u", text="Hello", final=True)
    sound = bytes(number % 251 for number in range(2 * PIECE_BYTES + 1))
    await guest.say(sound)
    await guest.mark("m")
    await guest.clear()
    await guest.speak(text)
    await guest.speak(tts_words.Flush("u"))
    await guest.speak(tts_words.Cancel("u", None))
    await guest.hang_up()
    await until(lambda: len(one.seat.said) == 9)
    pieces = [sound[at : at + PIECE_BYTES] for at in range(0, len(sound), PIECE_BYTES)]
    assert one.seat.said == [
        *pieces, ("mark", "m"), "clear", text, tts_words.Flush("u"), tts_words.Cancel("u", None), "hangup",
    ]  # fmt: skip
    told = [
        Attached(call_id="7", stream_id="s", provider="twilio", format=FORM, custom={"a": "b"}),
        Audio(b"\x01\x02" * 320, 40),
        Dtmf("5", 100),
        MarkReached("m", cancelled=True),
        Cleared(),
        Warned("w", "careful"),
        voice_loop.Listened(SpeechStarted(audio_time_ms=20)),
        voice_loop.Listened(Final(segment_id="1", text="hi", words=(Word(text="hi", start_ms=1, end_ms=2),))),
        voice_loop.Spoke(tts_words.Used(characters=5, audio_ms=100)),
        Stopped("stop"),
        Over("finished"),
    ]
    for event in told:
        one.guests[0].pass_on(event)
    await following
    assert [await guest.next() for _ in told] == told
    assert await guest.next() is None
    await until(one.seat.left.is_set)


async def test_who_leaves_is_gone_on_the_other_side_too(two):
    one, other = two
    one.relay.announce(7)
    seat = FarSeat(await other.relay.dial(HERE, 7))
    guest = Guest(seat, None)
    await seat.take(guest)
    following = asyncio.create_task(seat.follow(guest))
    await until(lambda: one.guests)
    guest.detach()
    await until(one.seat.left.is_set)
    await following


async def test_a_process_that_died_has_nothing(two, tmp_path):
    one, other = two
    one.relay.announce(7)
    assert other.relay.elsewhere(7)
    await one.relay.close()
    assert await other.relay.dial(HERE, 7) is None
    assert not other.relay.elsewhere(7)
    one.relay = MediaRelay(tmp_path / "media", one.receive)


async def test_nobody_else_gets_in(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    folder.chmod(0o755)
    process = Process(folder)
    await process.relay.start()
    assert folder.stat().st_mode & 0o777 == 0o700
    await process.relay.close()


async def test_what_is_withdrawn_is_nowhere_and_what_is_left_behind_is_tidied(two, tmp_path):
    one, other = two
    one.relay.announce(7)
    other.relay.withdraw(7)
    assert other.relay.elsewhere(7)
    one.relay.withdraw(7)
    assert not other.relay.elsewhere(7)
    folder = tmp_path / "media"
    left = range(9, 59)
    for call in left:
        (folder / str(call)).symlink_to("nobody.sock")
    (folder / "nobody.sock").touch()
    third = MediaRelay(folder, one.receive)
    await third.start()
    assert not (folder / "nobody.sock").exists()
    assert not any(third.elsewhere(call) for call in left), "its calls' sound is nowhere"
    assert len([path for path in folder.iterdir() if path.suffix == ".sock"]) == 3
    await third.close()


async def test_a_process_that_goes_without_a_word_is_told_as_a_failure(two):
    one, other = two
    one.relay.announce(7)
    peer = await other.relay.dial(HERE, 7)
    seat = FarSeat(peer)
    guest = Guest(seat, None)
    await seat.take(guest)
    following = asyncio.create_task(seat.follow(guest))
    await until(lambda: one.guests)
    one.guests[0].pass_on(Dtmf("5", 100))
    assert await guest.next() == Dtmf("5", 100)
    one.serving.cancel()
    await following
    assert await guest.next() == Over("error")
    assert (guest.failure.code, guest.failure.retryable) == ("media_lost", True)


async def test_a_guest_whose_sound_has_moved_is_told_nothing_and_may_follow(two):
    one, other = two
    one.relay.announce(7)
    seat = FarSeat(await other.relay.dial(HERE, 7))
    guest = Guest(seat, None)
    await seat.take(guest)
    following = asyncio.create_task(seat.follow(guest))
    await until(lambda: one.guests)
    one.guests[0].pass_on(Dtmf("5", 100))
    one.guests[0].tell(MOVED)
    assert await following is True
    assert await guest.next() == Dtmf("5", 100)
    assert not guest.over
    await until(one.seat.left.is_set)


async def test_what_can_not_be_read_is_the_other_processs_end():
    seat = FarSeat(Peer(Ends(b"\xc1 nonsense")))
    guest = Guest(seat, None)
    await seat.follow(guest)
    assert guest.failure.code == "media_lost"
    assert await Peer(Ends(b"\x80")).said() is None


class Ends:
    """A channel on which some messages come before its end. What is sent is kept."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.sent = []
        self.closed = asyncio.Event()

    async def send(self, data):
        self.sent.append(data)

    async def receive(self):
        if self.messages:
            return self.messages.pop(0)
        await self.closed.wait()
        return None

    def close(self):
        self.closed.set()


async def test_a_bridge_passes_on_both_ways_and_ends_with_either_side(two):
    one, other = two
    one.relay.announce(7)
    far = Ends()
    crossing = asyncio.create_task(bridge(far, (await other.relay.dial(HERE, 7)).channel))
    await until(lambda: one.hello == Hello(1, 2, 7))
    far.closed.set()
    await crossing
    there, here = Ends(b"a", b"b"), Ends(b"c")
    crossing = asyncio.create_task(bridge(there, here))
    await until(lambda: here.sent == [b"a", b"b"] and there.sent == [b"c"])
    here.closed.set()
    await crossing
    assert there.closed.is_set()
