"""The laws of speech: what was recorded is told whole, with its times, however its bytes came."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Kind, Phase, StreamCut
from integration_api.core.session import Act, Began, Message
from integration_api.core.stt import Final, ListenRequest, SttEvent, Transcript, Word
from integration_api.core.tts import Sound, SpeakRequest, Spoken, TtsEvent
from integration_api.core.utterances import Utterances
from integration_api.providers import PROVIDERS
from tests.laws import replay
from tests.laws.cases import Case
from tests.laws.speaker import SPEECH

SIZES = (1, 7, 4096)


def batch(case: Case) -> None:
    """A recording is written down, or the provider's own events of it pass through."""
    if case.streamed:
        passes(case)
    else:
        written(case)


def written(case: Case) -> None:
    told = case.speaker.written(replay.json(case))
    answer = replay.transcript(case)
    assert answer.text == told.text
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Transcript) == answer
    if told.words:
        assert timed(answer.words) == list(told.words)
    if told.confidences:
        assert [one.confidence for one in answer.words] == told.confidences
    if told.speakers:
        assert [one.speaker for one in answer.words] == told.speakers
    if told.language is not None:
        assert answer.language == told.language
    in_order([(one.start_ms, one.end_ms) for one in answer.words])
    in_order([(one.start_ms, one.end_ms) for one in answer.segments])
    if told.seconds is not None:
        lasts = answer.usage.audio_seconds if answer.duration_ms is None else answer.duration_ms / 1000
        assert lasts is not None
        assert abs(lasts - told.seconds) < 0.001
        assert all(one.end_ms < (told.seconds + 1) * 1000 for one in answer.words), (
            "seconds may be whole ones"
        )


def passes(case: Case) -> None:
    """The same bytes arrive, cut where an event ends, and the record knows what it must; a cut is told."""
    relay = PROVIDERS[case.provider].stt.relay
    tallies = []
    for size in SIZES:
        watched = relay.stream()
        passed = [watched.feed(chunk) for chunk in replay.chunks(case.body, size)]
        assert all(one == b"" or one.endswith((b"\n\n", b"\r\n\r\n")) for one in passed)
        rest, tally = watched.close()
        assert b"".join(passed) + rest == case.body
        tallies.append(tally)
    assert tallies == tallies[:1] * len(SIZES)
    usage = case.speaker.messages(case.body)[-1]["usage"]
    assert (tallies[0].usage.input_total, tallies[0].usage.output_total) == (
        usage["input_tokens"], usage["output_tokens"],
    )  # fmt: skip
    cut = relay.stream()
    cut.feed(case.body[: len(case.body) // 3])
    try:
        cut.close()
    except StreamCut as error:
        assert (error.kind, error.phase) == (Kind.TRUNCATED, Phase.STREAM)
        return
    raise AssertionError("a third of the events were taken for all of them")


def live(case: Case) -> None:
    """Each message that settles a text is told as it, with its words; and in another session the same."""
    messages = case.body.decode().split("\n")
    found = listened(case, messages)
    assert listened(case, messages) == found
    for event in found:
        assert msgspec.json.decode(msgspec.json.encode(event), type=SttEvent) == event
    finals = [event for event in found if isinstance(event, Final)]
    told = [case.speaker.written(msgspec.json.decode(message)) for message in messages]
    assert [one.text for one in finals] == [one.text for one in told]
    assert [timed(one.words) for one in finals] == [list(one.words) for one in told]
    for one in finals:
        in_order([(word.start_ms, word.end_ms) for word in one.words])


def sound(case: Case) -> None:
    """The sound comes out byte for byte, and its end is told once, behind it."""
    expected = spoken(case, None)
    for size in SIZES:
        assert spoken(case, size) == expected, f"other sound for {size} bytes at a time"
    assert expected == case.body


LAWS: Mapping[str, Callable[[Case], None]] = {
    SPEECH["stt-batch"]: batch,
    SPEECH["stt"]: live,
    SPEECH["tts"]: sound,
}


def timed(words: Sequence[Word]) -> list[tuple[str, int, int]]:
    return [(one.text, one.start_ms, one.end_ms) for one in words]


def in_order(spans: Sequence[tuple[int, int]]) -> None:
    assert all(0 <= start <= end for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def listened(case: Case, messages: Sequence[Message]) -> list[SttEvent]:
    """Every event of a live session that heard `messages`."""
    ask = ListenRequest(model=case.speaker.any_model, word_timestamps=True)
    session = PROVIDERS[case.provider].stt.listen(ask, replay.credential(case), Utterances())
    told: list[Any] = [*session.begin({})]
    for message in messages:
        told += session.feed(message)
    return [one for one in told if not isinstance(one, Act | Began)]


def spoken(case: Case, size: int | None) -> bytes:
    """The sound of a text whose bytes came `size` at a time."""
    ask = SpeakRequest(model="m", voice="v", text="Hello", output=AudioFormat(Encoding.MP3, 44_100))
    stream = PROVIDERS[case.provider].tts.speak(ask, replay.credential(case))
    told: list[TtsEvent] = []
    for chunk in (*replay.chunks(case.body, size), b""):
        for frame in stream.framing.feed(chunk):
            told += stream.reader.feed(frame)
    told += stream.reader.close()
    *sounds, end = told
    assert isinstance(end, Spoken)
    assert all(isinstance(one, Sound) for one in sounds)
    return b"".join(one.data for one in sounds if isinstance(one, Sound))
