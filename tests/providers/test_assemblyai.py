"""What AssemblyAI's messages mean, and what its own SDK would have said in our place."""

import json
from collections.abc import Iterator
from struct import unpack_from
from typing import Any
from urllib.parse import parse_qsl

import assemblyai
import pytest
from assemblyai._multipart import StreamingMultipartEncoder
from assemblyai.streaming.v3 import (
    AsyncRealTimeTranscriber,
    RealTimeParameters,
    RealTimeSessionParameters,
    RealTimeTranscriberOptions,
)

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Header, HttpRequest, HttpResponse, Query
from integration_api.core.session import Began, Closed, Redial, Say, Warned
from integration_api.core.stt import (
    Endpointing,
    EndReason,
    Final,
    Heard,
    Interim,
    ListenRequest,
    Revision,
    TranscribeRequest,
    Transcript,
    Update,
    UtteranceEnd,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.assemblyai import ASSEMBLYAI, client
from integration_api.providers.assemblyai.pieces import Pieces
from integration_api.providers.assemblyai.stt import Universal
from lab import Lab

CREDENTIAL = Credential("assemblyai")
MODEL = "universal-streaming-english"


def universal(**asked: Any) -> Universal:
    return Universal(ListenRequest(**{"model": MODEL, **asked}), CREDENTIAL, Utterances())


def turn(text: str, order: int = 0, *, end: bool = False, formatted: bool = False, **more: Any) -> str:
    words = [
        {
            "text": word,
            "start": place * 100,
            "end": place * 100 + 90,
            "confidence": 0.9,
            "word_is_final": True,
        }
        for place, word in enumerate(text.split())
    ]
    return json.dumps({
        "type": "Turn", "turn_order": order, "turn_is_formatted": formatted, "end_of_turn": end, "transcript": text,
        "end_of_turn_confidence": 0.8, "words": words, **more,
    })  # fmt: skip


def answered(exchange: Any, *replies: dict[str, Any]) -> Iterator[HttpRequest | Transcript]:
    """Yield what an exchange asks, answered with one reply after another, and its answer."""
    yield next(exchange)
    try:
        for reply in replies:
            yield exchange.send(HttpResponse(200, {}, json.dumps(reply).encode()))
    except StopIteration as done:
        yield done.value


# --- live --------------------------------------------------------------------------------------


def test_what_is_asked_for_is_written_as_its_parameters() -> None:
    session = universal(
        input=AudioFormat(Encoding.MULAW, 8000),
        languages=("en-US", "es"),
        diarize=True,
        keyterms=("two words", "x"),
        endpointing=Endpointing(silence_ms=700),
    )
    assert session.request.url.startswith("wss://streaming.assemblyai.com/v3/ws?")
    assert dict(parse_qsl(session.request.url.split("?")[1])) == {
        "sample_rate": "8000", "encoding": "pcm_mulaw", "speech_model": MODEL, "format_turns": "true",
        "language_codes": '["en","es"]', "max_turn_silence": "700", "speaker_labels": "true",
        "keyterms_prompt": '["two words","x"]',
    }  # fmt: skip


def test_a_turn_is_over_after_so_much_silence_by_either_name() -> None:
    later = Endpointing(utterance_end_ms=2000)
    asked = dict(parse_qsl(universal(endpointing=later).request.url.split("?")[1]))
    assert asked["max_turn_silence"] == "2000"
    (said,) = universal().update(Update(endpointing=later))
    assert isinstance(said, Say)
    assert json.loads(said.message) == {"type": "UpdateConfiguration", "max_turn_silence": 2000}


REGIONS = {
    "https://api.assemblyai.com": "wss://streaming.assemblyai.com/v3/ws",
    "https://api.eu.assemblyai.com": "wss://streaming.eu.assemblyai.com/v3/ws",
    "http://127.0.0.1:1/assemblyai": "ws://127.0.0.1:1/assemblyai/v3/ws",
}


@pytest.mark.parametrize("base, dialled", REGIONS.items())
def test_each_region_has_hosts_of_its_own(base: str, dialled: str) -> None:
    credential = Credential("assemblyai", {"base_url": base})
    session = Universal(ListenRequest(model=MODEL), credential, Utterances())
    assert session.request.url.split("?")[0] == dialled


def test_a_turn_that_ends_twice_is_told_once() -> None:
    session = universal()
    assert list(session.feed('{"type":"Begin","id":"r","expires_at":1}')) == [Began("r")]
    told = [
        *session.feed(turn("one two")),
        *session.feed(turn("one two", end=True)),
        *session.feed(turn("One two.", end=True, formatted=True)),
        *session.feed(turn("One two.", end=True, formatted=True)),
    ]
    assert [one.text for one in told if isinstance(one, Interim)] == ["one two"]
    assert [(one.text, one.start_ms, one.end_ms) for one in told if isinstance(one, Final)] == [
        ("One two.", 0, 190)
    ]
    assert [(one.text, one.end_of_turn_confidence) for one in told if isinstance(one, UtteranceEnd)] == [
        ("One two.", 0.8)
    ]


def test_without_formatting_the_first_end_is_the_end() -> None:
    told = list(universal(punctuate=False).feed(turn("one two", end=True)))
    assert [type(one) for one in told[-2:]] == [Final, UtteranceEnd]


AFTER = {
    "the next turn": turn("three", 1),
    "the end": '{"type":"Termination","audio_duration_seconds":3,"session_duration_seconds":5}',
}


@pytest.mark.parametrize("message", AFTER.values(), ids=AFTER)
def test_a_turn_that_is_never_formatted_is_told_as_it_is(message: str) -> None:
    session = universal()
    assert list(session.feed(turn("one two", end=True))) == []
    told = list(session.feed(message))
    assert [one.text for one in told if isinstance(one, UtteranceEnd)] == ["one two"]


def test_an_interim_has_the_words_that_may_still_change() -> None:
    words = [
        {"text": "one", "start": 0, "end": 90, "confidence": 0.9, "word_is_final": True},
        {"text": "tw", "start": 100, "end": 190, "confidence": 0.4, "word_is_final": False},
    ]
    (_, interim) = universal().feed(turn("one", words=words))
    assert interim.text == "one tw"
    assert [word.is_final for word in interim.words] == [True, False]


def test_speakers_that_are_told_anew_are_those_of_their_utterance() -> None:
    session = universal(diarize=True)
    list(session.feed(turn("One.", end=True, formatted=True, speaker_label="A")))
    list(session.feed(turn("Two.", 1, end=True, formatted=True, speaker_label="A")))
    revised = {
        "turn_order": 1,
        "speaker_label": "B",
        "words": [{"text": "Two.", "start": 0, "end": 9, "confidence": 1}],
    }
    unknown = {"turn_order": 9, "words": []}
    told = list(session.feed(json.dumps({"type": "SpeakerRevision", "revisions": [revised, unknown]})))
    assert [(one.utterance_id, one.words[0].speaker) for one in told if isinstance(one, Revision)] == [
        ("u1", "B")
    ]
    assert len(told) == 1


def test_a_forced_end_is_told_as_such_and_one_of_nothing_is_not_waited_for() -> None:
    session = universal()
    assert list(session.finalize()) == [Say('{"type":"ForceEndpoint"}')]
    natural = list(session.feed(turn("One.", end=True, formatted=True)))
    assert natural[-1].reason is EndReason.PROVIDER
    list(session.feed(turn("two", 1)))
    list(session.finalize())
    forced = list(session.feed(turn("Two.", 1, end=True, formatted=True)))
    assert (forced[-2].from_finalize, forced[-1].reason) == (True, EndReason.FINALIZE)


def test_the_length_of_the_session_is_billed() -> None:
    (heard,) = universal().feed(AFTER["the end"])
    assert heard == Heard(audio_ms=3000, billed_ms=5000, unit="session")


def test_a_change_is_a_configuration() -> None:
    change = Update(keyterms=("a",), languages=("de-DE",), endpointing=Endpointing(silence_ms=900))
    (said,) = universal().update(change)
    assert json.loads(said.message) == {
        "type": "UpdateConfiguration", "keyterms_prompt": ["a"], "language_codes": ["de"], "max_turn_silence": 900,
    }  # fmt: skip


def test_that_turns_cannot_be_left_to_the_caller_is_told() -> None:
    told = list(universal(endpointing=Endpointing(mode="off")).feed('{"type":"Begin","id":"r"}'))
    assert isinstance(told[1], Warned)


# --- the length of messages --------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 320, 640, 1601, 40_000, 64_000, 96_001])
def test_pieces_are_neither_too_short_nor_too_long_and_nothing_is_lost(step: int) -> None:
    sound = bytes(range(256)) * 500
    pieces = Pieces(AudioFormat())
    found = [piece for at in range(0, len(sound), step) for piece in pieces.feed(sound[at : at + step])]
    rest = pieces.rest()
    assert all(1600 <= len(piece) <= 32_000 for piece in [*found, *rest])
    assert b"".join([*found, *rest])[: len(sound)] == sound
    assert pieces.rest() == []


def test_what_is_held_back_is_sent_at_the_end_and_filled_with_silence() -> None:
    session = universal(input=AudioFormat(Encoding.MULAW, 8000))
    assert list(session.audio(b"\1" * 160)) == []
    assert list(session.finish()) == [Say(b"\1" * 160 + b"\xff" * 240), Say('{"type":"Terminate"}')]


def test_packets_are_passed_on_as_they_are() -> None:
    session = universal(input=AudioFormat(Encoding.OPUS, 48_000))
    assert list(session.audio(b"\1")) == [Say(b"\1")]
    assert "sample_rate" not in session.request.url


# --- closes and refusals -----------------------------------------------------------------------

CLOSES = {
    3005: Kind.UPSTREAM, 3007: Kind.INVALID_REQUEST, 3008: Kind.TIMEOUT, 3009: Kind.RATE_LIMITED,
    4001: Kind.CREDENTIAL_REJECTED, 4002: Kind.QUOTA, 4003: Kind.QUOTA, 4029: Kind.RATE_LIMITED, 4031: Kind.TIMEOUT,
    4101: Kind.INVALID_REQUEST, 4102: Kind.RATE_LIMITED, 1013: Kind.OVERLOADED, 1006: Kind.TRUNCATED,
    1000: Kind.TRUNCATED,
}  # fmt: skip


@pytest.mark.parametrize("code, kind", CLOSES.items())
def test_a_close_before_its_time_says_what_it_means(code: int, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(universal().close(Closed(code, "why")))
    assert error.value.kind is kind


REASONS = {
    "Unauthorized Connection": Kind.CREDENTIAL_REJECTED,
    "Too many sessions": Kind.RATE_LIMITED,
    "x": Kind.INVALID_REQUEST,
}


@pytest.mark.parametrize("reason, kind", REASONS.items())
def test_what_1008_means_stands_in_its_reason(reason: str, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(universal().close(Closed(1008, reason)))
    assert error.value.kind is kind


@pytest.mark.parametrize(
    "message", ['{"type":"Error","error_code":4001,"error":"k"}', '{"error":"k","error_code":4001}']
)
def test_a_key_is_refused_after_the_socket_has_opened(message: str) -> None:
    session = universal()
    with pytest.raises(ProviderError) as error:
        list(session.feed(message))
    assert error.value.kind is Kind.CREDENTIAL_REJECTED
    assert error.value.message != "k"


def test_a_session_whose_time_is_up_goes_on_on_a_new_socket() -> None:
    session = universal()
    list(session.feed(turn("One.", end=True, formatted=True)))
    assert list(session.close(Closed(3008))) == [Redial()]


PROBLEMS = {
    "a word": ({"error": "no"}, "no", None),
    "RFC 9457": (
        {"status": 400, "title": "Audio Too Large", "detail": "too large"},
        "too large",
        "audio_too_large",
    ),
    "nothing": ([], "assemblyai answered 400 without an explanation", None),
}


@pytest.mark.parametrize("body, words, code", PROBLEMS.values(), ids=PROBLEMS)
def test_a_refusal_is_read_in_each_of_its_shapes(body: Any, words: str, code: str | None) -> None:
    error = ASSEMBLYAI.fault(HttpResponse(400, {"x-request-id": "r"}, json.dumps(body).encode()))
    assert (error.message, error.refusal.code, error.refusal.request_id) == (words, code, "r")


# --- recordings --------------------------------------------------------------------------------


def test_a_recording_is_uploaded_asked_for_and_asked_about() -> None:
    ask = TranscribeRequest(
        model="universal-2", audio=b"\0\1" * 4, format=AudioFormat(Encoding.MULAW, 8000, 2), diarize=True,
        languages=("en-GB",), temperature=0.1,
    )  # fmt: skip
    utterance = {"text": "Hi.", "start": 100, "end": 900, "speaker": "A", "confidence": 0.9}
    done = {"id": "j", "status": "completed", "text": "Hi.", "utterances": [utterance], "audio_duration": 2}
    upload, submit, first, second, answer = answered(
        ASSEMBLYAI.stt.transcribe(ask, CREDENTIAL),
        {"upload_url": "https://u"}, {"id": "j", "status": "queued"}, {"id": "j", "status": "processing"}, done,
    )  # fmt: skip
    assert upload.url == "https://api.assemblyai.com/v2/upload"
    assert upload.body[:4] == b"RIFF"
    assert unpack_from("<HHIIHH", upload.body, 20) == (7, 2, 8000, 16_000, 2, 8)
    assert upload.body[44:] == ask.audio
    assert json.loads(submit.body) == {
        "audio_url": "https://u", "punctuate": True, "format_text": True, "speech_models": ["universal-2"],
        "language_code": "en_uk", "speaker_labels": True,
    }  # fmt: skip
    assert [(one.url[-3:], one.delay) for one in (first, second)] == [("t/j", 0.5), ("t/j", 1.0)]
    assert (answer.text, answer.duration_ms, answer.segments[0].speaker) == ("Hi.", 2000, "A")
    assert [one.param for one in answer.warnings] == ["temperature"]


def test_a_job_that_fails_says_why() -> None:
    exchange = ASSEMBLYAI.stt.transcribe(TranscribeRequest(model="universal-2", audio=b"x"), CREDENTIAL)
    failed = {"id": "j", "status": "error", "error": "File does not appear to contain audio."}
    with pytest.raises(ProviderError) as error:
        list(answered(exchange, {"upload_url": "https://u"}, failed))
    assert (error.value.kind, error.value.refusal.request_id) == (Kind.INVALID_REQUEST, "j")


def test_a_job_that_is_never_over_is_given_up() -> None:
    exchange = ASSEMBLYAI.stt.transcribe(TranscribeRequest(model="universal-2", audio=b"x"), CREDENTIAL)
    going = {"id": "j", "status": "processing"}
    with pytest.raises(ProviderError) as error:
        list(answered(exchange, {"upload_url": "https://u"}, *[going] * 500))
    assert error.value.kind is Kind.TIMEOUT


SHORT = {
    "samples": ({"audio": bytes(320_000), "format": AudioFormat()}, True),
    "too long": ({"audio": bytes(32_000 * 121), "format": AudioFormat()}, False),
    "G.711": ({"audio": bytes(8000), "format": AudioFormat(Encoding.MULAW, 8000)}, False),
    "who knows": ({"audio": b"ID3"}, False),
    "speakers": ({"audio": bytes(320_000), "format": AudioFormat(), "diarize": True}, False),
    "a language": ({"audio": bytes(320_000), "format": AudioFormat(), "languages": ("pl",)}, False),
    "a model": ({"audio": bytes(320_000), "format": AudioFormat(), "model": "universal-2"}, False),
}


@pytest.mark.parametrize("asked, short", SHORT.values(), ids=SHORT)
def test_what_is_short_and_plain_takes_one_round_trip(asked: dict, short: bool) -> None:
    ask = TranscribeRequest(**{"model": "universal-3-5-pro", **asked})
    request = next(ASSEMBLYAI.stt.transcribe(ask, CREDENTIAL))
    assert request.url == (
        "https://sync.assemblyai.com/v1/transcribe/live" if short else "https://api.assemblyai.com/v2/upload"
    )


# --- in the SDK's place ------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_session_is_told_what_the_sdk_would_tell_it() -> None:
    async with Lab() as lab:
        host = lab.url("assemblyai", version="").replace("http", "ws")
        sdk = AsyncRealTimeTranscriber(
            RealTimeTranscriberOptions(api_key="k", api_host=host, connect_timeout=10)
        )
        await sdk.connect(
            RealTimeParameters(
                sample_rate=16_000, encoding="pcm_s16le", speech_model=MODEL, format_turns=True,
                keyterms_prompt=["a table"], max_turn_silence=900,
            )
        )  # fmt: skip
        await sdk.stream(bytes(3200))
        await sdk.set_params(RealTimeSessionParameters(max_turn_silence=800))
        await sdk.keep_alive()
        await sdk.force_endpoint()
        await sdk.disconnect(terminate=True)
        theirs = lab.requests[-1]
    session = universal(keyterms=("a table",), endpointing=Endpointing(silence_ms=900))
    change = Update(endpointing=Endpointing(silence_ms=800))
    assert session.keep_alive is not None
    ours = [
        *session.audio(bytes(3200)), *session.update(change), *session.keep_alive.acts, *session.finalize(),
        *session.finish(),
    ]  # fmt: skip
    said = [one.message for one in ours]
    assert said[0] == theirs.said[0]
    assert [json.loads(one) for one in said[1:]] == [json.loads(one) for one in theirs.said[1:]]
    # The SDK writes truth as Python does, and lists with spaces: it means the same.
    asked = dict(parse_qsl(session.request.url.split("?")[1]))
    assert {name: json.loads(value) if value[0] in "[t" else value for name, value in asked.items()} == {
        name: json.loads(value.lower()) if value[0] in "[T" else value for name, value in theirs.query.items()
    }
    assert dict(session.request.headers)["assemblyai-version"] == theirs.headers["assemblyai-version"]


def test_a_short_recording_is_sent_as_the_sdk_would_send_it() -> None:
    sound = bytes(3200)
    encoder = StreamingMultipartEncoder()
    theirs = encoder.config_part({"timestamps": True, "sample_rate": 16_000, "channels": 1})
    theirs += encoder.audio_header("audio.pcm", "audio/pcm") + sound + encoder.closing()
    ask = TranscribeRequest(
        model="universal-3-5-pro", audio=sound, format=AudioFormat(), filename="audio.pcm"
    )
    ours = next(ASSEMBLYAI.stt.transcribe(ask, CREDENTIAL))
    headers = dict(ours.headers)
    assert headers["x-aai-model"] == assemblyai.SyncTranscriptionConfig().model
    assert _parts(headers["content-type"], ours.body) == _parts(encoder.content_type, theirs)


def _parts(kind: str, body: bytes) -> list[tuple[str, str, Any]]:
    boundary = kind.partition("boundary=")[2].encode()
    found = []
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, data = part[2:-2].partition(b"\r\n\r\n")
        lines = sorted(line.lower() for line in head.decode().split("\r\n"))
        found.append(
            (lines[0].partition("filename")[0], lines[1], json.loads(data) if b"json" in head else data)
        )
    return found


def test_a_token_signs_live_sessions_where_there_is_no_key() -> None:
    token = Credential("assemblyai", held=frozenset({"token"}))
    assert client.socket((), token).auth == Query("token", "token")
    both = Credential("assemblyai", held=frozenset({"token", "key"}))
    assert client.socket((), both).auth == Header("authorization")
    assert list(ASSEMBLYAI.verify(token)) == []  # It is not spent on a question.
    assert len(list(ASSEMBLYAI.verify(both))) == 1
