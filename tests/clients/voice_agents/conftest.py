"""A lab of speech and a service, run by SERVICE_PYTHON; the frameworks know nothing of either."""

import json
import runpy
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.service import ROOT, Service, lab_running, running

spoken: Callable[[str, int], bytes] = runpy.run_path(str(ROOT / "lab/mouth.py"))["pcm"]
"""The sound of a text as the lab's voices make it; the lab as a whole can not be imported here."""

VOICES = {
    "google-speech/chirp3-hd": "en-US-Chirp3-HD-Charon",
    "azure-speech/neural": "en-US-JennyNeural",
    "elevenlabs/eleven_flash_v2_5": "21m00Tcm4TlvDq8ikWAM",
    "deepgram/aura-2": "aura-2-thalia-en",
    "cartesia/sonic-3": "a0e99841-438c-4a64-b679-ae501e7d6091",
    "sarvam/bulbul:v3": "shubh",
    "openai/gpt-4o-mini-tts": "ash",
}
"""Every provider that speaks: a model, and one of its voices."""
EARS = [
    "google-speech/chirp_3",
    "azure-speech/default",
    "azure-speech/short-audio",
    "deepgram/nova-3",
    "assemblyai/universal-3-pro",
    "assemblyai/best",
    "cartesia/ink-whisper",
    "sarvam/saaras:v3",
    "openai/gpt-4o-mini-transcribe",
]
"""Every provider that writes recordings down, by each of its ways."""
LIVE = {
    "google-speech/chirp_3": 1.9,
    "azure-speech/default": 1.9,
    "deepgram/nova-3": 1.9,
    "deepgram/flux-general-en": 1.9,
    "assemblyai/universal-streaming-english": 1.9,
    "cartesia/ink-2": 0,
    "sarvam/saaras:v3-realtime": 2.2,
    "sarvam/saaras:v3": 0,
}
"""Every provider that listens live, with the seconds it says that somebody spoke.

Some tell no times; Sarvam tells when a turn began only with its text, so here it begins with the session.
"""
PROVIDERS = {model.partition("/")[0] for model in (*VOICES, *EARS, *LIVE)}
VERSION = {"openai": "/v1"}
"""What follows a provider's name in a base URL."""
HEARD = [
    {"text": "I would like a table", "start_ms": 300, "end_ms": 1300},
    {"text": "for two please.", "start_ms": 1400, "end_ms": 2200},
]
SAID = "I would like a table for two please."
RATE = 24_000
"""What OpenAI's plugins send and take, in Hz."""
SPEECH = spoken("a" * 60, RATE) + bytes(RATE * 2)
"""Sound that is loud for as long as somebody is heard, and a second of silence."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab_running(tmp_path_factory.mktemp("lab")) as url:
        yield url


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as started:
        for provider in PROVIDERS:
            value = {"key": "lab-key-of-voice-agents-0123456789"}
            if provider == "google-speech":
                value["project_id"] = "lab"
            url = f"{lab}/{provider}{VERSION.get(provider, '')}"
            started.add_credential(provider, base_url=url, value=value)
        yield started


@pytest.fixture
def hears(lab: str) -> Callable[[str], None]:
    """Tells the lab that a model's provider is to hear `HEARD` next."""

    def script(model: str) -> None:
        body: Any = {model.partition("/")[0]: [{"heard": HEARD}]}
        with urllib.request.urlopen(
            urllib.request.Request(f"{lab}/_lab/script", method="PUT", data=json.dumps(body).encode())
        ):
            pass

    return script
