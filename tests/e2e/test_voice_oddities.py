"""What callers do that nobody had in mind: every ear and every voice takes it alike, and the session ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from lab import mouth
from tests.e2e.service import Service
from tests.e2e.test_voice import SILENCE, SPEECH, VOICES, ask_lab, call, fresh, heard, lab, of, service, told
from tests.e2e.test_voice_barge_in import DOORS, TEXT, heard_of
from tests.e2e.test_voice_barge_in import VOICES as PACED
from tests.e2e.test_voice_barge_in import heard as all_of
from tests.e2e.test_voice_barge_in import of as those
from tests.e2e.test_voice_barge_in import sound as sound_of
from tests.e2e.test_voice_formats import EARS

__all__ = ["fresh", "lab", "service"]

SOUNDS = {
    "half a sample": (b"a", ""),
    "a half at the end": (SPEECH + SILENCE + b"a", "Hello from the laboratory."),
}


@pytest.mark.parametrize("sound, text", SOUNDS.values(), ids=SOUNDS)
@pytest.mark.parametrize("model", EARS)
async def test_half_a_sample_is_no_sound_and_nothing_is_heard_behind_the_end(
    service: Service, model: str, sound: bytes, text: str
) -> None:
    async with asyncio.timeout(30), call(service, "stt", target={"model": model}) as socket:
        for at in range(0, len(sound), 1001):
            await socket.send(sound[at : at + 1001])
        await socket.send('{"type": "end"}')
        for word in ("keepalive", "finalize", "update", "end"):
            await socket.send(json.dumps({"type": word}))
            await socket.send(SPEECH)
        events = await told(socket)
    assert of(events, "error") == of(events, "warning") == []
    assert " ".join(one["text"] for one in of(events, "final")) == text
    assert events[-1]["reason"] == "finished"


@pytest.mark.parametrize("model", EARS)
async def test_who_is_asked_for_a_text_while_answering_that_already_answers_again(
    service: Service, model: str
) -> None:
    target = {"model": model}
    start = {"target": target, "endpointing": {"mode": "off"}}
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(30), call(service, "stt", **start) as socket:
        await socket.send('{"type": "finalize"}')
        for at in range(0, 32_000, 640):
            await socket.send(SPEECH[at : at + 640])
        await socket.send('{"type": "finalize"}')
        # Nothing else makes it final: there is no silence behind it.
        while not any(one["text"] for one in of(events, "final")):
            events.append(json.loads(await socket.recv()))
        await socket.send('{"type": "end"}')
        events += await told(socket)
    assert [one["text"] for one in of(events, "final") if one["text"]] == ["Hello from the laboratory."]
    assert events[-1]["reason"] == "finished"


@pytest.mark.parametrize("piece", [6_001, 64_000, 160_001])
async def test_who_takes_over_hears_from_the_very_sample_that_is_not_settled(
    service: Service, lab: str, piece: int
) -> None:
    """However long the caller's messages are, and wherever they end."""
    texts = ["One two.", "Three four.", "Five six.", "Seven."]
    places = [(300, 900), (1400, 2100), (3000, 3600), (5000, 5800)]
    said = [{"text": text, "start_ms": a, "end_ms": b} for text, (a, b) in zip(texts, places, strict=True)]
    # As much as the first has heard of the messages that came before it was lost.
    cut = next(at * piece / 32 for at in range(1, 100) if at * piece / 32 >= 2_500)
    settled = max(end for _, end in places if end <= cut)
    rest = [
        {**one, "start_ms": one["start_ms"] - settled, "end_ms": one["end_ms"] - settled}
        for one in said
        if one["start_ms"] > settled
    ]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": said}, {"heard": rest}]})
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"end": "fin", "after": 2_500}]})
    sound = mouth.pcm("a" * 175, 16_000)
    async with asyncio.timeout(30), call(service, "stt", target={"model": "deepgram/nova-3"}) as socket:
        for at in range(0, len(sound), piece):
            await socket.send(sound[at : at + piece])
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert [(one["text"], one["start_ms"], one["end_ms"]) for one in of(events, "final")] == [
        (text, *place) for text, place in zip(texts, places, strict=True)
    ]
    (again,) = of(events, "reconnected")
    assert again["replayed_ms"] <= len(sound) / 32 - settled


