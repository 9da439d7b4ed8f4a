"""The telephone that all emulated carriers share: what is played, reached, said and pressed, frame by frame."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import mouth
from lab.phone import MULAW, Act, Event, Gone, Line, Phone, Pressed, Reached, Sound, Spoken, linear

STEPS = st.lists(
    st.binary(max_size=700) | st.sampled_from(["mark", "clear", "tick", "tick", "tick"]), max_size=40
)


@settings(deadline=None)
@given(STEPS)
def test_all_that_is_played_is_heard_waits_or_was_cleared_and_each_mark_comes_once(
    steps: list[bytes | str],
) -> None:
    line = Line(Phone(), MULAW)
    played = b""
    dropped = 0
    behind: dict[str, int] = {}
    reached: list[str] = []
    cancelled: list[str] = []
    for number, step in enumerate(steps):
        if isinstance(step, bytes):
            line.play(step)
            played += step
        elif step == "mark":
            behind[str(number)] = len(played)
            line.mark(str(number))
        elif step == "clear":
            cancelled += line.clear()
            dropped += line.cleared[-1].dropped_bytes
            assert line.waiting == 0
        else:
            for event in line.tick():
                if isinstance(event, Reached):
                    reached.append(event.mark)
                    assert behind[event.mark] <= len(line.heard) + dropped
        assert len(line.heard) + line.waiting + dropped == len(played)
        if not dropped:
            assert played.startswith(bytes(line.heard))
    waiting = line.clear()
    assert sorted(reached + cancelled + waiting) == sorted(behind)
    assert reached == line.reached == sorted(reached, key=int)


def events(phone: Phone, sound: Sound) -> list[Event]:
    """All that happens until it is hung up."""
    line = Line(phone, sound)
    told: list[Event] = []
    while not told or not isinstance(told[-1], Gone):
        told += line.tick()
    return told


@pytest.mark.parametrize(
    "sound", [MULAW, linear(8_000), linear(16_000)], ids=["mulaw", "linear 8", "linear 16"]
)
def test_everything_is_said_in_whole_frames_and_in_its_order(sound: Sound) -> None:
    odd = b"\x01\x02" * (sound.frame // 2 + 1)
    acts = [
        Act(says="Ab"),
        Act(presses="1#"),
        Act(sound=b64encode(odd).decode()),
        Act(waits_ms=40),
        Act(hangs_up=True),
    ]
    told = events(Phone(acts=acts), sound)
    spoken = [one.sound for one in told if isinstance(one, Spoken)]
    assert {len(one) for one in spoken} == {sound.frame}
    assert [one.at_ms for one in told if isinstance(one, Spoken)] == [20 * n for n in range(len(spoken))]
    voiced = b"".join(spoken)
    said = sound.voice("Ab", sound.rate)
    assert voiced.startswith(said)
    silence = sound.silence * (sound.frame // sound.width)
    padded = odd + sound.silence * ((2 * sound.frame - len(odd)) // sound.width)
    assert voiced == said + 2 * silence + padded + 2 * silence
    assert [one.digit for one in told if isinstance(one, Pressed)] == ["1", "#"]
    assert told[-1] == Gone()


def test_it_waits_for_what_it_is_to_hear() -> None:
    line = Line(
        Phone(acts=[Act(hears_ms=40), Act(presses="1"), Act(awaits="done"), Act(loses="fin")], quiet=True),
        MULAW,
    )
    assert [list(line.tick()) for _ in range(3)] == [[], [], []]
    line.play(bytes(320))
    line.mark("1:done")
    assert [list(line.tick()) for _ in range(3)] == [[], [Pressed("1")], [Reached("1:done"), Gone("fin")]]


def test_more_can_be_done_on_the_way() -> None:
    line = Line(Phone(quiet=True), MULAW)
    assert list(line.tick()) == []
    line.act([Act(says="A")])
    assert b"".join(one.sound for _ in range(3) for one in line.tick()) == mouth.mulaw("A")
