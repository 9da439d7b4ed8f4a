"""What Azure Speech's messages mean, without a network: the turns of a transcript, and the addresses of regions."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, EntraToken, Header, HttpResponse
from integration_api.core.session import Began, Closed, HangUp, Redial, Say, Warned
from integration_api.core.stt import (
    Endpointing,
    Final,
    Interim,
    ListenRequest,
    SpeechStarted,
    TranscribeRequest,
    Update,
)
from integration_api.core.tts import Flushed, Manner, Mark, Sound, SpeakRequest, Spoken, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.dialects.notes import Notes
from integration_api.providers.azure_speech import (
    AZURE_SPEECH,
    batch_stt,
    client,
    context,
    formats,
    ssml,
    usp,
)
from integration_api.providers.azure_speech.formats import takes
from integration_api.providers.azure_speech.kept import LONGEST_MS, Kept
from integration_api.providers.azure_speech.stt import Conversation
from integration_api.providers.azure_speech.token_tts import TokenVoice
from integration_api.providers.azure_speech.tts import SsmlVoice
from lab.azure_speech import usp as wire

CREDENTIAL = Credential("azure-speech", {"region": "westeurope"}, held=frozenset({"key"}))
SHAKEN = {"sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "date": "Sat, 01 Nov 2025 12:00:00 GMT"}
SECOND = bytes(32_000)


def begun(**asked: Any) -> Conversation:
    session = Conversation(ListenRequest(**{"model": "default", **asked}), CREDENTIAL, Utterances())
    list(session.begin(SHAKEN))
    return session


def told(path: str, **document: Any) -> str:
    return wire.text(path, "0" * 32, document)


def phrase(text: str, start_ms: int, end_ms: int, **more: Any) -> str:
    return told(
        "speech.phrase",
        RecognitionStatus="Success",
        Offset=start_ms * 10_000,
        Duration=(end_ms - start_ms) * 10_000,
        NBest=[{"Display": text, "Lexical": text.lower(), "Confidence": 0.9}],
        **more,
    )


def said(outcome: Any) -> list[wire.Message]:
    return [wire.read(one.message) for one in outcome if isinstance(one, Say)]


def test_a_socket_begins_with_who_speaks_what_is_asked_and_what_the_sound_is() -> None:
    session = Conversation(ListenRequest(model="default"), CREDENTIAL, Utterances())
    assert session.request.url == "wss://westeurope.stt.speech.microsoft.com/stt/speech/universal/v2"
    assert (session.request.upgrade, session.request.name_header) == (("USP",), "x-connectionid")
    outcome = list(session.begin(SHAKEN))
    assert [one.path for one in said(outcome)] == ["speech.config", "speech.context", "audio"]
    assert [type(one) for one in outcome][-1] is Began
    _, asked, first = said(outcome)
    assert len(asked.request) == 32
    assert asked.request == first.request
    assert asked.headers["x-timestamp"] == "2025-11-01T12:00:00.000Z"
    assert first.headers["content-type"] == "audio/x-wav"
    assert first.body[:4] == b"RIFF"
    assert len(first.body) == 44


def test_two_sockets_name_their_turns_differently() -> None:
    other = {**SHAKEN, "sec-websocket-accept": "HSmrc0sMlYUkAGmm5OPpG2HaGWk="}
    assert usp.Names(SHAKEN).next() != usp.Names(other).next()
    assert usp.Names({}).at(5) == "1970-01-01T00:00:00.005Z"


def test_sound_is_binary_behind_the_length_of_its_head_and_nothing_ends_it() -> None:
    session = begun()
    (message,) = session.audio(b"\1\2")
    assert int.from_bytes(message.message[:2], "big") == len(message.message) - 2 - 2
    assert said([message])[0].body == b"\1\2"
    assert list(session.audio(b"")) == []
    assert said(session.finish())[0].body == b""


def test_ticks_become_milliseconds_of_the_session_across_turns() -> None:
    session = begun(word_timestamps=True)
    list(session.audio(SECOND * 3))
    list(session.feed(phrase("One.", 500, 1200)))
    list(session.feed(told("turn.start", context={"serviceTag": "tag"})))
    again = [*said(session.feed(told("turn.end"))), *said(session.audio(SECOND))]
    assert [one.path for one in again[:2]] == ["speech.context", "audio"]
    continued = again[0].json()["continuation"]
    assert continued == {"previousServiceTag": "tag", "audio": {"streams": {"1": {"offset": "12000000"}}}}
    assert {one.headers["x-streamid"] for one in again[1:]} == {"2"}
    assert sum(len(one.body) for one in again[2:]) == len(SECOND) * 4 - 32 * 1200
    best = {"Display": "Two.", "Words": [{"Word": "two", "Offset": 3_000_000, "Duration": 2_000_000}]}
    events = [
        *session.feed(told("speech.startDetected", Offset=3_000_000)),
        *session.feed(
            told(
                "speech.phrase",
                RecognitionStatus="Success",
                Offset=3_000_000,
                Duration=2_000_000,
                NBest=[best],
            )
        ),
    ]
    final = events[-1]
    assert (final.start_ms, final.end_ms) == (1500, 1700)
    assert (final.words[0].start_ms, final.words[0].end_ms) == (1500, 1700)
    assert final.confidence is None


def test_a_turn_that_ended_is_opened_again_only_when_there_is_more_to_hear() -> None:
    session = begun()
    list(session.audio(SECOND))
    assert list(session.feed(told("turn.end"))) == []
    assert next(one.path for one in said(session.audio(SECOND))) == "speech.context"


def test_finalize_ends_the_turns_sound_and_what_comes_meanwhile_is_heard_in_the_next() -> None:
    session = begun()
    list(session.audio(SECOND))
    assert [one.body for one in said(session.finalize())] == [b""]
    assert list(session.audio(SECOND)) == []
    final = list(session.feed(phrase("So far", 0, 900)))
    assert [(type(one), one.from_finalize) for one in final if isinstance(one, Final)] == [(Final, True)]
    list(session.feed(told("speech.phrase", RecognitionStatus="EndOfDictation", Offset=10_000_000)))
    over = list(session.feed(told("turn.end")))
    assert (over[0].text, over[0].reason) == ("So far", "finalize")
    assert sum(len(one.body) for one in said(over) if one.path == "audio") == 44 + len(SECOND)


def test_finalize_is_answered_where_nothing_was_said() -> None:
    session = begun()
    list(session.audio(SECOND))
    list(session.finalize())
    list(session.feed(told("speech.phrase", RecognitionStatus="EndOfDictation", Offset=10_000_000)))
    assert [(one.text, one.from_finalize) for one in session.feed(told("turn.end"))] == [("", True)]


def test_the_end_is_asked_for_once_more_where_a_turn_ended_before_its_sound_did() -> None:
    session = begun()
    list(session.audio(SECOND * 2))
    list(session.finish())
    list(session.feed(phrase("One.", 0, 900)))
    again = said(session.feed(told("turn.end")))
    assert sum(len(one.body) for one in again if one.path == "audio") == 44 + 64_000 - 900 * 32
    assert again[-1].body == b""
    list(session.feed(told("speech.phrase", RecognitionStatus="EndOfDictation", Offset=11_000_000)))
    assert list(session.feed(told("turn.end"))) == [HangUp()]
    assert [one.reason for one in session.close(Closed(1000))] == ["stream_end"]


def test_nothing_was_heard_and_nothing_more_comes_is_the_end() -> None:
    session = begun()
    list(session.feed(told("turn.end")))
    assert list(session.finish()) == [HangUp()]


def test_an_utterance_ends_with_a_phrase_only_where_the_caller_named_the_silence() -> None:
    plain, silent = begun(), begun(endpointing=Endpointing(silence_ms=40))
    assert [type(one).__name__ for one in plain.feed(phrase("One.", 0, 900))] == ["SpeechStarted", "Final"]
    assert list(silent.feed(phrase("One.", 0, 900)))[-1].reason == "silence"
    assert (plain.capabilities.turns, silent.capabilities.turns) == (False, True)
    asked = context.of(ListenRequest(model="", endpointing=Endpointing(silence_ms=40)), "")
    segmentation = asked["phraseDetection"]["CONVERSATION"]["segmentation"]
    assert segmentation == {"segmentationSilenceTimeoutMs": 100, "mode": "Custom"}


def test_guesses_are_told_only_where_they_are_wanted() -> None:
    guess = told(
        "speech.hypothesis", Text="one", Offset=0, Duration=10, PrimaryLanguage={"Language": "de-DE"}
    )
    events = list(begun().feed(guess))
    assert events == [
        SpeechStarted(None, inferred=True),
        Interim(segment_id="s0", text="one", language="de-DE"),
    ]
    silent = begun(interim_results=False)
    assert list(silent.feed(guess)) == []
    assert not silent.capabilities.interim


def test_what_is_asked_for_is_written_as_its_context() -> None:
    asked = context.of(
        ListenRequest(
            model="",
            languages=("en", "de"),
            diarize=True,
            keyterms=("two words",),
            profanity_filter=True,
            extras={"phraseDetection": {"initialSilenceTimeoutMs": 9000}},
        ),
        "s",
    )
    detection = asked["phraseDetection"]
    assert asked["languageId"]["languages"] == ["en-US", "de-DE"]
    assert "language" not in detection
    assert detection["enrichment"] == {"profanity": "masked"}
    assert detection["initialSilenceTimeoutMs"] == 9000
    assert detection["speakerDiarization"]["audioSessionId"] == "s"
    assert asked["dgi"]["Groups"][0]["Items"] == [{"Text": "two words"}]
    later = context.continued(asked, "tag", 1500.0)
    assert later["phraseDetection"]["speakerDiarization"]["audioOffsetMS"] == 1500
    assert detection["speakerDiarization"]["audioOffsetMS"] == 0


def test_what_can_not_be_is_told() -> None:
    session = Conversation(ListenRequest(model="", detect_language=True), CREDENTIAL, Utterances())
    assert [one.code for one in session.begin(SHAKEN) if isinstance(one, Warned)] == ["language_not_detected"]
    assert [one.code for one in session.update(Update(keyterms=("x",)))] == ["deferred_update"]
    list(session.audio(SECOND))
    list(session.feed(told("turn.end")))
    assert said(session.audio(SECOND))[0].json()["dgi"]["Groups"][0]["Items"] == [{"Text": "x"}]


def test_messages_are_read_in_any_case_and_with_spaces() -> None:
    heard = usp.read("PATH: Turn.End \r\nx-requestID: ABC\r\n\r\n{}")
    assert (heard.path, heard.request, heard.body) == ("turn.end", "abc", b"{}")
    with pytest.raises(ValueError, match="head"):
        usp.read(b"\0")


@pytest.mark.parametrize("status, kind", [("TooManyRequests", Kind.RATE_LIMITED), ("Error", Kind.UPSTREAM)])
def test_a_status_that_is_no_phrase_ends_the_session(status: str, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(begun().feed(told("speech.phrase", RecognitionStatus=status)))
    assert error.value.kind is kind


CLOSES = {
    "unreadable": (Closed(1007, "Specified language is not supported"), Kind.INVALID_REQUEST),
    "broken": (Closed(1011), Kind.UPSTREAM),
    "cut": (Closed(1006), Kind.TRUNCATED),
    "early": (Closed(1000), Kind.TRUNCATED),
}


@pytest.mark.parametrize("closed, kind", CLOSES.values(), ids=CLOSES)
def test_a_close_before_its_time_says_what_it_means(closed: Closed, kind: Kind) -> None:
    with pytest.raises(ProviderError) as error:
        list(begun().close(closed))
    assert error.value.kind is kind


def test_a_socket_that_is_as_old_as_it_may_be_is_dialled_anew() -> None:
    session = begun()
    list(session.audio(SECOND))
    list(session.feed(phrase("One.", 0, 900)))
    assert list(session.close(Closed(1000))) == [Redial()]


def test_kept_sound_is_bounded_and_cut_at_samples() -> None:
    kept = Kept(AudioFormat())
    kept.add(bytes(32 * (LONGEST_MS + 500)))
    assert (kept.start_ms, kept.end_ms) == (500.0, LONGEST_MS + 500.0)
    kept.settle(700.03)
    kept.settle(100)
    assert kept.start_ms == 700.0


@given(rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100]), samples=st.integers(1, 200_000))
def test_sound_that_is_settled_to_its_end_leaves_nothing(rate: int, samples: int) -> None:
    kept = Kept(AudioFormat(Encoding.PCM_S16LE, rate))
    kept.add(bytes(2 * samples))
    kept.settle(kept.end_ms)
    assert not kept
    assert kept.start_ms == kept.end_ms


TAKEN = {
    "a telephone's": (AudioFormat(Encoding.MULAW, 8_000), AudioFormat(Encoding.MULAW, 8_000)),
    "a microphone's": (AudioFormat(Encoding.PCM_S16LE, 48_000, 2), AudioFormat(Encoding.PCM_S16LE, 16_000)),
    "A-law, too fast": (AudioFormat(Encoding.ALAW, 16_000), AudioFormat(Encoding.PCM_S16LE, 16_000)),
}


@pytest.mark.parametrize("sent, taken", TAKEN.values(), ids=TAKEN)
def test_sound_is_passed_on_as_it_is_where_azure_takes_it(sent: AudioFormat, taken: AudioFormat) -> None:
    assert takes(sent, "default") == taken


ADDRESSES = {
    "a region": ({"region": "eastus"}, "https://eastus.tts.speech.microsoft.com/x"),
    "China": ({"region": "chinaeast2"}, "https://chinaeast2.tts.speech.azure.cn/x"),
    "the government": ({"region": "usgovvirginia"}, "https://usgovvirginia.tts.speech.azure.us/x"),
    "a resource": (
        {"endpoint": "https://me.cognitiveservices.azure.com/"},
        "https://me.cognitiveservices.azure.com/tts/x",
    ),
    "what the portal shows": (
        {"endpoint": "https://eastus.api.cognitive.microsoft.com/"},
        "https://eastus.tts.speech.microsoft.com/x",
    ),
    "a resource by its name": ({"resource": "me"}, "https://me.cognitiveservices.azure.com/tts/x"),
    "a resource's models": (
        {"endpoint": "https://me.openai.azure.com/openai/v1/"},
        "https://me.cognitiveservices.azure.com/tts/x",
    ),
    "a deployment, as it was copied": (
        {
            "base_url": "https://Me.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
        },
        "https://me.cognitiveservices.azure.com/tts/x",
    ),
    "a project of Foundry": (
        {"endpoint": "https://me.services.ai.azure.com/api/projects/one"},
        "https://me.cognitiveservices.azure.com/tts/x",
    ),
    "the government's models": (
        {"endpoint": "https://me.openai.azure.us"},
        "https://me.cognitiveservices.azure.us/tts/x",
    ),
    "China's models": (
        {"endpoint": "https://me.openai.azure.cn/"},
        "https://me.cognitiveservices.azure.cn/tts/x",
    ),
    "a gateway to models": ({"base_url": "https://a.example/ai/openai/v1"}, "https://a.example/ai/tts/x"),
    "a host that only looks like it": (
        {"base_url": "https://me.openai.azure.com.example"},
        "https://me.openai.azure.com.example/tts/x",
    ),
    "a gateway": ({"base_url": "http://127.0.0.1:1/azure-speech"}, "http://127.0.0.1:1/azure-speech/tts/x"),
}


@pytest.mark.parametrize("fields, url", ADDRESSES.values(), ids=ADDRESSES)
def test_each_way_to_say_where_leads_there(fields: dict[str, str], url: str) -> None:
    assert client.url("tts", "/x", Credential("azure-speech", fields)) == url


SOVEREIGN = {
    "China": ({"region": "chinaeast2"}, "chinaeast2", "azure.cn", "azure.cn"),
    "China's endpoint": (
        {"endpoint": "https://chinanorth3.api.cognitive.azure.cn/"}, "chinanorth3", "azure.cn", "azure.cn",
    ),
    "the government": ({"region": "usgovvirginia"}, "usgovvirginia", "azure.us", "microsoft.us"),
    "the government's endpoint": (
        {"endpoint": "https://usgovarizona.api.cognitive.microsoft.us/"}, "usgovarizona", "azure.us", "microsoft.us",
    ),
    "a region by its older name": (
        {"endpoint": "https://virginia.api.cognitive.microsoft.us/"}, "virginia", "azure.us", "microsoft.us",
    ),
    "the host of live speech": (
        {"endpoint": "wss://usgovvirginia.stt.speech.azure.us"}, "usgovvirginia", "azure.us", "microsoft.us",
    ),
}  # fmt: skip
"""As https://learn.microsoft.com/azure/ai-services/speech-service/sovereign-clouds has them, and docs.azure.cn."""


