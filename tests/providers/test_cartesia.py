"""What Cartesia's messages mean, without a network; and what its own SDK would have said in our place."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cartesia import AsyncCartesia

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError, StreamCut
from integration_api.core.exchange import HttpResponse
from integration_api.core.session import Began, Closed, HangUp, Redial, Say, Warned
from integration_api.core.stt import (
    Endpointing,
    EndReason,
    Final,
    Interim,
    ListenRequest,
    SpeechStarted,
    TranscribeRequest,
    Update,
    UtteranceEnd,
)
from integration_api.core.tts import (
    Flushed,
    Manner,
    Sound,
    SpeakRequest,
    Spoken,
    SynthesisRequest,
    Timestamps,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.cartesia import CARTESIA, listen
from integration_api.providers.cartesia.stt import Ink
from integration_api.providers.cartesia.tts import Sonic
from integration_api.providers.cartesia.turns_stt import InkTurns
from lab import Lab

CREDENTIAL = Credential("cartesia")
VOICE = "00000000-0000-4000-8000-000000000001"


def ink(**asked: Any) -> Ink:
    return Ink(ListenRequest(**{"model": "ink-2", **asked}), CREDENTIAL, Utterances())


def turns(**asked: Any) -> InkTurns:
    return InkTurns(ListenRequest(**{"model": "ink-2", **asked}), CREDENTIAL, Utterances())


def sonic(**asked: Any) -> Sonic:
    return Sonic(SynthesisRequest(**{"model": "sonic-3", "voice": VOICE, **asked}), CREDENTIAL)


def transcript(text: str, *, final: bool = True, **more: Any) -> str:
    return json.dumps({"type": "transcript", "is_final": final, "text": text, "request_id": "r", **more})


def said(kind: str, **more: Any) -> str:
    return json.dumps({"type": kind, "request_id": "r", **more})


# --- an ear that is told when a turn is over ---------------------------------------------------


def test_who_says_that_a_turn_is_over_decides_which_socket_is_dialled() -> None:
    def path(**asked: Any) -> str:
        session = listen(ListenRequest(**{"model": "ink-2", **asked}), CREDENTIAL, Utterances())
        return session.request.url.split("?")[0]

    assert path() == "wss://api.cartesia.ai/stt/turns/websocket"
    assert path(endpointing=Endpointing(mode="client")) == "wss://api.cartesia.ai/stt/websocket"
    assert path(model="ink-whisper") == "wss://api.cartesia.ai/stt/websocket"


def test_what_is_asked_for_is_written_as_its_parameters() -> None:
    session = ink(
        model="ink-whisper",
        input=AudioFormat(Encoding.MULAW, 8000),
        languages=("en-GB",),
        keyterms=("two words", "x"),
        endpointing=Endpointing(silence_ms=250),
    )
    assert session.request.url.split("?")[1] == (
        "model=ink-whisper&encoding=pcm_mulaw&sample_rate=8000&language=en&keyterm=two%20words&keyterm=x"
        "&max_silence_duration_secs=0.25"
    )
    assert dict(session.request.headers) == {"cartesia-version": "2026-08-14"}
    assert turns(endpointing=Endpointing(eager_threshold=0.5, silence_ms=100)).request.url.endswith(
        "turn_eager_end_threshold=0.5&turn_end_timeout_ms=640"
    )
    assert turns(endpointing=Endpointing(utterance_end_ms=2000)).request.url.endswith(
        "turn_end_timeout_ms=2000"
    )


def test_texts_are_deltas_and_bring_their_own_space() -> None:
    session = ink()
    told = [
        *session.feed(transcript("I would un", duration=1.0)),
        *session.feed(transcript("like", final=False)),
        *session.feed(transcript("like that", duration=0.5)),
        *session.feed(transcript(" very much.", duration=0.5)),
    ]
    list(session.finalize())
    ended = list(session.feed(said("flush_done")))
    assert [one.text for one in told if isinstance(one, Final)] == ["I would un", "like that", "very much."]
    assert [(one.start_ms, one.end_ms) for one in told if isinstance(one, Final)] == [
        (0, 1000), (1000, 1500), (1500, 2000),
    ]  # fmt: skip
    assert [(one.text, one.reason) for one in ended] == [
        ("I would unlike that very much.", EndReason.FINALIZE)
    ]


def test_what_another_provider_settled_is_not_glued_to() -> None:
    utterances = Utterances()
    utterances.final("A table")
    session = Ink(ListenRequest(model="ink-2"), CREDENTIAL, utterances)
    list(session.feed(transcript("for two")))
    list(session.feed(transcript(" please.")))
    list(session.finish())
    (ended,) = session.close(Closed(1000))
    assert ended.text == "A table for two please."


def test_a_finalize_that_settles_nothing_is_answered() -> None:
    session = ink()
    list(session.audio(bytes(32_000)))
    assert list(session.finalize()) == [Say("finalize")]
    (final,) = session.feed(said("flush_done"))
    assert (final.text, final.from_finalize, final.end_ms) == ("", True, 1000)


def test_the_word_that_keeps_a_socket_open_moves_no_clock() -> None:
    session = ink()
    assert session.keep_alive is not None
    assert session.keep_alive.seconds < 180
    assert list(session.keep_alive.acts) == [Say("finalize")]
    list(session.feed(transcript("Well")))
    (ended,) = session.feed(said("flush_done"))
    assert ended.reason is EndReason.SILENCE


LOUD = b"\x00\x40" * 320
QUIET = bytes(640)
"""20 ms of each, at 16 kHz."""
HALF = Endpointing(silence_ms=500)


def acts(session: Ink, sound: bytes, size: int) -> list[str]:
    """Say sound in pieces of that size; return what is sent, and after how many bytes of sound."""
    told, sent = [], 0
    for at in range(0, len(sound), size):
        for act in session.audio(sound[at : at + size]):
            assert isinstance(act, Say)
            sent += len(act.message) if isinstance(act.message, bytes) else 0
            told += [f"{act.message} at {sent * 1000 // 32_000}"] if isinstance(act.message, str) else []
    assert sent == len(sound)
    return told


@pytest.mark.parametrize("size", [640, 700, 3200, 1_000_000])
def test_where_a_silence_was_asked_for_it_ends_a_turn(size: int) -> None:
    session = ink(model="ink-whisper", endpointing=HALF)
    assert session.capabilities.turns
    sound = QUIET * 50 + LOUD * 30 + QUIET * 20 + LOUD * 20 + QUIET * 60 + LOUD + QUIET * 30
    (first, second) = acts(session, sound, size)
    late = {640: 0, 700: 20, 3200: 100, 1_000_000: 0}[size]
    assert 2900 <= int(first.removeprefix("finalize at ")) <= 2900 + late
    assert 4120 <= int(second.removeprefix("finalize at ")) <= 4120 + late
    told = [
        *session.feed(transcript("A table")),
        *session.feed(transcript(" for two.")),
        *session.feed(said("flush_done")),
    ]
    assert [one.from_finalize for one in told if isinstance(one, Final)] == [False, False]
    assert (told[-1].text, told[-1].reason) == ("A table for two.", EndReason.SILENCE)
    assert list(session.feed(said("flush_done"))) == []  # That was noise.


def test_a_caller_may_ask_for_the_text_while_a_silence_ends_a_turn() -> None:
    session = ink(model="ink-whisper", endpointing=HALF)
    assert len(acts(session, LOUD + QUIET * 30, 640)) == 1
    list(session.finalize())
    told = [
        *session.feed(transcript("One")),
        *session.feed(said("flush_done")),
        *session.feed(said("flush_done")),
    ]
    assert [one.reason for one in told if isinstance(one, UtteranceEnd)] == [EndReason.SILENCE]
    assert (told[-1].text, told[-1].from_finalize, told[-1].end_ms) == ("", True, 620)


def test_who_speaks_too_softly_to_be_heard_has_turns_too() -> None:
    session = ink(model="ink-whisper", endpointing=Endpointing(utterance_end_ms=2000))
    assert acts(session, QUIET * 200, 640) == []
    list(session.feed(transcript("psst", final=False)))
    assert acts(session, QUIET * 200, 640) == ["finalize at 2000"]


def test_a_turn_that_another_provider_heard_ends_though_only_silence_follows() -> None:
    so_far = Utterances()
    so_far.final("A table for two.")
    session = Ink(ListenRequest(model="ink-whisper", endpointing=HALF), CREDENTIAL, so_far)
    assert acts(session, QUIET * 100, 640) == ["finalize at 500"]
    (ended,) = session.feed(said("flush_done"))
    assert (ended.text, ended.reason) == ("A table for two.", EndReason.SILENCE)


def test_who_ends_its_turns_itself_is_not_listened_to_until_it_changes_its_mind() -> None:
    session = ink(endpointing=Endpointing(mode="client", silence_ms=500))
    assert not session.capabilities.turns
    assert acts(session, LOUD + QUIET * 100, 640) == []
    assert list(session.update(Update(endpointing=HALF))) == []
    assert len(acts(session, LOUD + QUIET * 100, 640)) == 1
    assert [type(one) for one in session.update(Update(keyterms=("a",)))] == [Warned]


def test_interims_nobody_asked_for_are_not_told() -> None:
    assert list(ink(interim_results=False).feed(transcript("a", final=False))) == []
    assert isinstance(list(ink().feed(transcript("a", final=False)))[-1], Interim)


# --- an ear that tells turns -------------------------------------------------------------------


def test_turns_wait_for_connected() -> None:
    session = turns()
    assert list(session.begin({})) == []
    assert list(session.feed(said("connected"))) == [Began("r")]


def test_a_turn_is_cumulative_and_ends_once() -> None:
    session = turns()
    told = [
        *session.feed(said("turn.start")),
        *session.feed(said("turn.update", transcript="One")),
        *session.feed(said("turn.eager_end", transcript="One")),
        *session.feed(said("turn.resume")),
        *session.feed(said("turn.update", transcript="One two")),
        *session.feed(said("turn.end", transcript="One two.")),
    ]
    assert isinstance(told[0], SpeechStarted)
    assert not told[0].inferred
    assert told[0].audio_time_ms is None
    assert [one.text for one in told if isinstance(one, Final | UtteranceEnd)] == ["One two.", "One two."]
    assert session.keep_alive is not None
    assert session.keep_alive.seconds > 60


def test_within_a_turn_silence_is_sent_where_the_caller_sends_nothing() -> None:
    session = turns(input=AudioFormat(Encoding.MULAW, 8000))
    list(session.feed(said("turn.start")))
    keep_alive = session.keep_alive
    assert keep_alive is not None
    assert keep_alive.seconds == 0.5
    assert list(keep_alive.acts) == [Say(b"\xff" * 4000)]


def test_finalize_closes_and_the_session_goes_on_on_a_new_socket() -> None:
    session = turns()
    list(session.feed(said("turn.start")))
    list(session.audio(bytes(16_000)))
    assert list(session.finalize()) == [Say('{"type":"close"}')]
    assert list(session.audio(bytes(16_000))) == []
    told = list(session.feed(said("turn.end", transcript="Half")))
    assert [(one.text, one.from_finalize, one.end_ms) for one in told if isinstance(one, Final)] == [
        ("Half", True, 500)
    ]
    assert told[-1].reason is EndReason.FINALIZE
    assert list(session.close(Closed(1000))) == [Redial()]


def test_what_is_said_after_finalize_is_heard_even_if_the_end_is_near() -> None:
    session = turns()
    list(session.finalize())
    assert session.keep_alive is None
    list(session.audio(bytes(640)))
    assert list(session.finish()) == []
    assert list(session.close(Closed(1000)))[-1] == Redial()
    silent = turns()
    list(silent.finalize())
    list(silent.finish())
    assert list(silent.close(Closed(1000))) == []


def test_only_when_a_turn_ends_can_be_changed() -> None:
    told = list(turns().update(Update(keyterms=("a",), endpointing=Endpointing(silence_ms=20_000))))
    assert isinstance(told[0], Warned)
    assert json.loads(told[1].message) == {"type": "config", "turn": {"end_timeout_ms": 11_200}}


# --- refusals and closes -----------------------------------------------------------------------

REFUSALS = {401: Kind.CREDENTIAL_REJECTED, 402: Kind.QUOTA, 403: Kind.PERMISSION, 429: Kind.RATE_LIMITED}


@pytest.mark.parametrize("status, kind", REFUSALS.items())
def test_a_refusal_keeps_its_code_and_request_id(status: int, kind: Kind) -> None:
    body = json.dumps({"error_code": "x", "title": "T", "message": "words", "request_id": "r1"}).encode()
    error = CARTESIA.fault(HttpResponse(status, {}, body))
    assert (error.kind, error.refusal.code, error.refusal.request_id) == (kind, "x", "r1")


def test_a_refusal_in_plain_text_is_read_as_it_is() -> None:
    headers = {"content-type": "text/plain", "x-request-id": "r2"}
    error = CARTESIA.fault(HttpResponse(400, headers, b"Bad request: no model"))
    assert (error.message, error.refusal.request_id) == ("Bad request: no model", "r2")


@pytest.mark.parametrize("session", [ink, turns, sonic])
def test_an_error_on_a_socket_is_what_its_status_says(session: Any) -> None:
    words = {"status_code": 429, "error_code": "concurrency_limited", "title": "T", "message": "m"}
    with pytest.raises(ProviderError) as error:
        list(session().feed(said("error", **words)))
    assert (error.value.kind, error.value.refusal.code) == (Kind.RATE_LIMITED, "concurrency_limited")


CLOSES = {
    1000: Kind.TRUNCATED,
    1006: Kind.TRUNCATED,
    1008: Kind.INVALID_REQUEST,
    1011: Kind.TRUNCATED,
    1013: Kind.OVERLOADED,
}


@pytest.mark.parametrize("session", [ink, turns, sonic])
@pytest.mark.parametrize("code, kind", CLOSES.items())
def test_a_close_before_its_time_says_what_it_means(session: Any, code: int, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(session().close(Closed(code)))
    assert error.value.kind is kind


# --- recordings --------------------------------------------------------------------------------


def test_a_recording_is_sent_as_a_form_and_read() -> None:
    ask = TranscribeRequest(
        model="ink-whisper", audio=b"\0\1", format=AudioFormat(), languages=("de-DE",), temperature=0.5
    )
    exchange = CARTESIA.stt.transcribe(ask, CREDENTIAL)
    request = next(exchange)
    assert request.url.endswith("/stt?encoding=pcm_s16le&sample_rate=16000")
    for part in (b'name="model"\r\n\r\nink-whisper', b'name="language"\r\n\r\nde', b"\r\n\r\n\0\1\r\n"):
        assert part in request.body
    body = {
        "type": "transcript", "text": " Hallo.", "duration": 1.5, "language": "de",
        "words": [{"word": " Hallo.", "start": 0.25, "end": 1.0}],
    }  # fmt: skip
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps(body).encode()))
    answer = done.value.value
    assert (answer.text, answer.duration_ms, answer.usage.audio_seconds) == ("Hallo.", 1500, 1.5)
    assert [(one.text, one.start_ms, one.end_ms) for one in answer.words] == [("Hallo.", 250, 1000)]
    assert [one.param for one in answer.warnings] == ["temperature"]


# --- a voice -----------------------------------------------------------------------------------


def chunk(context: str, data: bytes = b"\0\0") -> str:
    return said("chunk", context_id=context, data=b64encode(data).decode(), done=False, status_code=206)


def frames(acts: Any) -> list[dict[str, Any]]:
    return [json.loads(one.message) for one in acts if isinstance(one, Say)]


def test_utterances_overlap_as_contexts() -> None:
    session = sonic(timestamps="word", text_buffering="none")
    (first,) = frames(session.text("a", "One."))
    (second,) = frames(session.text("b", "Two."))
    assert (first["context_id"], second["context_id"]) == ("u1", "u2")
    assert (first["continue"], first["max_buffer_delay_ms"], first["add_timestamps"]) == (True, 0, True)
    assert list(session.feed(chunk("u2"))) == [Sound("b", b"\0\0")]
    assert list(session.feed(chunk("u1"))) == [Sound("a", b"\0\0")]
    (end,) = frames(session.end_utterance("a"))
    assert (end["transcript"], end["continue"]) == ("", False)
    assert list(session.feed(said("done", context_id="u1"))) == [Spoken(utterance_id="a")]


def test_what_comes_after_a_cancel_is_dropped_and_a_name_used_again_is_another_context() -> None:
    session = sonic()
    list(session.text("a", "Old."))
    assert frames(session.cancel("a", 100)) == [{"context_id": "u1", "cancel": True}]
    (new,) = frames(session.text("a", "New."))
    assert new["context_id"] == "u2"
    assert list(session.feed(chunk("u1"))) == []
    assert list(session.feed(said("error", context_id="u1", status_code=400))) == []
    assert list(session.feed(chunk("u2"))) == [Sound("a", b"\0\0")]


def test_a_context_that_was_forgotten_goes_on_as_another() -> None:
    session = sonic(timestamps="word")
    list(session.text("a", "One "))
    list(session.feed(chunk("u1", bytes(48_000))))
    assert list(session.feed(said("done", context_id="u1"))) == []
    (again,) = frames(session.text("a", "two"))
    assert again["context_id"] == "u2"
    times = {"words": ["two"], "start": [0.1], "end": [0.2]}
    (told,) = session.feed(said("timestamps", context_id="u2", word_timestamps=times))
    assert isinstance(told, Timestamps)
    (mark,) = told.items
    assert (mark.start_ms, mark.end_ms, mark.char_start, mark.char_end) == (1100, 1200, 4, 7)
    list(session.feed(said("done", context_id="u2")))
    assert list(session.end_utterance("a")) == [Spoken(utterance_id="a")]


def test_a_flush_is_answered() -> None:
    session = sonic()
    list(session.text("a", "One"))
    (asked,) = frames(session.flush("a"))
    assert (asked["flush"], asked["continue"]) == (True, True)
    assert list(session.feed(said("flush_done", context_id="u1", flush_id=1))) == [Flushed("a")]


def test_a_change_is_for_the_utterances_that_begin_after_it() -> None:
    session = sonic()
    list(session.text("a", "One "))
    list(session.update("v2", 1.2))
    (old,) = frames(session.text("a", "more"))
    (new,) = frames(session.text("b", "Two"))
    assert old["voice"] == {"id": VOICE}
    assert "generation_config" not in old
    assert (new["voice"], new["generation_config"]) == ({"id": "v2"}, {"speed": 1.2})


def test_manners_are_kept_within_their_ranges_and_what_there_is_no_word_for_is_told() -> None:
    session = sonic(manner=Manner(language="de-DE", speed=3.0, volume=6.0, emotion="calm", pitch=1.0))
    told = list(session.begin({}))
    assert [type(one) for one in told] == [Began, Warned]
    (said_,) = frames(session.text("a", "One"))
    assert said_["language"] == "de"
    assert said_["generation_config"] == {"speed": 1.5, "volume": 1.995, "emotion": "calm"}


def test_a_socket_that_nobody_spoke_on_for_long_is_opened_anew() -> None:
    session = sonic()
    list(session.text("a", "One"))
    list(session.end_utterance("a"))
    list(session.feed(said("done", context_id="u1")))
    assert list(session.close(Closed(1000))) == [Redial()]
    assert list(session.finish()) == [HangUp()]
    assert list(session.close(Closed(1006))) == []


def test_a_text_is_spoken_whole_with_its_times_or_without() -> None:
    def ask(**more: Any) -> Any:
        asked = SpeakRequest(**{"model": "sonic-3", "voice": VOICE, "text": "One two", **more})
        return CARTESIA.tts.speak(asked, CREDENTIAL)

    plain = ask(output=AudioFormat(Encoding.MP3, 44_100))
    assert plain.request.url.endswith("/tts/bytes")
    assert json.loads(plain.request.body)["output_format"] == {
        "container": "mp3", "sample_rate": 44_100, "bit_rate": 128_000,
    }  # fmt: skip
    timed = ask(timestamps="word")
    assert timed.request.url.endswith("/tts/sse")
    with pytest.raises(StreamCut):
        timed.reader.close()
    with pytest.raises(Failure):
        ask(output=AudioFormat(Encoding.FLAC, 24_000))


def test_voices_come_page_by_page() -> None:
    exchange = CARTESIA.tts.voices(CREDENTIAL)
    assert "starting_after" not in next(exchange).url

    def page(id: str, *, more: bool) -> HttpResponse:
        voice = {"id": id, "name": id, "language": "en", "locales": [{"locale": "en-US"}]}
        return HttpResponse(200, {}, json.dumps({"data": [voice], "has_more": more}).encode())

    assert exchange.send(page("a", more=True)).url.endswith("starting_after=a")
    with pytest.raises(StopIteration) as done:
        exchange.send(page("b", more=False))
    assert [(one.id, one.languages) for one in done.value.value] == [("a", ("en-US",)), ("b", ("en-US",))]


# --- in the SDK's place ------------------------------------------------------------------------


def messages(acts: list[Any]) -> list[Any]:
    return [one.message for one in acts if isinstance(one, Say)]


async def test_an_ear_is_told_what_the_sdk_would_tell_it() -> None:
    about: dict[str, Any] = {"model": "ink-2", "encoding": "pcm_s16le", "sample_rate": 16_000}
    async with Lab() as lab:
        base = lab.url("cartesia", version="")
        sdk = AsyncCartesia(api_key="k", base_url=base, websocket_base_url=base.replace("http", "ws"))
        async with sdk, sdk.stt.manual_finalize.websocket(keyterm=["a table"], **about) as socket:
            await socket.send_raw(b"\0\0")
            await socket.send("finalize")
            await socket.send("close")
            [_ async for _ in socket]
        manual = lab.requests[-1]
        async with (
            AsyncCartesia(api_key="k", base_url=base, websocket_base_url=base.replace("http", "ws")) as sdk,
            sdk.stt.auto_finalize.websocket(turn_end_timeout_ms=900, **about) as socket,
        ):
            await socket.send_raw(b"\0\0")
            await socket.send({"type": "config", "turn": {"end_timeout_ms": 800}})
            await socket.send({"type": "close"})
            [_ async for _ in socket]
        auto = lab.requests[-1]
    ours = ink(keyterms=("a table",))
    said_ = messages([*ours.audio(b"\0\0"), *ours.finalize(), *ours.finish()])
    assert said_ == manual.said
    assert _query(ours.request.url) == manual.query
    theirs = turns(endpointing=Endpointing(silence_ms=900))
    change = Update(endpointing=Endpointing(silence_ms=800))
    heard = messages([*theirs.audio(b"\0\0"), *theirs.update(change), *theirs.finish()])
    assert [heard[0], *map(json.loads, heard[1:])] == [auto.said[0], *map(json.loads, auto.said[1:])]
    assert _query(theirs.request.url) == auto.query
    assert dict(ours.request.headers)["cartesia-version"] == manual.headers["cartesia-version"]


async def test_a_voice_is_told_what_the_sdk_would_tell_it() -> None:
    output: dict[str, Any] = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}
    async with Lab() as lab:
        base = lab.url("cartesia", version="")
        sdk = AsyncCartesia(api_key="k", base_url=base, websocket_base_url=base.replace("http", "ws"))
        async with sdk, sdk.tts.websocket_connect() as socket:
            context = socket.context(
                "u1", model_id="sonic-3", voice={"id": VOICE}, output_format=output, language="en",
                add_timestamps=True, max_buffer_delay_ms=0, generation_config={"speed": 1.1},
            )  # fmt: skip
            await context.push("Hello ")
            await context.push("", flush=True)
            await context.no_more_inputs()
            [_ async for _ in context.receive()]
        told = [json.loads(one) for one in lab.requests[-1].said]
    session = sonic(timestamps="word", text_buffering="none", manner=Manner(language="en", speed=1.1))
    ours = frames([
        *session.text("x", "Hello "), *session.flush("x"), *session.end_utterance("x"),
    ])  # fmt: skip
    assert ours == told


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(url.split("?")[1]))
