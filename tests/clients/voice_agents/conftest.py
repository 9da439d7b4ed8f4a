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

PROVIDERS = {"deepgram": "", "cartesia": "", "elevenlabs": "", "openai": "/v1"}
"""Each with what follows its name in a base URL."""
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
        for provider, version in PROVIDERS.items():
            started.add_credential(
                provider, base_url=f"{lab}/{provider}{version}", key="lab-key-of-voice-agents-0123456789"
            )
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
