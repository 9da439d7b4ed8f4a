"""What Deepgram's messages mean, without a network."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Bearer, Header, HttpResponse
from integration_api.core.session import Began, Closed, Say
from integration_api.core.stt import Endpointing, ListenRequest, Update
from integration_api.core.tts import Interrupted, Sound, Spoken, SynthesisRequest, Voice
from integration_api.core.utterances import Utterances
from integration_api.providers.deepgram import DEEPGRAM, client
from integration_api.providers.deepgram.flux_stt import Flux
from integration_api.providers.deepgram.flux_tts import FluxVoice
from integration_api.providers.deepgram.stt import Nova
from integration_api.providers.deepgram.tts import Aura

CREDENTIAL = Credential("deepgram")


def nova(**asked: Any) -> Nova:
    return Nova(ListenRequest(**{"model": "nova-3", **asked}), CREDENTIAL, Utterances())


def result(text: str, **more: Any) -> str:
    return json.dumps({
        "type": "Results", "start": 1.0, "duration": 0.5, "is_final": True, "speech_final": False,
        "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": []}]}, **more,
    })  # fmt: skip


def test_what_is_asked_for_is_written_as_its_parameters() -> None:
    session = nova(
        languages=("en", "es"),
        diarize=True,
        keyterms=("two words", "x"),
        endpointing=Endpointing(silence_ms=250, utterance_end_ms=500),
        extras={"numerals": True},
    )
    url = session.request.url
    assert url.startswith("wss://api.deepgram.com/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000")
    for part in ("language=multi", "diarize_model=latest", "keyterm=two%20words&keyterm=x", "endpointing=250",
                 "utterance_end_ms=1000", "numerals=true", "interim_results=true"):  # fmt: skip
        assert part in url
    assert "keywords=a" in nova(model="nova-2", keyterms=("a",)).request.url
    assert "endpointing=false" in nova(endpointing=Endpointing(mode="client")).request.url


def test_an_utterance_is_its_finals_until_speech_final() -> None:
    session = nova()
    assert [type(one) for one in session.begin({"dg-request-id": "r"})] == [Began]
    told = [*session.feed(result("One")), *session.feed(result("two.", speech_final=True))]
    assert [one.text for one in told if hasattr(one, "text")] == ["One", "two.", "One two."]
    noise = [*session.feed(result("Three")), *session.feed(json.dumps({"type": "UtteranceEnd"}))]
    assert noise[-1].reason == "silence"
    assert list(session.feed(json.dumps({"type": "UtteranceEnd"}))) == []


def test_an_empty_answer_to_finalize_is_told_and_an_empty_final_is_not() -> None:
    session = nova()
    assert list(session.feed(result(""))) == []
    told = list(session.feed(result("", from_finalize=True)))
    assert [(one.text, one.from_finalize) for one in told] == [("", True)]


def test_no_empty_sound_is_sent() -> None:
    assert list(nova().audio(b"")) == []


CLOSES = {
    "unreadable": (Closed(1008, "DATA-0000"), Kind.INVALID_REQUEST),
    "silent": (Closed(1011, "NET-0001"), Kind.TIMEOUT),
    "broken": (Closed(1011, "NET-0000"), Kind.UPSTREAM),
    "cut": (Closed(1006), Kind.TRUNCATED),
    "early": (Closed(1000), Kind.TRUNCATED),
}


@pytest.mark.parametrize("closed, kind", CLOSES.values(), ids=CLOSES)
def test_a_close_before_its_time_says_what_it_means(closed: Closed, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(nova().close(closed))
    assert error.value.kind is kind


def test_after_the_end_was_asked_for_a_close_is_the_end() -> None:
    session = nova()
    list(session.feed(result("One")))
    assert list(session.finish()) == [Say('{"type":"CloseStream"}')]
    assert [one.reason for one in session.close(Closed(1000))] == ["stream_end"]


def test_flux_is_asked_for_what_it_takes() -> None:
    def asked(**endpointing: Any) -> dict[str, str]:
        ask = ListenRequest(model="flux-general-en", endpointing=Endpointing(**endpointing))
        url = Flux(ask, CREDENTIAL, Utterances()).request.url
        return {
            name: value for name, value in parse_qsl(url.split("?")[1]) if name.startswith(("eot", "eager"))
        }

    assert asked() == {}
    assert asked(silence_ms=300, eager_threshold=0.1) == {
        "eager_eot_threshold": "0.3",
        "eot_timeout_ms": "500",
    }
    assert asked(silence_ms=60_000, eager_threshold=1) == {
        "eager_eot_threshold": "0.9", "eot_timeout_ms": "10000",
    }  # fmt: skip
    assert asked(utterance_end_ms=2_000) == {"eot_timeout_ms": "2000"}
    assert asked(mode="client", silence_ms=900) == {}


@pytest.mark.parametrize("model, changes", [("nova-3", True), ("nova-3-medical", True), ("nova-2", False)])
def test_nova_changes_its_keyterms_if_anything(model: str, changes: bool) -> None:
    session = nova(model=model)
    assert session.capabilities.live_update is changes
    told = list(session.update(Update(keyterms=("a",), languages=("de",), endpointing=Endpointing())))
    said = [json.loads(one.message) for one in told if isinstance(one, Say)]
    assert said == ([{"type": "Configure", "keyterms": ["a"]}] if changes else [])
    assert [one.code for one in told if not isinstance(one, Say)] == ["unsupported_update"] * (3 - changes)


def test_flux_changes_its_thresholds_and_terms() -> None:
    session = Flux(ListenRequest(model="flux-general-en"), CREDENTIAL, Utterances())
    said = list(session.update(Update(keyterms=("a",), endpointing=Endpointing(silence_ms=900))))
    assert json.loads(said[0].message) == {
        "type": "Configure", "keyterms": ["a"], "thresholds": {"eot_timeout_ms": 900},
    }  # fmt: skip


def test_aura_speaks_one_utterance_at_a_time() -> None:
    session = Aura(SynthesisRequest(model="aura-2-thalia-en", voice=None), CREDENTIAL)
    assert [type(one) for one in session.text("a", "One.")] == [Say]
    assert list(session.text("b", "Two.")) == []
    assert list(session.end_utterance("b")) == []
    list(session.end_utterance("a"))
    assert list(session.feed(b"\0\0")) == [Sound("a", b"\0\0")]
    told = list(session.feed('{"type":"Flushed"}'))
    assert isinstance(told[0], Spoken)
    assert [json.loads(one.message)["type"] for one in told[1:]] == ["Speak", "Flush"]
    assert list(session.feed(b"\1\1")) == [Sound("b", b"\1\1")]


def test_a_flux_utterance_that_is_flushed_in_its_middle_is_one_and_its_turns_do_not_overlap() -> None:
    session = FluxVoice(SynthesisRequest(model="flux-haley-en", voice=None), CREDENTIAL)
    over = '{"type":"SpeechMetadata","input_character_count":4,"billable_character_count":3}'

    def said(outcome: Any) -> list[str]:
        return [
            json.loads(one.message)["type"] if isinstance(one, Say) else type(one).__name__ for one in outcome
        ]

    assert said(session.flush("a")) == []
    assert said(session.text("a", "One.")) == ["Speak"]
    assert said(session.flush("a")) == ["Flush"]
    assert said([*session.flush("a"), *session.text("a", "Two."), *session.flush("a")]) == []
    assert said(session.feed(over)) == ["Flushed", "Speak", "Flush"]
    assert said(session.feed(over)) == ["Flushed"]
    (spoken,) = session.end_utterance("a")
    assert (spoken.characters, spoken.billed) == (8, 6)
    assert said(session.text("a", "Three.")) == ["Speak"]
    assert said([*session.flush("a"), *session.text("a", "Four."), *session.text("b", "Five.")]) == ["Flush"]
    assert said(session.cancel("a", None)) == ["Interrupt"]
    assert said([*session.end_utterance("b"), *session.feed(over)]) == []
    assert said(session.feed('{"type":"SpeechInterrupted"}')) == ["Interrupted", "Speak", "Flush"]
    assert said([*session.feed(over), *session.text("c", "Six."), *session.flush("c")]) == [
        "Spoken",
        "Speak",
        "Flush",
    ]
    assert said([*session.feed(over), *session.text("d", "Seven.")]) == ["Flushed"]
    untold, speak = session.cancel("c", 100)
    assert (untold, said([speak])) == (Interrupted(utterance_id="c", text_spoken=None), ["Speak"])


OVER = '{"type":"SpeechMetadata"}'
MS = bytes(48)
"""A millisecond of what Flux makes here."""


def flux() -> FluxVoice:
    return FluxVoice(SynthesisRequest(model="flux-haley-en", voice=None), CREDENTIAL)


def offset(outcome: Any) -> Any:
    """Return the place that an interruption names, if it does."""
    (interrupt,) = outcome
    message = json.loads(interrupt.message)
    assert message["type"] == "Interrupt"
    return message.get("playback_offset", {}).get("value")


def cut(spoken: str | None, remaining: str | None, place: int) -> str:
    told = {"audio_played_ms": place}
    if spoken is not None:
        told |= {"text_spoken": spoken, "text_remaining": remaining}
    return json.dumps({"type": "SpeechInterrupted", **told})


def test_flux_is_told_the_place_in_the_sound_of_the_session() -> None:
    session = flux()
    list(session.text("a", "One."))
    list(session.end_utterance("a"))
    list(session.feed(MS * 1000))
    list(session.feed(OVER))
    list(session.text("b", "Two, and so on."))
    list(session.feed(MS * 700))
    assert offset(session.cancel("b", 400)) == 1400
    (told,) = session.feed(cut("Two,", " and so on.", 1400))
    assert told == Interrupted(utterance_id="b", text_spoken="Two,", text_remaining=" and so on.")
    list(session.text("c", "Three."))
    list(session.feed(MS * 300))
    assert offset(session.cancel("c", 0)) == 1401, "each is to be behind the one before"
    list(session.feed(cut("", "Three.", 1401)))
    list(session.text("d", "Four."))
    assert offset(session.cancel("d", 100)) == 1501


def test_flux_tells_of_all_turns_of_an_utterance() -> None:
    session = flux()
    list(session.text("a", "One. "))
    list(session.flush("a"))
    list(session.feed(MS * 500))
    list(session.feed(OVER))
    [*session.text("a", "Two, three."), *session.flush("a"), *session.text("a", "Four.")]
    assert offset(session.cancel("a", 700)) == 700
    (told,) = session.feed(cut("Two,", " three.", 700))
    assert told == Interrupted(utterance_id="a", text_spoken="One. Two,", text_remaining=" three.Four.")


def test_flux_does_not_know_how_much_was_heard_of_a_turn_that_is_over() -> None:
    session = flux()
    list(session.text("a", "One. "))
    list(session.flush("a"))
    list(session.feed(MS * 500))
    list(session.feed(OVER))
    list(session.text("a", "Two."))
    list(session.cancel("a", 200))
    (told,) = session.feed(cut("", "Two.", 200))
    assert told == Interrupted(utterance_id="a", text_spoken=None)


def test_what_flux_does_not_tell_is_left_to_be_guessed_and_its_place_kept() -> None:
    session = flux()
    list(session.text("a", "One."))
    assert offset(session.cancel("a", None)) is None
    (told,) = session.feed(cut(None, None, 2000))
    assert told == Interrupted(utterance_id="a", text_spoken=None)
    list(session.text("b", "Two."))
    assert offset(session.cancel("b", 300)) == 2300


def ignored(code: str) -> str:
    return json.dumps({"type": "Warning", "code": code})


def test_flux_is_interrupted_once_it_speaks_where_it_did_not_yet() -> None:
    session = flux()
    list(session.text("a", "One."))
    list(session.cancel("a", 0))
    [*session.text("b", "Two."), *session.end_utterance("b")]
    (flush,) = session.feed(ignored("NO_AUDIO_GENERATED"))
    assert json.loads(flush.message) == {"type": "Flush"}
    assert offset(session.feed(MS)) is None
    assert list(session.feed(MS)) == []
    told, *rest = session.feed(cut(None, None, 2))
    assert told == Interrupted(utterance_id="a", text_spoken=None)
    assert [json.loads(one.message)["type"] for one in rest] == ["Speak", "Flush"]


def test_flux_need_not_be_interrupted_where_it_had_nothing_to_say() -> None:
    session = flux()
    list(session.text("a", "…"))
    list(session.cancel("a", 0))
    list(session.feed(ignored("NO_AUDIO_GENERATED")))
    assert list(session.feed(OVER)) == [Interrupted(utterance_id="a", text_spoken=None)]


def test_a_turn_that_was_over_when_flux_was_interrupted_stays_so() -> None:
    session = flux()
    [*session.text("a", "One."), *session.end_utterance("a")]
    list(session.feed(MS * 100))
    list(session.cancel("a", 50))
    assert [*session.feed(MS * 100), *session.feed(OVER)] == []
    assert list(session.feed(ignored("NO_ACTIVE_SPEECH"))) == [
        Interrupted(utterance_id="a", text_spoken=None)
    ]
    list(session.text("b", "Two."))
    assert offset(session.cancel("b", 10)) == 210


def test_flux_is_interrupted_without_a_place_that_it_does_not_take() -> None:
    session = flux()
    list(session.text("a", "One."))
    list(session.cancel("a", 50))
    assert offset(session.feed(ignored("INVALID_INTERRUPT_OFFSET"))) is None
    (told,) = session.feed(cut(None, None, 70))
    assert told == Interrupted(utterance_id="a", text_spoken=None)


def test_another_warning_of_flux_is_the_callers() -> None:
    (warned,) = flux().feed(ignored("SYNTHESIS_RETRYING"))
    assert warned.code == "SYNTHESIS_RETRYING"


REFUSALS = {401: Kind.CREDENTIAL_REJECTED, 402: Kind.QUOTA, 403: Kind.PERMISSION, 429: Kind.RATE_LIMITED}


@pytest.mark.parametrize("status, kind", REFUSALS.items())
def test_a_refusal_keeps_its_code_and_request_id(status: int, kind: Kind) -> None:
    body = json.dumps({"err_code": "X", "err_msg": "words", "request_id": "r1"}).encode()
    error = DEEPGRAM.fault(HttpResponse(status, {}, body))
    assert (error.kind, error.refusal.code, error.refusal.request_id) == (kind, "X", "r1")


def test_a_temporary_token_signs_where_there_is_no_key() -> None:
    token = Credential("deepgram", held=frozenset({"access_token"}))
    assert client.socket("/v1/listen", (), token).auth == Bearer("access_token")
    both = Credential("deepgram", held=frozenset({"access_token", "key"}))
    assert client.get("/v1/projects", both).auth == Header("authorization", prefix="Token ")


def test_each_voice_is_a_model_of_its_own() -> None:
    exchange = DEEPGRAM.tts.voices(CREDENTIAL)
    assert next(exchange).url.endswith("/v1/models")
    about = {"accent": "Irish", "age": None, "sample": "https://a/b.wav", "tags": ["masculine", "Warm"]}
    listed = {
        "stt": [{"name": "general", "canonical_name": "nova-3-general"}],
        "tts": [
            {"name": "angus", "canonical_name": "aura-angus-en", "languages": ["en", "en-IE"], "metadata": about},
            {"name": "bare", "canonical_name": "aura-bare-en", "metadata": None},
        ],
    }  # fmt: skip
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps(listed).encode()))
    assert done.value.value == (
        Voice(id="aura-angus-en", name="Angus", languages=("en", "en-IE"), gender="masculine",
              description="Irish, Warm", preview_url="https://a/b.wav", models=("aura-angus-en",)),
        Voice(id="aura-bare-en", name="Bare", models=("aura-bare-en",)),
    )  # fmt: skip
