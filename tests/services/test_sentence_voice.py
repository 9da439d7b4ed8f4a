"""A voice that is given a sentence at a time: when each is said, and whose the sound is."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.session import Began, HangUp, Say, Warned
from integration_api.core.tts import Flushed, Manner, Sound, Spoken, SynthesisRequest, TtsEvent
from integration_api.services import sentences
from integration_api.services.sentence_link import SentenceLink
from integration_api.services.sentence_voice import (
    COMMAND,
    MOST,
    Over,
    SentenceVoice,
    Speak,
    Stop,
    written,
)

FIRST, SECOND, THIRD = (
    "I would like a table for two. ",
    "At eight o'clock, please. ",
    "By the window, if you can. ",
)
ENDED = written(Over())


def voice(*, ssml: bool = True, **asked: Any) -> SentenceVoice:
    ask = SynthesisRequest(model="m", voice="v", manner=Manner(speed=1.1), **asked)
    session = SentenceVoice(ask, "lab", ssml=ssml)
    assert [*session.begin({})] == [Began()]
    return session


def said(outcome: Any) -> list[Any]:
    """Return what is told, and what is said as its text alone."""
    return [
        one.text if isinstance(one, Speak) else one
        for one in (COMMAND.decode(one.message) if isinstance(one, Say) else one for one in outcome)
    ]


def test_a_sentence_is_said_once_it_is_whole_and_those_that_come_meanwhile_are_said_together() -> None:
    session = voice()
    assert said(session.text("a", FIRST[:-1])) == []
    assert said(session.text("a", FIRST[-1] + SECOND[:5])) == [FIRST]
    assert said(session.text("a", SECOND[5:] + THIRD)) == []
    assert said(session.feed(b"sound")) == [Sound("a", b"sound")]
    assert said(session.feed(ENDED)) == [SECOND + THIRD]
    assert said(session.end_utterance("a")) == []
    assert said(session.feed(ENDED)) == [Spoken(utterance_id="a")]
    assert said(session.finish()) == [HangUp()]


def test_what_ends_like_a_sentence_and_is_short_waits_for_what_follows() -> None:
    session = voice()
    assert said(session.text("a", "Dr. ")) == []
    assert said(session.text("a", "Smith is in. Who ")) == []
    assert said(session.text("a", "calls?")) == []
    assert said(session.end_utterance("a")) == ["Dr. Smith is in. Who calls?"]


def test_letters_that_say_more_need_fewer() -> None:
    session = voice()
    assert said(session.text("a", "今天天气怎么样。我")) == ["今天天气怎么样。"]


def test_what_is_flushed_is_said_and_told_once_it_was_spoken() -> None:
    session = voice()
    assert said(session.text("a", "Well")) == []
    assert said(session.flush("a")) == ["Well"]
    assert said(session.feed(ENDED)) == [Flushed("a")]
    assert said(session.flush("a")) == [Flushed("a")]
    assert said(session.flush("nobody")) == []


def test_nobody_waits_where_that_was_asked_for() -> None:
    session = voice(text_buffering="none")
    assert said(session.text("a", "Well")) == ["Well"]


def test_utterances_are_said_in_the_order_in_which_they_began() -> None:
    session = voice()
    assert said(session.text("a", "One")) == []
    assert said(session.text("b", SECOND)) == []
    assert said(session.end_utterance("b")) == []
    assert said(session.end_utterance("a")) == ["One"]
    assert said(session.feed(ENDED)) == [Spoken(utterance_id="a"), SECOND]
    assert said(session.feed(b"b")) == [Sound("b", b"b")]
    assert said(session.feed(ENDED)) == [Spoken(utterance_id="b")]


def test_a_cancel_stops_what_is_being_said_and_the_next_is_said() -> None:
    session = voice()
    session.text("a", FIRST + SECOND)
    session.text("b", THIRD)
    assert said(session.cancel("a", None)) == [Stop(), THIRD]
    assert said(session.feed(b"b")) == [Sound("b", b"b")]
    assert said(session.cancel("nobody", None)) == []
    assert said(session.cancel("b", 10)) == [Stop()]
    assert said(session.feed(b"late")) == []


def test_an_utterance_of_nothing_but_space_is_spoken_by_nobody() -> None:
    session = voice()
    assert said(session.text("a", "  ")) == []
    assert said(session.end_utterance("a")) == [Spoken(utterance_id="a")]


def test_ssml_is_said_apart_or_without_its_tags() -> None:
    marked = "<speak>Good <break/>day.</speak>"
    session = voice()
    session.text("a", "Well")
    (first,) = (COMMAND.decode(one.message) for one in session.text("a", marked, ssml=True))
    assert first == Speak("Well", False, "v", 1.1)
    (second,) = (COMMAND.decode(one.message) for one in session.feed(ENDED))
    assert second == Speak(marked, True, "v", 1.1)
    bare = voice(ssml=False)
    warned, *rest = bare.text("a", marked, ssml=True)
    assert isinstance(warned, Warned)
    assert warned.code == "unsupported_ssml"
    assert rest == []
    (one,) = said(bare.end_utterance("a"))
    assert "<" not in one


def test_another_voice_or_speed_speaks_from_the_next_sentence_on() -> None:
    session = voice()
    session.text("a", FIRST)
    assert said(session.update("w", None)) == []
    session.update(None, 1.5)
    session.text("a", SECOND)
    (one,) = session.feed(ENDED)
    assert isinstance(one, Say)
    assert COMMAND.decode(one.message) == Speak(SECOND, False, "w", 1.5)


@pytest.mark.parametrize(
    "text", [FIRST * 100, "word " * 600, "x" * 3_000], ids=["sentences", "words", "neither"]
)
def test_no_request_is_too_long_and_nothing_is_lost(text: str) -> None:
    session = voice()
    asked = [*said(session.text("a", text)), *said(session.end_utterance("a"))]
    while not isinstance(asked[-1], Spoken):
        asked += said(session.feed(ENDED))
    assert "".join(asked[:-1]) == text
    assert max(map(len, asked[:-1])) <= MOST


def test_warnings_of_a_request_are_told() -> None:
    session = voice()
    session.text("a", FIRST)
    assert said(session.feed(written(Over([Warned("x", "y")])))) == [Warned("x", "y")]


@pytest.mark.parametrize(
    "text, end",
    [("One. Two", 5), ("One.", 0), ("नमस्ते। और", 8), ("你好。再", 3), ('He said "no." I', 14), ("", 0)],
)
def test_where_the_last_whole_sentence_ends(text: str, end: int) -> None:
    assert sentences.whole(text) == end


def test_no_sentence_is_waited_for_for_ever() -> None:
    assert sentences.whole("word " * 201 + "half") == 201 * 5
    assert sentences.whole("x" * 1_001) == 1_001
    assert sentences.whole("x" * 1_000) == 0


# --- the link --------------------------------------------------------------------------------


class Answers:
    """Answers each request when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hung_up: list[str] = []
        self.goes_on = asyncio.Event()
        self.fails: Exception | None = None

    async def __call__(self, asked: Speak) -> AsyncGenerator[list[TtsEvent], None]:
        self.asked.append(asked.text)
        try:
            yield [Sound("0", b"1"), Warned("w", "m")]
            await self.goes_on.wait()
            if self.fails is not None:
                raise self.fails
            yield [Sound("0", b"2"), Spoken(utterance_id="0")]
        except (asyncio.CancelledError, GeneratorExit):
            self.hung_up.append(asked.text)
            raise