@pytest.mark.parametrize("fields, region, speech, api", SOVEREIGN.values(), ids=SOVEREIGN)
def test_each_sovereign_cloud_has_hosts_of_its_own(
    fields: dict[str, str], region: str, speech: str, api: str
) -> None:
    credential = Credential("azure-speech", fields, held=frozenset({"key"}))
    ask = TranscribeRequest(model="fast", audio=b"RIFF")
    live = Conversation(ListenRequest(model="default"), credential, Utterances()).request
    assert live.url == f"wss://{region}.stt.speech.{speech}/stt/speech/universal/v2"
    short = batch_stt.short(ask, Notes(strict=False), credential)
    assert short.url.startswith(f"https://{region}.stt.speech.{speech}/speech/recognition/")
    fast = batch_stt.fast(ask, Notes(strict=False), credential)
    assert fast.url.startswith(f"https://{region}.api.cognitive.{api}/speechtotext/transcriptions:transcribe")
    listed = next(AZURE_SPEECH.verify(credential))
    assert listed.url == f"https://{region}.tts.speech.{speech}/cognitiveservices/voices/list"


@pytest.mark.parametrize(
    "fields",
    [{}, {"region": "a/b"}, {"endpoint": "me.azure.com"}, {"resource": "a/b"}, {"endpoint": "ftp://me"}],
)
def test_a_credential_that_does_not_say_where_is_explained(fields: dict[str, str]) -> None:
    with pytest.raises(Failure) as failure:
        client.url("stt", "/x", Credential("azure-speech", fields))
    assert failure.value.kind is Kind.CREDENTIAL_INVALID