def text(id: str, said: str = "", *, final: bool = False, ssml: bool = False) -> dict[str, Any]:
    return {"type": "text", "utterance_id": id, "ssml" if ssml else "text": said, "final": final}


def word(kind: str, id: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": kind, "utterance_id": id, **more}


END = {"type": "end"}
SAID: dict[str, tuple[list[dict[str, Any]], dict[str, str], int, list[str]]] = {
    "an utterance without text": ([text("a"), text("b", "Two.", final=True)], {"a": "", "b": "Two."}, 0, []),
    "only an utterance without text": ([text("a")], {"a": ""}, 0, []),
    "more after the final": (
        [text("x", "Zero. "), text("a", "One. ", final=True), text("a", "More. ", final=True), text("a", final=True)],
        {"x": "Zero. ", "a": "One. "}, 0, ["after_final"],
    ),
    "a flush, and more at once": (
        [text("a", "One. "), word("flush"), text("a", "Two. ", final=True), text("b", "Three.", final=True)],
        {"a": "One. Two. ", "b": "Three."}, 1, [],
    ),
    "flushes of nothing": (
        [text("x", "Zero. "), word("flush"), text("a", "One. ", final=True), word("flush"), word("flush"),
         text("b", "Two.", final=True)],
        {"x": "Zero. ", "a": "One. ", "b": "Two."}, 1, [],
    ),
    "flushed to the end": (
        [text("a", "One. "), word("flush"), text("a", "Two. "), word("flush"), word("flush"), text("a", final=True)],
        {"a": "One. Two. "}, 1, [],
    ),
    "cut before its end": (
        [text("a", "Not said. "), word("cancel"), text("b", "Two.", final=True)], {"b": "Two."}, 0, [],
    ),
    "one that began later has all its text first": (
        [text("a"), text("b", "Two. ", final=True), text("a", "One. ", final=True)], {"a": "One. ", "b": "Two. "}, 0, [],
    ),
    "an utterance without text behind the others": (
        [text("a", "One. ", final=True), text("b", "Two. ", final=True), text("c", final=True)],
        {"a": "One. ", "b": "Two. ", "c": ""}, 0, [],
    ),
    "a mark before any text": ([word("mark", name="m"), text("a", "One. ", final=True)], {"a": "One. "}, 0,
                               ["unknown_utterance"]),
}  # fmt: skip
"""What is said; what is spoken of each utterance; how many tell at least once that a flush is spoken; warnings."""


@pytest.mark.parametrize("said, spoken, flushed, warnings", SAID.values(), ids=SAID)
@pytest.mark.parametrize("voice", VOICES.values(), ids=VOICES)
async def test_voices_take_alike_what_is_said_out_of_order(
    service: Service, voice: Any, said: list[Any], spoken: dict[str, str], flushed: int, warnings: list[str]
) -> None:
    async with asyncio.timeout(30), call(service, "tts", target=voice) as socket:
        for one in [*said, END]:
            await socket.send(json.dumps(one))
        events, frames = await heard(socket)
    assert of(events, "error") == []
    assert [one["code"] for one in of(events, "warning")] == warnings
    assert {id: b"".join(frames.get(id, [])) for id in spoken} == {
        id: mouth.pcm(text, 24_000) for id, text in spoken.items()
    }
    assert [(one["utterance_id"], one["audio_ms"]) for one in of(events, "done")] == [
        (id, mouth.milliseconds(text)) for id, text in spoken.items()
    ]
    assert len({one["utterance_id"] for one in of(events, "flushed")}) == flushed
    # What was cut may have been made already.
    assert of(events, "usage")[0]["audio_ms"] >= sum(map(mouth.milliseconds, spoken.values()))
    assert events[-1]["reason"] == "finished"


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("target, _", PACED.values(), ids=PACED)
async def test_who_asked_for_the_end_may_still_interrupt_and_what_was_heard_is_counted(
    service: Service, door: Any, target: dict[str, Any], _: bool
) -> None:
    async with asyncio.timeout(30), door(service, target=target) as line:
        await line.say(type="text", utterance_id="a", text=TEXT, final=True)
        await line.say(type="end")
        events = await heard_of(line, "a")
        await line.say(type="text", utterance_id="b", text=TEXT)
        await line.say(type="cancel", utterance_id="a")
        events += await all_of(line)
    assert [one["code"] for one in those(events, "warning")] == ["after_end"]
    assert [len(those(events, kind)) for kind in ("cancelled", "done", "error")] == [1, 0, 0]
    heard_ms = len(sound_of(events)) * 1000 // 48_000
    assert heard_ms <= int(those(events, "usage")[0]["audio_ms"]) < mouth.milliseconds(TEXT)


WRONG = {
    "a mark before the text": (word("mark", name="m", char_offset=-1), "char_offset"),
    "a mark without a name": (word("mark", name=""), "name"),
    "no speed": ({"type": "update", "speed": 0}, "speed"),
}


@pytest.mark.parametrize("said, param", WRONG.values(), ids=WRONG)
async def test_what_can_not_be_is_refused_by_its_name(service: Service, said: Any, param: str) -> None:
    async with asyncio.timeout(30), call(service, "tts", target=VOICES["aura"]) as socket:
        await socket.send(json.dumps(text("a", "One. ")))
        await socket.send(json.dumps(said))
        events, _ = await heard(socket)
    (error,) = of(events, "error")
    assert (error["code"], error["param"]) == ("invalid_value", param)


@pytest.mark.parametrize("voice", ["google", "aura", "flux", "bulbul"])
async def test_who_takes_no_ssml_is_given_the_words_alone(service: Service, voice: str) -> None:
    asked = {"target": VOICES[voice], "ssml_allowed": True}
    async with asyncio.timeout(30), call(service, "tts", **asked) as socket:
        said = text("a", "<speak>You &amp; <break time='1s'/>me.</speak>", final=True, ssml=True)
        await socket.send(json.dumps(said))
        await socket.send(json.dumps(END))
        events, frames = await heard(socket)
    assert [one["code"] for one in of(events, "warning")] == ["unsupported_ssml"]
    assert b"".join(frames["a"]) == mouth.pcm("You & me.", 24_000)


@asynccontextmanager
async def lingering() -> AsyncIterator[str]:
    """A Flux voice that answers neither an interruption nor a goodbye."""

    async def talk(peer: ServerConnection) -> None:
        await peer.send('{"type": "Connected", "request_id": "r"}')
        async for message in peer:
            if json.loads(message)["type"] == "Flush":
                await peer.send(bytes(9_600))

    def known(peer: ServerConnection, request: Request) -> Response | None:
        return None if "Upgrade" in request.headers else peer.respond(200, "{}")  # A key that is looked at.

    async with serve(talk, "127.0.0.1", 0, process_request=known) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_session_ends_though_its_provider_does_not_go(service: Service) -> None:
    async with asyncio.timeout(60), lingering() as url:
        credential = await asyncio.to_thread(
            service.add_credential, "deepgram", base_url=url, name="lingering", default=False
        )
        target = {**VOICES["flux"], "credential_id": credential}
        fallback = {"first_event_timeout_ms": 800}
        async with call(service, "tts", target=target, fallback=fallback) as socket:
            await socket.send(json.dumps(text("a", "One. ", final=True)))
            events: list[dict[str, Any]] = []
            while not of(events, "started"):
                events.append(json.loads(await socket.recv()))
            await socket.send(json.dumps(word("cancel")))
            await socket.send(json.dumps(END))
            rest, _ = await heard(socket)
    assert [one["type"] for one in rest] == ["cancelled", "usage", "closed"]
    assert rest[-1]["reason"] == "finished"
