"""What the events of OpenAI's realtime transcription mean, and what its own SDK would have said in our place."""

import itertools
import json
from base64 import b64decode, b64encode
from math import log
from typing import Any

import openai
import pytest
from openai.types.realtime import RealtimeTranscriptionSessionCreateRequest
from pydantic import BaseModel

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Bearer
from integration_api.core.session import Began, Closed, HangUp, Redial, Say, Warned
from integration_api.core.stt import (
    Endpointing,
    EndReason,
    Final,
    Heard,
    Interim,
    ListenRequest,
    SpeechStarted,
    Update,
    UtteranceEnd,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.openai import OPENAI
from integration_api.providers.openai.stt import MOST_BYTES, Transcription
from lab import Answer, Lab, mouth
from lab.script import Heard as Said

CREDENTIAL = Credential("openai")
PCM = AudioFormat(Encoding.PCM_S16LE, 24_000)
LOUD = mouth.pcm("a" * 25, 24_000)
"""One second of it."""
TEXTS = "conversation.item.input_audio_transcription"
VAD = {"type": "server_vad", "prefix_padding_ms": 300, "silence_duration_ms": 500}


def transcription(**asked: Any) -> Transcription:
    return Transcription(
        ListenRequest(**{"model": "gpt-4o-transcribe", "input": PCM, **asked}), CREDENTIAL, Utterances()
    )


def event(type: str, item: str = "", **more: Any) -> str:
    return json.dumps({"type": type, "event_id": "e", **({"item_id": item} if item else {}), **more})


def updated(turns: Any = VAD) -> str:
    return event("session.updated", session={"id": "sess_1", "audio": {"input": {"turn_detection": turns}}})


def begun(**asked: Any) -> Transcription:
    session = transcription(**asked)
    manual = (
        json.loads(first(session.begin({})).message)["session"]["audio"]["input"]["turn_detection"] is None
    )
    list(session.feed(updated(None if manual else VAD)))
    return session


def first(outcome: Any) -> Any:
    return next(iter(outcome))


def asked(**more: Any) -> dict[str, Any]:
    said = json.loads(first(transcription(**more).begin({})).message)
    assert said["type"] == "session.update"
    return said["session"]


def started(item: str, at: int) -> str:
    return event("input_audio_buffer.speech_started", item, audio_start_ms=at)


def stopped(item: str, at: int) -> str:
    return event("input_audio_buffer.speech_stopped", item, audio_end_ms=at)


def committed(item: str, previous: str | None = None) -> str:
    return event("input_audio_buffer.committed", item, previous_item_id=previous)


def delta(item: str, text: str) -> str:
    return event(f"{TEXTS}.delta", item, content_index=0, delta=text)


def completed(item: str, text: str, **more: Any) -> str:
    return event(f"{TEXTS}.completed", item, content_index=0, transcript=text, **more)


def turn(item: str, text: str, span: tuple[int, int], previous: str | None = None) -> list[str]:
    start, end = span
    return [
        started(item, start - 300), stopped(item, end + 500), committed(item, previous), delta(item, text),
        completed(item, text),
    ]  # fmt: skip


def refused(code: str, about: str | None = None, kind: str = "invalid_request_error") -> str:
    return event("error", error={"type": kind, "code": code, "message": "no", "event_id": about})


def feed(session: Transcription, *messages: str) -> list[Any]:
    return [one for message in messages for one in session.feed(message)]


def says(outcome: Any) -> list[dict[str, Any]]:
    return [json.loads(one.message) for one in outcome if isinstance(one, Say)]


# --- what is asked for -------------------------------------------------------------------------


def test_a_session_is_asked_for_at_an_address_without_a_model_and_signed_apart() -> None:
    credential = Credential("openai", {"organization": "org-1", "base_url": "https://eu.api.openai.com/v1"})
    request = Transcription(ListenRequest(model="m", input=PCM), credential, Utterances()).request
    assert request.url == "wss://eu.api.openai.com/v1/realtime?intent=transcription"
    assert (request.auth, request.upgrade) == (Bearer(), ())
    assert request.headers == (("openai-organization", "org-1"),)


def test_what_is_asked_for_is_written_as_a_session() -> None:
    assert asked(languages=("en-US",), keyterms=("a table", "x"), endpointing=Endpointing(silence_ms=250)) == {
        "type": "transcription",
        "audio": {"input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "a table, x"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 250},
        }},
        "include": ["item.input_audio_transcription.logprobs"],
    }  # fmt: skip


ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mu-law": ({"input": AudioFormat(Encoding.MULAW, 8_000)}, {"format": {"type": "audio/pcmu"}}),
    "A-law": ({"input": AudioFormat(Encoding.ALAW, 8_000)}, {"format": {"type": "audio/pcma"}}),
    "silence by its other name": (
        {"endpointing": Endpointing(utterance_end_ms=900)},
        {"turn_detection": {"type": "server_vad", "silence_duration_ms": 900}},
    ),
    "the caller ends turns": ({"endpointing": Endpointing(mode="client", silence_ms=9)}, {"turn_detection": None}),
    "nobody ends turns": ({"endpointing": Endpointing(mode="off")}, {"turn_detection": None}),
    "a model that hears no turns": ({"model": "gpt-realtime-whisper"}, {"turn_detection": None}),
    "lists": (
        {"model": "gpt-live-transcribe", "keyterms": ("a",), "languages": ("en-US", "de", "en-GB")},
        {"transcription": {"model": "gpt-live-transcribe", "languages": ["en", "de"], "keywords": ["a"]}},
    ),
    "whoever speaks": (
        {"model": "whisper-1", "languages": ("en",), "detect_language": True},
        {"transcription": {"model": "whisper-1"}},
    ),
    "options of its own": (
        {"model": "gpt-realtime-whisper", "extras": {"delay": "low", "noise_reduction": {"type": "far_field"}}},
        {"transcription": {"model": "gpt-realtime-whisper", "delay": "low"}, "noise_reduction": {"type": "far_field"}},
    ),
    "turns by their meaning": (
        {"endpointing": Endpointing(silence_ms=9), "extras": {"turn_detection": {"type": "semantic_vad"}}},
        {"turn_detection": {"type": "semantic_vad"}},
    ),
    "a threshold": (
        {"endpointing": Endpointing(silence_ms=9), "extras": {"turn_detection": {"threshold": 0.7}}},
        {"turn_detection": {"type": "server_vad", "silence_duration_ms": 9, "threshold": 0.7}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("more, told", ASKED.values(), ids=ASKED)
def test_each_wish_has_its_place(more: dict[str, Any], told: dict[str, Any]) -> None:
    heard = asked(**more)["audio"]["input"]
    assert {name: heard[name] for name in told} == told


@pytest.mark.parametrize("more", [{}, *(more for more, _ in ASKED.values())], ids=["nothing", *ASKED])
def test_a_session_is_one_that_the_sdk_knows(more: dict[str, Any]) -> None:
    def unknown(value: Any) -> list[str]:
        if not isinstance(value, BaseModel):
            return []
        within = [name for field in type(value).model_fields for name in unknown(getattr(value, field))]
        return [*(value.model_extra or {}), *within]

    assert unknown(RealtimeTranscriptionSessionCreateRequest.model_validate(asked(**more))) == []


@pytest.mark.parametrize(
    "model, sure",
    [("gpt-4o-mini-transcribe-2025-12-15", True), ("whisper-1", False), ("gpt-4o-transcribe-diarize", False)],
)
def test_only_models_that_tell_probabilities_are_asked_for_them(model: str, sure: bool) -> None:
    assert ("include" in asked(model=model)) == sure
    assert transcription(model=model).capabilities.confidence == sure


LEFT_OUT: dict[str, dict[str, Any]] = {
    "keyterms": {"model": "gpt-realtime-whisper", "keyterms": ("a",)},
    "languages": {"model": "gpt-4o-transcribe", "languages": ("en", "de")},
    "diarize": {"model": "gpt-4o-transcribe", "diarize": True},
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_a_model_does_not_do_is_told_once_the_session_has_begun(name: str) -> None:
    session = transcription(**LEFT_OUT[name])
    list(session.begin({"x-request-id": "r"}))
    assert feed(session, event("session.created", session={"id": "sess_1"})) == []
    told = feed(session, updated())
    assert told[0] == Began("sess_1")
    assert [(type(one), name in one.message) for one in told[1:]] == [(Warned, True)]


TAKES = [
    (AudioFormat(Encoding.MULAW, 8_000), AudioFormat(Encoding.MULAW, 8_000)),
    (AudioFormat(Encoding.ALAW, 8_000, 2), AudioFormat(Encoding.ALAW, 8_000)),
    (AudioFormat(Encoding.ALAW, 16_000), PCM),
    (AudioFormat(Encoding.PCM_S16LE, 16_000), PCM),
    (AudioFormat(Encoding.PCM_S16LE, 24_000, 2), PCM),
]


@pytest.mark.parametrize("given, sent", TAKES)
def test_sound_is_made_what_openai_takes(given: AudioFormat, sent: AudioFormat) -> None:
    assert OPENAI.stt.takes(given, "gpt-4o-transcribe") == sent


# --- turns -------------------------------------------------------------------------------------


def test_a_turn_is_told_without_the_padding_that_openai_counts_in() -> None:
    session = begun()
    told = feed(session, *turn("a", "One two.", (1856, 4024)), *turn("b", "Three.", (5000, 6000), "a"))
    assert told == [
        SpeechStarted(1856),
        Interim(segment_id="s0", text="One two."),
        Final(segment_id="s0", text="One two.", start_ms=1856, end_ms=4024),
        UtteranceEnd(utterance_id="u0", text="One two.", reason=EndReason.PROVIDER),
        SpeechStarted(5000),
        Interim(segment_id="s1", text="Three."),
        Final(segment_id="s1", text="Three.", start_ms=5000, end_ms=6000),
        UtteranceEnd(utterance_id="u1", text="Three.", reason=EndReason.PROVIDER),
    ]


def test_where_the_sound_begins_with_speech_there_is_no_padding() -> None:
    assert feed(begun(), started("a", 0)) == [SpeechStarted(0)]
    session = begun()
    list(session.audio(bytes(48 * 200) + LOUD))
    assert feed(session, started("a", 0)) == [SpeechStarted(200)]


def test_the_deltas_of_an_item_accumulate() -> None:
    session = begun()
    told = feed(session, committed("a"), *(delta("a", one) for one in (" One", ",", " two")))
    assert [one.text for one in told if isinstance(one, Interim)] == ["One", "One,", "One, two"]
    quiet = begun(interim_results=False)
    told = feed(quiet, committed("a"), delta("a", "One"), completed("a", "One"))
    assert [type(one) for one in told] == [SpeechStarted, Final, UtteranceEnd]


def texts(told: list[Any]) -> list[str]:
    return [one.text for one in told if isinstance(one, UtteranceEnd)]


THREE = [
    turn("a", "One.", (1000, 2000)),
    turn("b", "Two.", (3000, 4000), "a"),
    turn("c", "Three.", (5000, 6000), "b"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_items_are_told_in_their_order_whichever_is_written_down_first(order: tuple[int, ...]) -> None:
    session = begun()
    told = feed(session, *(message for one in THREE for message in one[:3]))
    assert told == [SpeechStarted(1000)]
    for place in order:
        told += feed(session, *THREE[place][3:])
    kinds = [type(one) for one in told if not isinstance(one, Interim)]
    assert kinds == [SpeechStarted, Final, UtteranceEnd] * 3
    assert texts(told) == ["One.", "Two.", "Three."]
    assert [(one.start_ms, one.end_ms) for one in told if isinstance(one, Final)] == [
        (1000, 2000), (3000, 4000), (5000, 6000),
    ]  # fmt: skip
    # What of a later item came early is told as soon as it is its turn.
    segments = [one.segment_id for one in told if isinstance(one, Interim | Final)]
    assert segments == sorted(segments)


def test_commits_that_are_told_in_another_order_go_where_they_belong() -> None:
    session = begun()
    feed(session, committed("a"), committed("b", "a"), committed("c", "a"))
    told = feed(session, completed("c", "Two."), completed("b", "Three."), completed("a", "One."))
    assert texts(told) == ["One.", "Two.", "Three."]


def test_noise_is_no_turn_and_holds_nobody_up() -> None:
    session = begun()
    told = feed(session, started("a", 700), stopped("a", 2000), committed("a"), completed("a", ""))
    assert told == [SpeechStarted(1000)]
    assert texts(feed(session, *turn("b", "One.", (3000, 4000), "a"))) == ["One."]


def test_what_was_announced_and_never_committed_holds_nobody_up() -> None:
    session = begun()
    feed(session, started("a", 700))
    assert texts(feed(session, *turn("b", "One.", (3000, 4000)))) == ["One."]


def test_confidence_is_that_of_all_tokens_and_absent_where_none_is_told() -> None:
    session = begun()
    sure = [
        {"token": "One", "logprob": log(0.9), "bytes": []},
        {"token": ".", "logprob": log(0.4), "bytes": []},
    ]
    told = feed(session, completed("a", "One.", logprobs=sure), completed("b", "Two."))
    assert [one.confidence for one in told if isinstance(one, Final)] == [0.6, None]


def test_the_language_is_the_first_that_is_told() -> None:
    session = begun(model="gpt-transcribe")
    told = feed(
        session, completed("a", "Eins.", languages=[{"code": "de"}]), completed("b", "x", languages=[])
    )
    assert [one.language for one in told if isinstance(one, Final)] == ["de", None]


# --- what the caller asks ----------------------------------------------------------------------


def test_a_finalize_commits_and_its_item_is_the_answer() -> None:
    session = begun()
    list(session.audio(LOUD))
    feed(session, started("a", 100))
    (said,) = says(session.finalize())
    assert said == {"type": "input_audio_buffer.commit", "event_id": "commit_1"}
    told = feed(session, committed("a"), completed("a", "One"))
    assert told == [
        Final(segment_id="s0", text="One", start_ms=400, end_ms=1000, from_finalize=True),
        UtteranceEnd(utterance_id="u0", text="One", reason=EndReason.FINALIZE),
    ]


def test_a_committed_item_that_is_called_otherwise_than_announced_began_when_that_did() -> None:
    session = begun()
    list(session.audio(LOUD))
    feed(session, started("a", 100))
    list(session.finalize())
    told = feed(session, committed("b"), completed("b", "One"))
    assert [one.start_ms for one in told if isinstance(one, Final)] == [400]
    # The speech goes on: its end is told of an item that nobody announced.
    told = feed(session, stopped("a", 2500), committed("a", "b"), completed("a", "two"))
    assert [(one.start_ms, one.end_ms, one.from_finalize) for one in told if isinstance(one, Final)] == [
        (None, 2000, False)
    ]


def test_a_turn_that_openai_ends_meanwhile_is_not_the_answer() -> None:
    session = begun()
    list(session.audio(LOUD))
    list(session.finalize())
    told = feed(
        session, *turn("a", "One.", (400, 500)), refused("input_audio_buffer_commit_empty", "commit_1")
    )
    finals = [(one.text, one.end_ms, one.from_finalize) for one in told if isinstance(one, Final)]
    assert finals == [("One.", 500, False), ("", 1000, True)]


@pytest.mark.parametrize("about", ["commit_1", None])
def test_that_there_was_nothing_to_commit_is_no_failure(about: str | None) -> None:
    session = begun(endpointing=Endpointing(mode="client"))
    list(session.audio(LOUD[:2400]))
    list(session.finalize())
    told = feed(session, refused("input_audio_buffer_commit_empty", about))
    assert [(one.text, one.end_ms, one.from_finalize) for one in told] == [("", 50, True)]


def test_a_finalize_in_silence_is_answered_at_once_behind_what_is_being_written_down() -> None:
    session = begun()
    (told,) = session.finalize()
    assert (told.text, told.from_finalize) == ("", True)
    list(session.audio(LOUD + bytes(48_000)))
    feed(session, started("a", 100), stopped("a", 1500), committed("a"))
    assert list(session.finalize()) == []
    told = feed(session, *turn("b", "Two.", (3000, 4000), "a"), completed("a", "One."))
    finals = [(one.text, one.from_finalize) for one in told if isinstance(one, Final)]
    assert finals == [("One.", False), ("", True), ("Two.", False)]


def test_the_end_commits_what_is_left_and_waits_until_all_is_written_down() -> None:
    session = begun()
    list(session.audio(LOUD))
    feed(session, started("a", 700), stopped("a", 900), committed("a"), started("b", 950))
    (said,) = says(session.finish())
    assert said["type"] == "input_audio_buffer.commit"
    assert HangUp() not in feed(session, committed("b", "a"), completed("b", "two"))
    told = feed(session, completed("a", "One."))
    assert texts(told) == ["One.", "two"]
    assert told[-2].reason is EndReason.STREAM_END
    assert told[-1] == HangUp()
    assert list(session.close(Closed(1006))) == [Heard(audio_ms=1000)]


QUIET: dict[str, dict[str, Any]] = {
    "no sound": {"sound": b""},
    "silence": {"sound": bytes(48_000)},
    "silence behind a turn": {"sound": LOUD + bytes(48_000), "messages": turn("a", "One.", (400, 900))},
}


@pytest.mark.parametrize("quiet", QUIET.values(), ids=QUIET)
def test_no_words_are_made_of_silence_at_the_end(quiet: dict[str, Any]) -> None:
    session = begun()
    list(session.audio(quiet["sound"]))
    feed(session, *quiet.get("messages", ()))
    if "messages" in quiet:
        # A turn's end is heard behind its silence: all that was loud is in it.
        session = begun()
        list(session.audio(LOUD[: 48 * 900] + bytes(48_000)))
        feed(session, *quiet["messages"])
    assert list(session.finish()) == [HangUp()]


def test_the_end_of_nothing_is_the_end() -> None:
    session = begun()
    list(session.audio(LOUD))
    list(session.finish())
    assert feed(session, refused("input_audio_buffer_commit_empty", "commit_1")) == [HangUp()]


def test_what_was_announced_and_came_to_nothing_is_not_waited_for_at_the_end() -> None:
    session = begun()
    list(session.audio(LOUD))
    list(session.finalize())
    feed(session, committed("a"), completed("a", "One"), started("b", 900))
    list(session.audio(LOUD[:960]))
    list(session.finish())
    assert feed(session, refused("input_audio_buffer_commit_empty", "commit_2")) == [HangUp()]


def test_seconds_are_billed_where_they_are_told() -> None:
    session = begun(model="whisper-1")
    list(session.audio(LOUD))
    list(session.finish())
    feed(session, committed("a"), completed("a", "One.", usage={"type": "duration", "seconds": 1.5}))
    assert list(session.close(Closed(1006))) == [Heard(audio_ms=1000, billed_ms=1500)]
    tokens = {"type": "tokens", "total_tokens": 3, "input_tokens": 2, "output_tokens": 1}
    session = begun()
    list(session.finish())
    feed(session, completed("a", "One.", usage=tokens))
    assert list(session.close(Closed(1006)))[-1] == Heard(audio_ms=0)


def test_a_change_says_all_that_holds() -> None:
    session = begun(languages=("en",), keyterms=("a",))
    change = Update(keyterms=("b",), languages=("de-DE",), endpointing=Endpointing(silence_ms=900))
    (said,) = says(session.update(change))
    heard = said["session"]["audio"]["input"]
    assert heard["transcription"] == {"model": "gpt-4o-transcribe", "language": "de", "prompt": "b"}
    assert heard["turn_detection"] == {"type": "server_vad", "silence_duration_ms": 900}
    (told,) = feed(session, refused("invalid_value", said["event_id"]))
    assert told == Warned("update_refused", "no")


# --- models that hear no turns -----------------------------------------------------------------

LIVE = "gpt-live-transcribe"


def test_a_model_that_hears_no_turns_is_told_where_one_is_over() -> None:
    session = begun(model=LIVE)
    assert (session.capabilities.interim, session.capabilities.vad, session.capabilities.turns) == (
        True,
        False,
        True,
    )
    said = says(session.audio(LOUD + bytes(48_000)))
    assert [one["type"] for one in said] == ["input_audio_buffer.append", "input_audio_buffer.commit",
                                             "input_audio_buffer.append"]  # fmt: skip
    assert len(b64decode(said[0]["audio"])) == 48_000 + 24_000
    told = feed(session, delta("a", "One"), delta("a", " two"), committed("a"), completed("a", "One two."))
    assert told == [
        SpeechStarted(inferred=True),
        Interim(segment_id="s0", text="One"),
        Interim(segment_id="s0", text="One two"),
        Final(segment_id="s0", text="One two.", start_ms=0, end_ms=1000),
        UtteranceEnd(utterance_id="u0", text="One two.", reason=EndReason.SILENCE),
    ]


def test_a_turn_of_somebody_who_speaks_softly_is_over_as_well() -> None:
    session = begun(model=LIVE)
    list(session.audio(bytes(48_000)))
    feed(session, delta("a", "One"))
    assert says(session.audio(bytes(24_000)))[1]["type"] == "input_audio_buffer.commit"


def test_no_words_are_made_of_the_silence_behind_a_turn() -> None:
    session = begun(model=LIVE)
    list(session.audio(LOUD + bytes(96_000)))
    feed(session, committed("a"), completed("a", "One."))
    assert [type(one) for one in session.finalize()] == [Final]
    assert list(session.finish()) == [HangUp()]


@pytest.mark.parametrize("mode", ["client", "off"])
def test_and_not_where_that_is_the_callers(mode: Any) -> None:
    session = begun(model=LIVE, endpointing=Endpointing(mode=mode))
    assert not session.capabilities.turns
    assert len(says(session.audio(LOUD + bytes(48_000)))) == 1


# --- sound -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 962, 48_000, MOST_BYTES + 2])
def test_all_sound_is_sent_whatever_its_pieces(size: int) -> None:
    count, every = 1 if size == 2 else 20, len(LOUD) + 28_800
    sound = (LOUD + bytes(28_800)) * count
    for model in ("gpt-4o-transcribe", LIVE):
        session = begun(model=model)
        said = [
            one for at in range(0, len(sound), size) for one in says(session.audio(sound[at : at + size]))
        ]
        pieces = [b64decode(one["audio"]) for one in said if one["type"] == "input_audio_buffer.append"]
        assert b"".join(pieces) == sound
        assert max(map(len, pieces)) <= MOST_BYTES
        at, places = 0, []
        for one in said:
            at += len(b64decode(one.get("audio", "")))
            if one["type"] == "input_audio_buffer.commit":
                places.append(at)
        over = [at * every + len(LOUD) + 24_000 for at in range(count)] if model == LIVE else []
        # A turn is over at the same place, to a step of twenty milliseconds.
        assert [abs(place - there) <= 1_920 for place, there in zip(places, over, strict=True)] == [
            True
        ] * len(over)
    assert list(begun().audio(b"")) == []


def test_another_session_tells_the_same() -> None:
    messages = [message for one in THREE for message in one]
    assert feed(begun(), *messages) == feed(begun(), *messages)


# --- refusals and closes -----------------------------------------------------------------------

REFUSED = {
    ("insufficient_quota", "insufficient_quota"): Kind.QUOTA,
    ("rate_limit_exceeded", "requests"): Kind.RATE_LIMITED,
    ("invalid_api_key", "invalid_request_error"): Kind.CREDENTIAL_REJECTED,
    ("model_not_found", "invalid_request_error"): Kind.NOT_FOUND,
    ("invalid_value", "invalid_request_error"): Kind.INVALID_REQUEST,
    ("internal", "server_error"): Kind.UPSTREAM,
}


@pytest.mark.parametrize("said, kind", REFUSED.items())
def test_an_error_is_of_the_kind_that_its_code_says(said: tuple[str, str], kind: Kind) -> None:
    session = transcription()
    list(session.begin({}))
    with pytest.raises(ProviderError) as error:
        feed(session, refused(said[0], "update_1", said[1]))
    assert (error.value.kind, error.value.refusal.code) == (kind, said[0])


def test_an_item_that_failed_is_heard_again_unless_nobody_can_make_it_out() -> None:
    session = begun()
    feed(session, started("a", 700), stopped("a", 1500), committed("a"))
    failed = {"type": "transcription_error", "code": "audio_unintelligible", "message": "no"}
    (told,) = feed(session, event(f"{TEXTS}.failed", "a", error=failed))
    assert isinstance(told, Warned)
    assert texts(feed(session, *turn("b", "One.", (3000, 4000), "a"))) == ["One."]
    with pytest.raises(ProviderError) as error:
        feed(
            session,
            event(f"{TEXTS}.failed", "c", error={**failed, "type": "server_error", "code": "internal"}),
        )
    assert error.value.kind is Kind.UPSTREAM


EXPIRED = "Your session hit the maximum duration of 60 minutes."


def test_a_session_whose_hour_is_over_goes_on_on_a_new_socket() -> None:
    session = begun()
    feed(session, *turn("a", "One.", (400, 900)))
    assert feed(session, refused("session_expired")) == [Redial()]
    assert list(session.close(Closed(1001, EXPIRED))) == [Redial()]
    for fails in (
        lambda: feed(begun(), refused("session_expired")),
        lambda: begun().close(Closed(1001, EXPIRED)),
    ):
        with pytest.raises(ProviderError) as error:
            fails()
        assert error.value.kind is Kind.TRUNCATED


CLOSES = {
    "a key": (Closed(3000, "invalid_request_error.invalid_api_key"), Kind.CREDENTIAL_REJECTED),
    "cut": (Closed(1006), Kind.TRUNCATED),
    "early": (Closed(1000), Kind.TRUNCATED),
    "words": (Closed(1011, "the server is going away"), Kind.TRUNCATED),
}


@pytest.mark.parametrize("closed, kind", CLOSES.values(), ids=CLOSES)
def test_a_close_before_its_time_says_what_it_means(closed: Closed, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(begun().close(closed))
    assert error.value.kind is kind


def test_a_close_while_anything_is_still_written_down_loses_it() -> None:
    session = begun()
    feed(session, committed("a"))
    list(session.finish())
    with pytest.raises(ProviderError) as error:
        list(session.close(Closed(1000)))
    assert error.value.kind is Kind.TRUNCATED
    told = list(session.close(Closed(1006)))
    assert [type(one) for one in told] == [Warned, Heard]


def test_an_error_in_another_shape_is_an_error() -> None:
    for error in ("The key sk-0123456789 may not do this.", None, {"message": "no"}):
        with pytest.raises(ProviderError) as raised:
            feed(begun(), event("error", error=error))
        assert "sk-0123456789" not in raised.value.message


# --- in the SDK's place ------------------------------------------------------------------------


async def test_a_session_is_told_what_the_sdk_would_tell_it() -> None:
    async with Lab() as lab:
        lab.script("openai", Answer(heard=(Said(text="One two.", start_ms=100, end_ms=900),)))
        base = lab.url("openai")
        async with (
            openai.AsyncOpenAI(
                api_key="k", base_url=base, websocket_base_url=base.replace("http", "ws")
            ) as client,
            client.realtime.connect(extra_query={"intent": "transcription"}) as sdk,
        ):
            for silence in (400, 800):
                await sdk.session.update(session={
                    "type": "transcription",
                    "audio": {"input": {
                        "format": {"type": "audio/pcm", "rate": 24_000},
                        "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "a table"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": silence},
                    }},
                    "include": ["item.input_audio_transcription.logprobs"],
                })  # fmt: skip
            await sdk.input_audio_buffer.append(audio=b64encode(LOUD).decode())
            await sdk.input_audio_buffer.commit()
            while (await sdk.recv()).type != f"{TEXTS}.completed":
                pass
        theirs = lab.requests[-1]
    session = transcription(
        keyterms=("a table",), languages=("en-US",), endpointing=Endpointing(silence_ms=400)
    )
    ours = [
        *session.begin({}), *session.update(Update(endpointing=Endpointing(silence_ms=800))), *session.audio(LOUD),
        *session.finish(),
    ]  # fmt: skip
    said = says(ours)
    # Ours name their updates and commits, so that an error tells which of them it is about: the SDK leaves that out.
    assert [one.pop("event_id", None) for one in said] == ["update_1", "update_2", None, "commit_1"]
    assert said == [json.loads(one) for one in theirs.said]
    path, _, query = session.request.url.removeprefix("wss://api.openai.com").partition("?")
    assert (path, query) == (theirs.path, "&".join(f"{name}={value}" for name, value in theirs.query.items()))
    # The SDK says who it is; what OpenAI reads of a handshake is the key, and whose it is where that is asked for.
    ours_only = {name for name, _ in session.request.headers} - theirs.headers.keys()
    assert (ours_only, theirs.headers["authorization"].split()[0]) == (set(), "Bearer")
    assert "openai-beta" not in theirs.headers