def test_a_client_signs_before_a_token_before_a_key_and_at_an_endpoint_only() -> None:
    fields = {"endpoint": "https://me.cognitiveservices.azure.us", "tenant_id": "t", "client_id": "c"}
    held = frozenset({"key", "access_token", "client_secret"})
    signed = client.auth(Credential("azure-speech", fields, held=held))
    assert isinstance(signed, EntraToken)
    assert (signed.authority, signed.scope) == (
        "https://login.microsoftonline.us", "https://cognitiveservices.azure.us/.default",
    )  # fmt: skip
    token = Credential("azure-speech", fields, held=frozenset({"access_token", "key"}))
    assert client.auth(token) == Bearer("access_token")
    key = Credential("azure-speech", {}, held=frozenset({"key"}))
    assert client.auth(key) == Header("ocp-apim-subscription-key", "key")
    for lacking in ({"region": "eastus"}, {"endpoint": "https://me.cognitiveservices.azure.com"}):
        with pytest.raises(Failure) as failure:
            client.auth(Credential("azure-speech", lacking, held=held))
        assert failure.value.kind is Kind.CREDENTIAL_INVALID


@pytest.mark.parametrize("proof", ["certificate", "assertion"])
def test_a_client_proves_itself_by_a_certificate_or_an_assertion_too(proof: str) -> None:
    fields = {"resource": "me", "tenant_id": "t", "client_id": "c", "authority": "https://login.example"}
    held = f"client_{proof}"
    signed = client.auth(Credential("azure-speech", fields, held=frozenset({held})))
    scope = "https://cognitiveservices.azure.com/.default"
    assert signed == EntraToken("t", "c", scope, held, "https://login.example", proof)


