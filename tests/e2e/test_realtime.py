"""OpenAI's realtime transcription over live transcripts, driven by the openai SDK through the running service."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab import mouth
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.test_isolation import other_project
from tests.e2e.test_voice import HEARD, TURNS, ask_lab, fresh, lab, service

__all__ = ["fresh", "lab", "service"]

RATE = 24_000
SPEECH = mouth.pcm("a" * 100, RATE) + bytes(RATE * 2)
"""Four seconds that are loud, and one that is not."""
PIECE = RATE * 2 // 50


@asynccontextmanager
async def realtime(service: Service, key: str = ADMIN_KEY, **query: Any) -> AsyncIterator[Any]:
    async with (
        AsyncOpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0,
                    websocket_base_url=service.url.replace("http", "ws") + "/v1", timeout=60) as client,
        client.realtime.connect(extra_query={"intent": "transcription", **query}) as connection,
    ):  # fmt: skip
        yield connection


def session(model: str, **more: Any) -> Any:
    return {"type": "transcription", "audio": {"input": {"transcription": {"model": model}, **more}}}


async def say(connection: Any, sound: bytes, size: int = PIECE) -> None:
    for at in range(0, len(sound), size):
        await connection.input_audio_buffer.append(audio=b64encode(sound[at : at + size]).decode())


async def heard(connection: Any, count: int) -> list[Any]:
    """Return the events up to the last of `count` transcripts."""
    events: list[Any] = []
    async with asyncio.timeout(60):
        while sum(one.type.endswith("transcription.completed") for one in events) < count:
            events.append(await connection.recv())
    return events


@pytest.mark.parametrize("model", ["deepgram/nova-3", "deepgram/flux-general-en"])
async def test_turns_are_told_in_openais_events(service: Service, lab: str, model: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}]})
    async with realtime(service) as connection:
        created = await connection.recv()
        assert (created.type, created.session.type) == ("session.created", "transcription")
        await connection.session.update(session=session(model))
        updated = await connection.recv()
        assert updated.type == "session.updated"
        assert updated.session.audio.input.transcription.model == model
        await say(connection, SPEECH)
        events = await heard(connection, 2)
    completed = [one for one in events if one.type == "conversation.item.input_audio_transcription.completed"]
    assert [one.transcript for one in completed] == TURNS
    assert [one.usage.seconds for one in completed] == [1.9, 0.6]
    deltas: dict[str, str] = {}
    for one in events:
        if one.type == "conversation.item.input_audio_transcription.delta":
            deltas[one.item_id] = deltas.get(one.item_id, "") + one.delta
    assert deltas == {one.item_id: one.transcript for one in completed}
    starts = [one.audio_start_ms for one in events if one.type == "input_audio_buffer.speech_started"]
    stops = [one.audio_end_ms for one in events if one.type == "input_audio_buffer.speech_stopped"]
    assert starts == [300, 3000]
    assert stops == [2200, 3600]
    commits = [one for one in events if one.type == "input_audio_buffer.committed"]
    assert [one.item_id for one in commits] == [one.item_id for one in completed]
    assert [one.previous_item_id for one in commits] == [None, completed[0].item_id]


TURN_DETECTION: dict[str, tuple[dict[str, str], list[tuple[str, float]]]] = {
    "by silence": ({"type": "server_vad"}, [(TURNS[0], 1.9), (TURNS[1], 0.6)]),
    "by meaning": ({"type": "semantic_vad", "eagerness": "high"}, [(" ".join(TURNS), 3.3)]),
}
"""Without a length of silence: OpenAI's own are half a second, and two seconds at the most."""


@pytest.mark.parametrize("turns, told", TURN_DETECTION.values(), ids=TURN_DETECTION)
async def test_turns_end_where_openai_ends_them(
    service: Service, lab: str, turns: dict[str, str], told: list[tuple[str, float]]
) -> None:
    ask_lab(lab, "PUT", "script", {"azure-speech": [{"heard": HEARD, "times": 0}]})
    async with realtime(service) as connection:
        await connection.session.update(session=session("azure-speech/default", turn_detection=turns))
        await say(connection, SPEECH + bytes(RATE * 2))
        events = await heard(connection, len(told))
    completed = [one for one in events if one.type == "conversation.item.input_audio_transcription.completed"]
    assert [(one.transcript, one.usage.seconds) for one in completed] == told


