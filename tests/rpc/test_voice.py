"""Live speech over gRPC by grpcio: what a caller is told is what the WebSockets tell."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from integration_api.proto import voice_pb2 as wire
from lab import mouth
from tests.e2e.service import ADMIN_KEY, ROOT, Service
from tests.e2e.test_voice import (
    FRAME_MS,
    HEARD,
    OUTPUTS,
    SILENCE,
    SPEECH,
    TURNS,
    ask_lab,
    call,
    fresh,
    heard,
    lab,
    records,
    say,
    service,
    told,
)
from tests.rpc.caller import details, signed

__all__ = ["fresh", "lab", "service"]

VOICE = "integration.voice.v1."
TIMED = {"connect_ms", "ttfb_ms", "session_id", "mono_time_us", "provider_request_id"}
"""What no two sessions have in common."""
RENAMED = {
    "sample_rate": "sample_rate_hz",
    "word_timestamps": "word_ts",
    "char_timestamps": "char_ts",
}


@asynccontextmanager
async def streaming(service: Service, method: str, server: type[Any]) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = channel.stream_stream(
            f"/{VOICE}{method}",
            lambda said: said if isinstance(said, bytes) else said.SerializeToString(),
            server.FromString,
        )
        yield stub(metadata=signed(ADMIN_KEY), timeout=60)


def reason(error: grpc.RpcError) -> str:
    return details(error)[1]["ErrorInfo"].reason


async def rest(stream: Any) -> list[Any]:
    found: list[Any] = []
    while (message := await stream.read()) is not grpc.aio.EOF:
        found.append(message)
    return found


def plain(message: Message) -> dict[str, Any]:
    """Return what is set in a message, without what is nothing."""
    return bare(
        json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    )


def bare(told: Any) -> Any:
    """Return an event without what is nothing or no two sessions have in common; numbers as text, words in lower case."""
    if isinstance(told, Mapping):
        if "start_ms" in told:
            told = {"is_final": True, **told}  # As a word is unless JSON says otherwise.
        if told.get("type") == "usage":
            told = {"unit": "audio", **told}
        return {
            RENAMED.get(name, name): bare(value)
            for name, value in told.items()
            if (value not in (None, "", 0, [], {}, "0") or name == "is_final") and name not in TIMED
        }
    if isinstance(told, list):
        return [bare(one) for one in told]
    return told if isinstance(told, bool) else str(told).lower().removesuffix(".0")


def as_json(message: Any) -> dict[str, Any]:
    """Return a message as the WebSocket would tell it."""
    kind = message.WhichOneof("event")
    return {"type": kind, **plain(getattr(message, kind)), **plain(message.envelope)}


async def over_a_socket(service: Service, model: str) -> list[dict[str, Any]]:
    async with call(service, "stt", target={"model": model}) as socket:
        ready = json.loads(await socket.recv())
        await say(socket, SPEECH + SILENCE)
        await socket.send('{"type": "end"}')
        return [ready, *await told(socket)]


async def transcribed(service: Service, model: str, *, end: bool = True) -> list[wire.SttServer]:
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        start = wire.SttClient.Start(target=wire.Target(model=model))
        await stream.write(wire.SttClient(start=start))
        ready = await stream.read()
        step = 32 * FRAME_MS
        for at in range(0, len(SPEECH + SILENCE), step):
            await stream.write(wire.SttClient(audio=(SPEECH + SILENCE)[at : at + step]))
        if end:
            await stream.write(wire.SttClient(end=wire.SttClient.End()))
        else:
            await stream.done_writing()
        return [ready, *await rest(stream)]


@pytest.mark.parametrize("model", ["deepgram/nova-3", "deepgram/flux-general-en"])
async def test_a_transcript_is_told_as_over_the_socket(service: Service, lab: str, model: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}] * 3})
    expected = [bare(one) for one in await over_a_socket(service, model)]
    for end in (True, False):
        messages = await transcribed(service, model, end=end)
        assert [bare(as_json(one)) for one in messages] == expected
        assert [one.envelope.seq for one in messages] == list(range(len(messages)))
        ends = [one.utterance_end.text for one in messages if one.HasField("utterance_end")]
        assert ends == TURNS
        assert messages[-1].closed.reason == "finished"


async def test_finalize_and_a_change_reach_the_provider(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}]})
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        target = wire.Target(model="deepgram/nova-3", provider_options={"endpointing": 300})
        await stream.write(wire.SttClient(start=wire.SttClient.Start(target=target, punctuate=False)))
        await stream.read()
        await stream.write(wire.SttClient(audio=SPEECH[: 32 * 700]))
        terms = wire.SttClient.Update.Terms(values=["table"])
        await stream.write(wire.SttClient(update=wire.SttClient.Update(keyterms=terms)))
        await stream.write(wire.SttClient(keepalive=wire.SttClient.KeepAlive()))
        await stream.write(wire.SttClient(finalize=wire.SttClient.Finalize()))
        while not (message := await stream.read()).HasField("final"):
            pass
        assert (message.final.text, message.final.from_finalize) == ("I would", True)
        assert (await stream.read()).utterance_end.reason == wire.SttServer.UtteranceEnd.FINALIZE
        await stream.done_writing()
        assert (await rest(stream))[-1].closed.reason == "finished"
    request = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]
    assert (request["query"]["endpointing"], request["query"]["punctuate"]) == ("300", "false")
    assert [json.loads(one)["type"] for one in request["said"] if isinstance(one, str)] == [
        "Configure", "KeepAlive", "Finalize", "CloseStream",
    ]  # fmt: skip


async def test_a_fallback_takes_over(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 503}]})
    fallback = wire.Fallback(targets=[wire.Target(model="deepgram/nova-2")])
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        start = wire.SttClient.Start(
            target=wire.Target(model="deepgram/nova-3"), fallback=fallback, metadata={"line": "7"}
        )
        await stream.write(wire.SttClient(start=start))
        ready = await stream.read()
        assert ready.ready.model == "nova-2"
        assert dict(await stream.initial_metadata())["x-integration-model"] == "nova-2"
        await stream.done_writing()
        assert (await rest(stream))[-1].closed.reason == "finished"
    async with asyncio.timeout(60):
        while len(found := records(service, ready.envelope.session_id)) < 2:
            await asyncio.sleep(0.05)
    assert {one["metadata"]["line"] for one in found} == {"7"}


STARTS = {
    "no_start": (wire.SttClient(audio=b"x"), "INVALID_ARGUMENT", "start_required"),
    "nothing": (wire.SttClient(), "INVALID_ARGUMENT", "start_required"),
    "no_target": (wire.SttClient(start=wire.SttClient.Start()), "INVALID_ARGUMENT", "model_required"),
    "unknown_provider": (
        wire.SttClient(start=wire.SttClient.Start(target=wire.Target(model="nobody/x"))),
        "INVALID_ARGUMENT",
        "unknown_provider",
    ),
    "no_such_credential": (
        wire.SttClient(
            start=wire.SttClient.Start(target=wire.Target(model="deepgram/nova-3", credential_id="12"))
        ),
        "NOT_FOUND",
        "credential_not_found",
    ),
    "bad_rate": (
        wire.SttClient(
            start=wire.SttClient.Start(
                target=wire.Target(model="deepgram/nova-3"), input=wire.AudioFormat(sample_rate_hz=1)
            )
        ),
        "INVALID_ARGUMENT",
        "invalid_value",
    ),
    "unknown_encoding": (
        wire.SttClient(
            start=wire.SttClient.Start(
                target=wire.Target(model="deepgram/nova-3"), input=wire.AudioFormat(encoding=99)
            )
        ),
        "INVALID_ARGUMENT",
        "invalid_value",
    ),
    "no_confidence": (
        wire.SttClient(
            start=wire.SttClient.Start(
                target=wire.Target(model="deepgram/nova-3"), endpointing=wire.Endpointing(eager_threshold=1.5)
            )
        ),
        "INVALID_ARGUMENT",
        "invalid_value",
    ),
    "no_message": (b"\xff", "INVALID_ARGUMENT", "invalid_message"),
}


@pytest.mark.parametrize("first, status, code", STARTS.values(), ids=STARTS)
async def test_a_bad_start_is_told_in_the_stream_and_in_the_status(
    service: Service, first: Any, status: str, code: str
) -> None:
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        await stream.write(first)
        error, closed = await stream.read(), await stream.read()
        with pytest.raises(grpc.RpcError) as refused:
            await stream.read()
    assert error.error.code == code
    assert closed.closed.reason == "error"
    assert refused.value.code().name == status
    assert reason(refused.value) == code


async def test_nonsense_in_the_middle_ends_the_session(service: Service) -> None:
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        start = wire.SttClient.Start(target=wire.Target(model="deepgram/nova-3"))
        await stream.write(wire.SttClient(start=start))
        await stream.read()
        await stream.write(wire.SttClient())
        assert (await stream.read()).error.code == "invalid_message"
        assert (await stream.read()).closed.reason == "error"
        with pytest.raises(grpc.RpcError):
            await stream.read()


async def test_what_the_provider_refuses_is_told(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 401, "times": 0}]})
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        start = wire.SttClient.Start(target=wire.Target(model="deepgram/nova-3"))
        await stream.write(wire.SttClient(start=start))
        assert (await stream.read()).error.code == "credential_rejected"
        await stream.read()
        with pytest.raises(grpc.RpcError) as refused:
            await stream.read()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_caller_who_leaves_is_gone_for_the_provider_too(service: Service, lab: str) -> None:
    before = ask_lab(lab, "GET", "stats")["connections"]
    async with streaming(service, "SpeechToText/StreamTranscribe", wire.SttServer) as stream:
        start = wire.SttClient.Start(target=wire.Target(model="deepgram/nova-3"))
        await stream.write(wire.SttClient(start=start))
        await stream.read()
        assert ask_lab(lab, "GET", "stats")["connections"] == before + 1
        stream.cancel()
    async with asyncio.timeout(60):
        while ask_lab(lab, "GET", "stats")["connections"] > before:
            await asyncio.sleep(0.01)


# --- whole --------------------------------------------------------------------------------------


def unary(service: Service, method: str, request: Message, answer: type[Any]) -> Any:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = channel.unary_unary(
            f"/{VOICE}{method}", request.__class__.SerializeToString, answer.FromString
        )
        return stub(request, metadata=signed(ADMIN_KEY), timeout=60)


def test_a_recording_is_written_down(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}]})
    request = wire.TranscribeRequest(
        target=wire.Target(model="deepgram/nova-3"),
        audio=SPEECH,
        format=wire.AudioFormat(),
        languages=["en"],
        prompt="Table",
    )
    made = unary(service, "SpeechToText/Transcribe", request, wire.Transcript)
    assert made.text == " ".join(TURNS)
    assert made.duration_ms == 3600
    assert [(one.start_ms, one.end_ms) for one in made.words[:2]] == [(300, 500), (500, 700)]
    assert [one.text for one in made.segments] == [one["text"] for one in HEARD]
    assert [one.message for one in made.warnings] == ["prompt: deepgram takes no prompt; keyterms steer it"]
    asked = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["query"]
    assert {asked["encoding"], asked["sample_rate"], asked["language"]} == {"linear16", "16000", "en"}


def test_nothing_to_write_down_is_refused(service: Service) -> None:
    for request, code in (
        (wire.TranscribeRequest(target=wire.Target(model="deepgram/nova-3")), "invalid_value"),
        (
            wire.TranscribeRequest(target=wire.Target(model="sandbox/echo"), audio=b"x"),
            "unsupported_operation",
        ),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            unary(service, "SpeechToText/Transcribe", request, wire.Transcript)
        assert reason(refused.value) == code


def test_a_provider_without_voices_says_so(service: Service) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        unary(
            service,
            "TextToSpeech/ListVoices",
            wire.ListVoicesRequest(target=wire.Target(provider="sandbox")),
            wire.ListVoicesResponse,
        )
    assert reason(refused.value) == "unsupported_operation"


# --- voices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", ["aura-2-thalia-en", "flux-haley-en"])
@pytest.mark.parametrize("output", [output for output, _ in OUTPUTS.values()], ids=OUTPUTS)
async def test_speech_is_told_as_over_the_socket(
    service: Service, voice: str, output: dict[str, Any]
) -> None:
    text = "Hello, this is a test."
    mark = {"utterance_id": "a", "name": "m", "char_offset": 7}
    async with call(
        service, "tts", target={"model": f"deepgram/{voice}"}, output=output, timestamps="word"
    ) as socket:
        await socket.send(json.dumps({"type": "text", "utterance_id": "a", "text": text}))
        await socket.send(json.dumps({"type": "mark", **mark}))
        await socket.send('{"type": "text", "utterance_id": "a", "final": true}')
        await socket.send('{"type": "end"}')
        expected, frames = await heard(socket)
    start = {
        "target": {"model": f"deepgram/{voice}"},
        "output": {**output, "encoding": output["encoding"].upper()},
        "timestamps": "WORD",
    }
    async with streaming(service, "TextToSpeech/StreamSynthesize", wire.TtsServer) as stream:
        await stream.write(json_format.ParseDict({"start": start}, wire.TtsClient()))
        await stream.write(wire.TtsClient(text=wire.TtsClient.Text(utterance_id="a", text=text)))
        await stream.write(wire.TtsClient(mark=wire.TtsClient.Mark(**mark)))
        await stream.write(wire.TtsClient(text=wire.TtsClient.Text(utterance_id="a", final=True)))
        await stream.write(wire.TtsClient(end=wire.TtsClient.End()))
        messages = await rest(stream)
    sound = [one.audio for one in messages if one.HasField("audio")]
    assert [one.audio for one in sound] == frames["a"]
    assert [(one.seq, one.offset_ms) for one in sound] == [(at, at * FRAME_MS) for at in range(len(sound))]
    events = [bare(as_json(one)) for one in messages if not one.HasField("audio")]
    for one in [*events, *(expected := [bare(event) for event in expected])]:
        one.pop("seq", None)  # Here frames are counted as well.
    assert events == expected


async def test_bad_words_to_a_voice_are_explained(service: Service) -> None:
    text = wire.TtsClient.Text
    for said, code in (
        (wire.TtsClient(text=text(ssml="<speak/>")), "ssml_not_allowed"),
        (wire.TtsClient(text=text(utterance_id="x" * 200, text="a")), "invalid_value"),
        (wire.TtsClient(), "invalid_message"),
    ):
        async with streaming(service, "TextToSpeech/StreamSynthesize", wire.TtsServer) as stream:
            start = wire.TtsClient.Start(target=wire.Target(model="deepgram/aura-2-thalia-en"))
            await stream.write(wire.TtsClient(start=start))
            await stream.write(said)
            messages = [await stream.read() for _ in range(3)]
            with pytest.raises(grpc.RpcError) as refused:
                await stream.read()
        assert messages[1].error.code == code
        assert reason(refused.value) == code


def spoken(service: Service, request: wire.SynthesizeRequest) -> Iterator[wire.TtsServer]:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = channel.unary_stream(
            f"/{VOICE}TextToSpeech/Synthesize",
            wire.SynthesizeRequest.SerializeToString,
            wire.TtsServer.FromString,
        )
        yield from stub(request, metadata=signed(ADMIN_KEY), timeout=60)


def test_a_text_is_spoken_whole(service: Service) -> None:
    start = wire.TtsClient.Start(target=wire.Target(model="deepgram/aura-2-thalia-en"), chunk_ms=40)
    messages = list(spoken(service, wire.SynthesizeRequest(start=start, text="Hello.")))
    sound = [one.audio.audio for one in messages if one.HasField("audio")]
    assert b"".join(sound) == mouth.pcm("Hello.", 24_000)
    assert {len(one) for one in sound} == {48 * 40}
    assert [one.WhichOneof("event") for one in messages if not one.HasField("audio")] == [
        "ready", "started", "done", "usage", "closed",
    ]  # fmt: skip


def test_what_the_document_shows_is_answered(service: Service) -> None:
    """docs/grpc.md's commands for speech, sent as they stand."""
    text = (ROOT / "docs/grpc.md").read_text()
    _, _, section = text.partition("## Speech")
    body = section.partition("-d '")[2].partition("'")[0]
    messages = list(spoken(service, json_format.Parse(body, wire.SynthesizeRequest())))
    assert messages[-1].closed.reason == "finished"
    assert any(one.HasField("audio") for one in messages)