FOUNDRY = "https://ai.azure.com/.default"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "https://cognitiveservices.azure.com/.default"),
        ({"scope": FOUNDRY}, "https://cognitiveservices.azure.com/.default"),
        (
            {"scope": FOUNDRY, "endpoint": "https://me.openai.azure.us"},
            "https://cognitiveservices.azure.us/.default",
        ),
        ({"scope": "api://gateway/.default"}, "api://gateway/.default"),
    ],
)
def test_a_token_is_for_speech_whatever_models_ask_theirs_for(given: dict[str, str], asked: str) -> None:
    fields = {"endpoint": "https://me.openai.azure.com", "tenant_id": "t", "client_id": "c", **given}
    signed = client.auth(Credential("azure-openai", fields, held=frozenset({"client_secret"})))
    assert isinstance(signed, EntraToken)
    assert signed.scope == asked


def test_a_key_is_sent_in_speechs_header_by_either_name() -> None:
    for field in ("key", "subscription_key"):
        credential = Credential("azure-openai", {"resource": "me"}, held=frozenset({field}))
        assert client.auth(credential) == Header("ocp-apim-subscription-key", field)


def test_a_credential_without_anything_to_sign_with_is_explained() -> None:
    with pytest.raises(Failure, match="neither a key") as failure:
        client.auth(Credential("azure-speech", {"region": "eastus"}))
    assert (failure.value.kind, failure.value.param) == (Kind.CREDENTIAL_INVALID, "key")


