"""Numbers that a live session can not be asked for: refused by their name, in whichever language they were said."""

import json
import math
from typing import Any

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.dialects import (
    voice_stt_messages,
    voice_stt_surface,
    voice_tts_messages,
    voice_tts_surface,
)
from integration_api.dialects.openai_realtime_stt import Session, Settings
from integration_api.dialects.voice_surface import FallbackChoice, read
from integration_api.proto import voice_pb2 as wire
from integration_api.rest.tts import asked_of_voice
from integration_api.services.voice import fallback_of

HUGE = 10**30
SAID: dict[str, tuple[list[Any], list[Any]]] = {
    "endpointing.silence_ms": ([-1, 0, 60_001, HUGE, "500", 0.5], [1, 60_000]),
    "endpointing.utterance_end_ms": ([-1, 0, 60_001, HUGE, "500", 0.5], [1, 60_000]),
    "endpointing.eager_threshold": ([-0.01, 1.01, 1e300, HUGE, "0.5"], [0, 0.5, 1]),
    "fallback.connect_timeout_ms": ([-1, 0, 60_001, HUGE, "500", 0.5], [1, 60_000]),
    "fallback.first_event_timeout_ms": ([-1, 0, 60_001, HUGE, "500", 0.5], [1, 60_000]),
    "fallback.hedge_after_ms": ([-1, 0, 60_001, HUGE, "500", 0.5], [1, 60_000]),
    "chunk_ms": ([-1, 0, 9, 101, HUGE, "20", 0.5], [10, 100]),
    "speed": ([-1, 0, 10.1, 1e300, HUGE, "1"], [0.1, 10]),
    "pitch": ([-24.1, 24.1, 1e300, HUGE, "1"], [-24, 0, 24]),
    "volume": ([-96.1, 24.1, 1e300, HUGE, "1"], [-96, 0, 24]),
}
"""What is refused of each, and what is not, in JSON."""
EARS = tuple(name for name in SAID if name.startswith("endpointing."))
SPOKEN: dict[str, tuple[list[Any], list[Any]]] = {
    "endpointing.silence_ms": ([0, 60_001], [1, 60_000]),
    "endpointing.utterance_end_ms": ([0, 60_001], [1, 60_000]),
    "endpointing.eager_threshold": ([-0.01, 1.01, math.nan, math.inf], [0, 0.5, 1]),
    "fallback.connect_timeout_ms": ([0, 60_001], [1, 60_000]),
    "fallback.first_event_timeout_ms": ([0, 60_001], [1, 60_000]),
    "fallback.hedge_after_ms": ([0, 60_001], [1, 60_000]),
    "chunk_ms": ([9, 101], [0, 10, 100]),
    "manner.speed": ([-1, 0, 10.1, math.nan, math.inf], [0.1, 10]),
    "manner.pitch": ([-24.1, 24.1, math.nan, -math.inf], [-24, 0, 24]),
    "manner.volume": ([-96.1, 24.1, math.nan, math.inf], [-96, 0, 24]),
}
"""And in protobuf, whose whole numbers are never negative."""


def in_json(name: str, value: Any) -> None:
    """Say it in the `start` that knows it, and have that understood."""
    holder, _, field = name.rpartition(".")
    start = {"type": "start", "target": {}, **({holder: {field: value}} if holder else {field: value})}
    surface: Any = voice_stt_surface if name in EARS else voice_tts_surface
    said = read(json.dumps(start), surface.Start)
    fallback_of(said.fallback)
    said.read()


def in_protobuf(name: str, value: Any) -> None:
    holder, _, field = name.rpartition(".")
    start: Any = wire.SttClient.Start() if name in EARS else wire.TtsClient.Start()
    setattr(getattr(start, holder) if holder else start, field, value)
    messages: Any = voice_stt_messages if name in EARS else voice_tts_messages
    said = messages.read_start(start)
    fallback_of(said.fallback)
    said.read()


def each(said: dict[str, tuple[list[Any], list[Any]]], which: int) -> list[Any]:
    return [pytest.param(name, value, id=f"{name}={value}") for name in said for value in said[name][which]]


def refused(name: str, failure: Failure) -> None:
    assert (failure.kind, failure.code, failure.param) == (Kind.INVALID_REQUEST, "invalid_value", name)
    assert name in failure.message


@pytest.mark.parametrize("name, value", each(SAID, 0))
def test_a_number_out_of_range_is_refused_in_json(name: str, value: Any) -> None:
    with pytest.raises(Failure) as failure:
        in_json(name, value)
    refused(name, failure.value)


@pytest.mark.parametrize("name, value", each(SPOKEN, 0))
def test_a_number_out_of_range_is_refused_in_protobuf(name: str, value: Any) -> None:
    with pytest.raises(Failure) as failure:
        in_protobuf(name, value)
    refused(name.removeprefix("manner."), failure.value)


@pytest.mark.parametrize("name, value", each(SAID, 1))
def test_the_ends_of_a_range_are_in_it_in_json(name: str, value: Any) -> None:
    in_json(name, value)


@pytest.mark.parametrize("name, value", each(SPOKEN, 1))
def test_the_ends_of_a_range_are_in_it_in_protobuf(name: str, value: Any) -> None:
    in_protobuf(name, value)


@pytest.mark.parametrize("change", [{"silence_ms": 0}, {"eager_threshold": 2}])
def test_a_change_is_held_to_the_same(change: dict[str, Any]) -> None:
    said = read(json.dumps({"type": "update", "endpointing": change}), voice_stt_surface.Change)
    with pytest.raises(Failure, match=f"endpointing.{next(iter(change))}"):
        said.read()
    message = wire.SttClient.Update(endpointing=wire.Endpointing(**change))
    with pytest.raises(Failure, match=f"endpointing.{next(iter(change))}"):
        voice_stt_messages.read_update(message)


@pytest.mark.parametrize("played_ms", [-1, HUGE])
def test_nobody_has_heard_less_than_nothing(played_ms: int) -> None:
    said = read(json.dumps({"type": "cancel", "played_ms": played_ms}), voice_tts_surface.Cancel)
    with pytest.raises(Failure) as failure:
        asked_of_voice(said)
    refused("played_ms", failure.value)


@pytest.mark.parametrize("silence", [-1, 0, 60_001])
def test_a_turn_of_openais_ends_after_a_silence_that_there_is(silence: int) -> None:
    detection = {"type": "server_vad", "silence_duration_ms": silence}
    asked = read(json.dumps({"audio": {"input": {"turn_detection": detection}}}), Session)
    with pytest.raises(Failure) as failure:
        Settings().updated(asked)
    refused("session.audio.input.turn_detection.silence_duration_ms", failure.value)


def test_a_fallback_that_says_nothing_waits_as_usual() -> None:
    assert fallback_of(FallbackChoice()) == fallback_of(None)
