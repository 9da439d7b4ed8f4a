"""The public models, of which each voice is one (developers.deepgram.com/reference/manage/models/list)."""

from typing import Any

from lab.deepgram import client
from lab.http import Call, Response

VOICES = (
    ("thalia", "aura-2-thalia-en", ["en", "en-US"], "American", ["feminine", "Clear", "Confident"]),
    ("angus", "aura-angus-en", ["en", "en-IE"], "Irish", ["masculine", "Warm"]),
)


def models(call: Call) -> Response:
    """GET /v1/models: nobody is asked for a key. Raises `Refused`."""
    client.known(call, ("include_outdated",))
    return client.answer(call, {"stt": [_ear()], "tts": [_voice(*one) for one in VOICES]})


def _ear() -> dict[str, Any]:
    return {
        "name": "general", "canonical_name": "nova-3-general", "architecture": "nova3", "languages": ["en", "en-US"],
        "version": "2025-01-09.0", "uuid": "00000000-0000-4000-8000-000000000000", "batch": False, "streaming": True,
        "formatted_output": False,
    }  # fmt: skip


def _voice(name: str, model: str, languages: list[str], accent: str, tags: list[str]) -> dict[str, Any]:
    return {
        "name": name, "canonical_name": model, "architecture": model.partition("-")[0], "languages": languages,
        "version": "2024-11-19.0", "uuid": "00000000-0000-4000-8000-000000000001",
        "metadata": {
            "accent": accent, "age": "Adult", "color": "#888888", "image": "https://static.example/avatar.webp",
            "sample": f"https://static.example/{name}.wav", "tags": tags, "use_cases": ["Customer service"],
        },
    }  # fmt: skip