REFUSALS = {
    "wrong key": (401, b'{"error":{"code":"401","message":"Access denied"}}', Kind.CREDENTIAL_REJECTED),
    "no quota": (403, b'{"error":{"code":"403","message":"Out of call volume quota."}}', Kind.QUOTA),
    "not allowed": (403, b"", Kind.PERMISSION),
    "too often": (429, b"", Kind.RATE_LIMITED),
    "bad definition": (400, b'{"code":"InvalidArgument","message":"no audio"}', Kind.INVALID_REQUEST),
}


@pytest.mark.parametrize("status, body, kind", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_keeps_its_request_id(status: int, body: bytes, kind: Kind) -> None:
    error = AZURE_SPEECH.fault(HttpResponse(status, {"apim-request-id": "r1", "retry-after": "7"}, body))
    assert (error.kind, error.refusal.request_id, error.retry_after) == (kind, "r1", 7.0)
    assert error.message


# --- voices -----------------------------------------------------------------------------------


def a_voice(**asked: Any) -> Any:
    ask = SynthesisRequest(**{"model": "en-US-JennyNeural", "voice": None, **asked})
    session = AZURE_SPEECH.tts.synthesize(ask, CREDENTIAL)
    list(session.begin(SHAKEN))
    return session


def request_of(outcome: Any) -> str:
    return said(outcome)[0].request


def sound(request: str, data: bytes) -> bytes:
    return wire.sound(request, "1", data)


def over(request: str) -> str:
    return wire.text("turn.end", request, {})


def test_a_voice_is_given_tokens_unless_only_ssml_can_say_it() -> None:
    assert isinstance(a_voice(), TokenVoice)
    assert isinstance(a_voice(manner=Manner(language="de-DE")), TokenVoice)
    for asked in ({"timestamps": "word"}, {"ssml_allowed": True}, {"manner": Manner(speed=1.5)}):
        assert isinstance(a_voice(**asked), SsmlVoice)
    assert a_voice().request.url.endswith("tts.speech.microsoft.com/tts/cognitiveservices/websocket/v2")


DOCUMENTS = {
    "escaped": (("a < b & \x07c", Manner()), '<voice name="v">a &lt; b &amp;  c</voice>'),
    "prosody": (
        ("x", Manner(speed=1.5, pitch=-2, volume=6)),
        '<prosody rate="1.5" pitch="-2st" volume="+99.53%">x</prosody>',
    ),
    "style": (("x", Manner(emotion='so "sad"')), "<mstts:express-as style='so \"sad\"'>x</mstts:express-as>"),
}


@pytest.mark.parametrize("asked, part", DOCUMENTS.values(), ids=DOCUMENTS)
def test_text_is_escaped_and_marked_up(asked: tuple[str, Manner], part: str) -> None:
    document = ssml.document(asked[0], "v", asked[1])
    assert part in document
    ET.fromstring(document)  # noqa: S314 - our own


def test_ssml_stays_as_it_is_and_a_part_of_it_is_put_into_a_document() -> None:
    whole = '<speak version="1.0"><voice name="x">y</voice></speak>'
    assert ssml.document(whole, "v", Manner(speed=2), ssml=True) == whole
    assert '<voice name="de-DE-KatjaNeural">a<break/></voice>' in (
        part := ssml.document("a<break/>", "de-DE-KatjaNeural", Manner(), ssml=True)
    )
    assert 'xml:lang="de-DE"' in part


def test_words_have_times_of_the_utterance_across_its_turns() -> None:
    session = a_voice(
        timestamps="word", text_buffering="none", output=AudioFormat(Encoding.PCM_S16LE, 16_000)
    )
    first = request_of(session.text("a", "One, "))
    assert list(session.text("a", "two.")) == []
    assert list(session.end_utterance("a")) == []
    list(session.feed(sound(first, bytes(32 * 200))))
    second = request_of(session.feed(over(first)))
    word = {"Offset": 500_000, "Duration": 1_000_000, "text": {"Text": "two", "BoundaryType": "WordBoundary"}}
    told = list(
        session.feed(
            wire.text("audio.metadata", second, {"Metadata": [{"Type": "WordBoundary", "Data": word}]})
        )
    )
    assert told[0].items == (Mark(text="two", start_ms=250, end_ms=350, char_start=5, char_end=8),)
    assert [type(one) for one in session.feed(over(second))] == [Spoken]


def test_what_waits_is_spoken_at_a_flush_and_that_is_told() -> None:
    session = a_voice(timestamps="word")
    assert list(session.text("a", "One")) == []
    turn = said(session.flush("a"))
    assert [one.path for one in turn] == ["synthesis.context", "ssml"]
    assert list(session.feed(over(turn[0].request))) == [Flushed("a")]
    assert [type(one) for one in session.end_utterance("a")] == [Spoken]


def test_what_was_flushed_while_it_waited_is_spoken_when_its_turn_comes() -> None:
    session = a_voice(timestamps="word")
    outcome = [*session.text("a", "One."), *session.text("b", "Two."), *session.flush("b")]
    assert outcome == []
    first = request_of(session.end_utterance("a"))
    spoken, *turn = session.feed(over(first))
    assert isinstance(spoken, Spoken)
    assert [one.path for one in said(turn)] == ["synthesis.context", "ssml"]
    assert list(session.feed(over(request_of(turn)))) == [Flushed("b")]


@pytest.mark.parametrize("asked", [{}, {"timestamps": "word"}], ids=["tokens", "ssml"])
def test_a_voice_that_can_not_be_stopped_is_dialled_anew(asked: dict[str, Any]) -> None:
    session = a_voice(**asked)
    outcome = [*session.text("a", "One."), *session.end_utterance("a")]
    assert list(session.text("b", "Two.")) == []
    assert list(session.cancel("b", None)) == []
    assert list(session.cancel("a", 10)) == [Redial()]
    assert list(session.close(Closed(1006))) == []
    assert request_of(outcome)


def test_sound_of_another_turn_is_not_heard() -> None:
    session = a_voice()
    request = request_of(session.text("a", "One."))
    assert list(session.feed(sound("f" * 32, b"\1\1"))) == []
    assert list(session.feed(sound(request, b"\1\1"))) == [Sound("a", b"\1\1")]
    list(session.end_utterance("a"))
    assert [type(one) for one in session.feed(over(request))] == [Spoken]


def test_a_voice_that_was_idle_for_long_is_dialled_anew_and_one_that_spoke_is_cut() -> None:
    session = a_voice()
    turn = request_of([*session.text("a", "One."), *session.end_utterance("a")])
    list(session.feed(over(turn)))
    assert list(session.close(Closed(1000))) == [Redial()]
    with pytest.raises(ProviderError):  # It would be dialled for ever.
        list(a_voice().close(Closed(1000)))
    session = a_voice()
    list(session.text("a", "One."))
    with pytest.raises(ProviderError) as error:
        list(session.close(Closed(1006)))
    assert error.value.kind is Kind.TRUNCATED


def test_another_voice_speaks_from_the_next_turn_on() -> None:
    session = a_voice()
    list(session.update("de-DE-KatjaNeural", None))
    asked = said(session.text("a", "One."))[0].json()["synthesis"]
    assert asked["input"]["voiceName"] == "de-DE-KatjaNeural"
    assert [one.code for one in session.update(None, 2.0)] == ["unsupported_update"]


NAMES = {
    "a telephone's": (AudioFormat(Encoding.ALAW, 16_000), "raw-8khz-8bit-mono-alaw"),
    "a strange rate": (AudioFormat(Encoding.PCM_S16LE, 32_000), "raw-44100hz-16bit-mono-pcm"),
    "a file": (AudioFormat(Encoding.WAV, 24_000), "riff-24khz-16bit-mono-pcm"),
    "packed": (AudioFormat(Encoding.MP3, 44_100), "audio-48khz-96kbitrate-mono-mp3"),
    "opus": (AudioFormat(Encoding.OPUS, 48_000), "ogg-48khz-16bit-mono-opus"),
}


@pytest.mark.parametrize("format, name", NAMES.values(), ids=NAMES)
def test_formats_have_azures_names(format: AudioFormat, name: str) -> None:
    assert formats.name(format) == name


def test_a_format_that_is_not_made_is_explained() -> None:
    with pytest.raises(Failure) as failure:
        formats.name(AudioFormat(Encoding.FLAC))
    assert failure.value.code == "unsupported_audio_format"


def test_a_text_is_asked_for_whole_by_somebody_with_a_name() -> None:
    ask = SpeakRequest(
        model="x", voice="en-GB-RyanNeural", text="a & b", output=AudioFormat(Encoding.MP3, 24_000)
    )
    request = AZURE_SPEECH.tts.speak(ask, CREDENTIAL).request
    headers = dict(request.headers)
    assert headers["x-microsoft-outputformat"] == "audio-24khz-48kbitrate-mono-mp3"
    assert headers["user-agent"]
    assert b"a &amp; b" in request.body
    assert request.url == "https://westeurope.tts.speech.microsoft.com/cognitiveservices/v1"


def test_voices_are_listed_but_for_those_that_are_gone() -> None:
    exchange = AZURE_SPEECH.tts.voices(CREDENTIAL)
    next(exchange)
    body = (
        b'[{"ShortName":"en-US-JennyNeural","DisplayName":"Jenny","Locale":"en-US","Gender":"Female",'
        b'"VoiceType":"Neural","Status":"GA","SecondaryLocaleList":["de-DE"]},{"ShortName":"x","Status":"Deprecated"}]'
    )
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, body))
    (jenny,) = done.value.value
    assert (jenny.id, jenny.languages, jenny.gender) == ("en-US-JennyNeural", ("en-US", "de-DE"), "female")