EARS = [
    "deepgram/nova-3", "deepgram/flux-general-en", "cartesia/ink-2", "cartesia/ink-whisper",
    "assemblyai/universal-streaming-english", "azure-speech/default", "google-speech/latest_long",
    "google-speech/phone_call", "sarvam/saaras:v3", "sarvam/saaras:v2.5", "sarvam/saaras:v3-realtime", "sarvam/saaras:v4",
    "openai/gpt-4o-transcribe", "openai/gpt-live-transcribe",
]  # fmt: skip
"""One of each language that is spoken live."""
ONE_TURN = bytes(RATE * 2 * 3 // 10) + mouth.pcm("a" * 48, RATE) + bytes(RATE * 2 * 4)
"""What `HEARD` begins with, and four seconds of silence behind it."""


WAYS = {
    "in frames": (PIECE, {"type": "server_vad"}),
    "at once": (len(ONE_TURN), {"type": "server_vad"}),
    "by meaning": (PIECE, {"type": "semantic_vad", "eagerness": "high"}),
}


@pytest.mark.parametrize("model", EARS)
@pytest.mark.parametrize("size, turns", WAYS.values(), ids=WAYS)
async def test_a_turn_ends_by_silence_whoever_listens(
    service: Service, lab: str, model: str, size: int, turns: dict[str, str]
) -> None:
    ask_lab(lab, "PUT", "script", {model.partition("/")[0]: [{"heard": HEARD[:2]}]})
    async with realtime(service) as connection:
        await connection.session.update(session=session(model, turn_detection=turns))
        await say(connection, ONE_TURN, size)
        told = (await heard(connection, 1))[-1]
    assert told.transcript == TURNS[0]


async def test_who_only_speaks_is_refused_as_such(service: Service) -> None:
    async with realtime(service) as connection:
        await connection.session.update(session=session("elevenlabs/eleven_flash_v2_5"))
        await connection.recv()
        refused = await connection.recv()
    assert (refused.type, refused.error.code) == ("error", "unsupported_operation")
    assert "elevenlabs does not offer stt" in refused.error.message


@pytest.mark.parametrize("model", ["gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1"])
async def test_openais_own_models_are_asked_in_their_own_events(
    service: Service, lab: str, model: str
) -> None:
    ask_lab(lab, "PUT", "script", {"openai": [{"heard": HEARD}]})
    vad = {"type": "server_vad", "silence_duration_ms": 300}
    async with realtime(service) as connection:
        await connection.session.update(session=session(f"openai/{model}", turn_detection=vad))
        await say(connection, SPEECH)
        events = await heard(connection, 2)
    completed = [one for one in events if one.type == "conversation.item.input_audio_transcription.completed"]
    assert [one.transcript for one in completed] == TURNS
    assert completed[1].usage.seconds == 0.6
    (asked,) = ask_lab(lab, "GET", "requests?provider=openai")["requests"]
    assert (asked["path"], asked["query"]) == ("/v1/realtime", {"intent": "transcription"})
    heard_as = json.loads(asked["said"][0])["session"]["audio"]["input"]
    assert heard_as == {
        "format": {"type": "audio/pcm", "rate": 24_000}, "transcription": {"model": model}, "turn_detection": vad,
    }  # fmt: skip


async def test_a_turn_lasts_from_its_first_word_also_where_that_is_told_late(
    service: Service, lab: str
) -> None:
    ask_lab(lab, "PUT", "script", {"sarvam": [{"heard": HEARD}]})
    async with realtime(service) as connection:
        await connection.session.update(session=session("sarvam/saaras:v3-realtime"))
        await say(connection, SPEECH)
        events = await heard(connection, 2)
    completed = [one for one in events if one.type == "conversation.item.input_audio_transcription.completed"]
    assert [one.usage.seconds for one in completed] == [1.9, 0.6]


async def test_a_caller_who_detects_turns_itself_commits_them(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}]})
    async with realtime(service) as connection:
        await connection.recv()
        sound = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
        await connection.session.update(session=session("deepgram/nova-3", **sound))
        updated = await connection.recv()
        assert (updated.session.audio.input.format.type, updated.session.audio.input.turn_detection) == (
            "audio/pcmu",
            None,
        )
        await say(connection, mouth.mulaw("a" * 25), 160)
        await connection.input_audio_buffer.commit()
        events = await heard(connection, 1)
    assert events[-1].transcript == "I would like"
    types = [one.type for one in events]
    assert types.count("input_audio_buffer.committed") == 1
    asked = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["query"]
    assert (asked["encoding"], asked["sample_rate"]) == ("mulaw", "8000")


WAITING = {
    "azure-speech/default", "sarvam/saaras:v3-realtime", "sarvam/saaras:v4", "openai/gpt-4o-transcribe",
    "openai/gpt-live-transcribe",
}  # fmt: skip
"""Those that leave the end of a turn to the caller, and tell no final text before it."""


def told_of(events: list[Any]) -> str:
    return "".join(one.delta for one in events if one.type.endswith("transcription.delta"))