def speak(text: str) -> str:
    return written(Speak(text, False, None, None))


async def test_a_request_is_answered_by_its_sound_and_its_end() -> None:
    answers = Answers()
    link = SentenceLink(answers)
    link.write(speak("a"))
    assert await link.receive() == b"1"
    answers.goes_on.set()
    assert await link.receive() == b"2"
    over = await link.receive()
    assert over is not None
    assert msgspec.json.decode(over, type=Over) == Over([Warned("w", "m")])
    await link.close()
    assert await link.receive() is None
    assert await link.receive() is None


async def test_nothing_is_heard_of_what_was_stopped() -> None:
    answers = Answers()
    link = SentenceLink(answers)
    link.write(speak("a"))
    assert await link.receive() == b"1"
    answers.goes_on.set()
    link.write(written(Stop()))
    link.write(speak("b"))
    assert [await link.receive(), await link.receive()] == [b"1", b"2"]
    assert (answers.asked, answers.hung_up) == (["a", "b"], ["a"])
    await link.close()


async def test_what_goes_wrong_is_raised_to_who_listens() -> None:
    answers = Answers()
    answers.fails = Failure(Kind.UPSTREAM, "no")
    answers.goes_on.set()
    link = SentenceLink(answers)
    link.write(speak("a"))
    assert await link.receive() == b"1"
    with pytest.raises(Failure, match="no"):
        await link.receive()
    await link.close()


async def test_hanging_up_ends_a_request_and_whoever_waits_is_told() -> None:
    answers = Answers()
    link = SentenceLink(answers)
    link.write(speak("a"))
    assert await link.receive() == b"1"
    waiting = asyncio.create_task(link.receive())
    await asyncio.sleep(0)
    link.abort()
    link.write(speak("b"))
    assert await waiting is None
    await link.close()
    assert (answers.asked, answers.hung_up) == (["a"], ["a"])