# --- recordings -------------------------------------------------------------------------------


def recorded(told: bytes, **asked: Any) -> tuple[Any, Any]:
    """Return the request for a recording, and what its answer is read as."""
    ask = TranscribeRequest(**{"model": "fast", "audio": b"RIFF", **asked})
    exchange = AZURE_SPEECH.stt.transcribe(ask, CREDENTIAL)
    request = next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, told))
    return request, done.value.value


FAST = (
    b'{"durationMilliseconds":1500,"combinedPhrases":[{"text":"Hi. Yes."}],"phrases":['
    b'{"offsetMilliseconds":100,"durationMilliseconds":300,"text":"Hi.","locale":"en-US","confidence":0.9,"speaker":1,'
    b'"words":[{"text":"Hi.","offsetMilliseconds":100,"durationMilliseconds":300}]},'
    b'{"offsetMilliseconds":900,"durationMilliseconds":200,"text":"Yes."}]}'
)


def test_a_recording_is_a_form_with_its_definition() -> None:
    request, answer = recorded(FAST, languages=("en",), diarize=True, keyterms=("Contoso",))
    assert request.url == (
        "https://westeurope.api.cognitive.microsoft.com/speechtotext/transcriptions:transcribe?api-version=2024-11-15"
    )
    for part in (
        b'"locales":["en-US"]',
        b'"phrases":["Contoso"]',
        b'"enabled":true',
        b'"profanityFilterMode":"None"',
    ):
        assert part in request.body
    assert (answer.text, answer.language, answer.duration_ms) == ("Hi. Yes.", "en-US", 1500)
    assert [(one.start_ms, one.end_ms, one.speaker) for one in answer.segments] == [
        (100, 400, "1"),
        (900, 1100, None),
    ]
    assert answer.words[0].end_ms == 400
    assert answer.confidence is None
    assert answer.usage.audio_seconds == 1.5