@pytest.mark.parametrize("model", EARS)
async def test_turns_are_the_callers_alone_where_it_wants_to_end_them(
    service: Service, lab: str, model: str
) -> None:
    """Whatever the provider finds by itself: many can not be told to leave that."""
    # What Flux is asked to end can not be told from what it ends by itself.
    turns, sound = (1, ONE_TURN) if "flux" in model else (2, SPEECH)
    ask_lab(lab, "PUT", "script", {model.partition("/")[0]: [{"heard": HEARD[: turns + 1]}]})
    async with realtime(service) as connection:
        await connection.session.update(session=session(model, turn_detection=None))
        await say(connection, sound)
        events: list[Any] = []
        async with asyncio.timeout(60):
            while model not in WAITING and not told_of(events).endswith(TURNS[turns - 1]):
                events.append(await connection.recv())
        await connection.input_audio_buffer.commit()
        events += await heard(connection, 1)
    assert events[-1].transcript == " ".join(TURNS[:turns])
    assert sum(one.type == "input_audio_buffer.committed" for one in events) == 1


async def test_a_change_is_passed_on_and_a_model_in_the_address_is_enough(service: Service, lab: str) -> None:
    async with realtime(service, model="deepgram/nova-3") as connection:
        await connection.recv()
        await say(connection, SPEECH[:PIECE])
        assert (await connection.recv()).type == "session.updated"
        change = {"audio": {"input": {"transcription": {"keywords": ["table"]}}}}
        await connection.send({"type": "session.update", "session": change})
        assert (await connection.recv()).type == "session.updated"
        await connection.input_audio_buffer.clear()
        assert (await connection.recv()).type == "input_audio_buffer.cleared"

    def passed_on() -> bool:
        said = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]["said"]
        return any("Configure" in one and "table" in one for one in said if isinstance(one, str))

    async with asyncio.timeout(60):
        while not passed_on():
            await asyncio.sleep(0.01)


async def test_sound_that_comes_before_its_model_is_heard(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD}]})
    early = PIECE * 20
    async with realtime(service) as connection:
        await say(connection, SPEECH[:early])
        await connection.session.update(session=session("deepgram/nova-3"))
        await say(connection, SPEECH[early:])
        events = await heard(connection, 2)
    assert not [one for one in events if one.type == "error"]
    (start, _) = [one.audio_start_ms for one in events if one.type == "input_audio_buffer.speech_started"]
    assert start == 300


WRONG: dict[str, tuple[Any, str]] = {
    "another kind": ({"type": "response.create", "event_id": "e1"}, "unknown_event"),
    "no model": (
        {"type": "input_audio_buffer.append", "audio": b64encode(bytes(240_001)).decode(), "event_id": "e1"},
        "model_required",
    ),
    "another format": (
        {"type": "session.update", "event_id": "e1",
         "session": {"audio": {"input": {"format": {"type": "audio/ogg"}}}}},
        "invalid_value",
    ),
    "no silence": (
        {"type": "session.update", "event_id": "e1",
         "session": {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": -1}}}}},
        "invalid_value",
    ),
    "another rate": (
        {"type": "session.update", "event_id": "e1",
         "session": {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}},
        "invalid_value",
    ),
}  # fmt: skip


@pytest.mark.parametrize("said, code", WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_told_and_the_session_goes_on(service: Service, said: Any, code: str) -> None:
    async with realtime(service) as connection:
        await connection.recv()
        await connection.send(said)
        told = await connection.recv()
        assert (told.type, told.error.code, told.error.event_id) == ("error", code, "e1")
        await connection.session.update(session=session("deepgram/nova-3"))
        assert (await connection.recv()).type == "session.updated"
        await connection.send({"type": "input_audio_buffer.append", "audio": "§", "event_id": "e2"})
        told = await connection.recv()
        assert (told.error.code, told.error.event_id) == ("invalid_value", "e2")
        await connection.send({"type": "session.update", "session": session("deepgram/nova-2")})
        assert (await connection.recv()).error.code == "invalid_value"


async def ended(connection: Any) -> tuple[Any, int | None]:
    told = await connection.recv()
    with pytest.raises(ConnectionClosed) as closed:
        await connection.recv()
    return told, closed.value.rcvd.code if closed.value.rcvd else None


async def test_what_a_provider_refuses_ends_it(service: Service, lab: str) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"status": 401, "times": 0}]})
    async with realtime(service) as connection:
        await connection.recv()
        await connection.session.update(session=session("deepgram/nova-3"))
        told, code = await ended(connection)
    assert (told.type, told.error.code, code) == ("error", "credential_rejected", 1011)


async def test_another_projects_provider_is_nobodys(service: Service) -> None:
    async with realtime(service, other_project(service)) as connection:
        await connection.recv()
        await connection.session.update(session=session("deepgram/nova-3"))
        told, code = await ended(connection)
    assert (told.error.code, code) == ("credential_missing", 1008)


@pytest.mark.parametrize("key, query, status", [("iak_no", {}, 401), (ADMIN_KEY, {"intent": "talk"}, 400)])
async def test_only_transcripts_and_only_with_a_key(
    service: Service, key: str, query: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with realtime(service, key, **query):
            pass
    assert refused.value.response.status_code == status