def test_raw_sound_becomes_a_file_that_tells_its_length() -> None:
    request, _ = recorded(FAST, audio=bytes(320), format=AudioFormat(Encoding.MULAW, 8_000))
    assert b"locales" not in request.body
    at = request.body.index(b"RIFF")
    header = request.body[at : at + 44]
    assert (int.from_bytes(header[4:8], "little"), int.from_bytes(header[40:44], "little")) == (356, 320)
    assert header[20] == 7


def test_a_short_recording_is_asked_for_by_name() -> None:
    body = (
        b'{"RecognitionStatus":"Success","Offset":1000000,"Duration":5000000,'
        b'"NBest":[{"Display":"Hi.","Confidence":0.9}]}'
    )
    request, answer = recorded(body, model="short-audio", diarize=True)
    assert "language=en-US&format=detailed&profanity=raw" in request.url
    assert dict(request.headers)["content-type"] == "audio/wav; codecs=audio/pcm"
    assert (answer.text, answer.segments[0].start_ms, answer.segments[0].end_ms) == ("Hi.", 100, 600)
    assert [one.param for one in answer.warnings] == ["diarize"]
    _, silent = recorded(b'{"RecognitionStatus":"InitialSilenceTimeout"}', model="short-audio")
    assert silent.text == ""
