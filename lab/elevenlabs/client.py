"""ElevenLabs' keys, headers and refusals (elevenlabs.io/docs/eleven-api/resources/errors)."""

from collections.abc import Iterable
from typing import Any, NoReturn

from lab import mouth
from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import verdict

_STATUSES = {
    401: ("invalid_api_key", "Invalid API key"),
    402: ("quota_exceeded", "This request exceeds your quota."),
    429: ("too_many_concurrent_requests", "Too many concurrent requests."),
    503: ("system_busy", "The system is busy."),
}
RATES = frozenset({8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
WAV = "wav"


def identity(call: Call) -> str:
    return f"e11e{call.serial:016x}"


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", kind), ("request-id", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    return headers(call, "audio/mpeg")


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What ElevenLabs says with a status."""
    code, said = _STATUSES.get(status, ("error", "The request failed."))
    return _refusal(status, call, code, words or said)


def _refusal(status: int, call: Call, code: str, words: str) -> Response:
    return Response(status, headers(call), encode({"detail": {"status": code, "message": words}}))


def refuse(call: Call, place: list[str], message: str) -> NoReturn:
    """Raises `Refused`: a field is not what ElevenLabs would accept."""
    complaint = {"detail": [{"type": "value_error", "loc": place, "msg": message, "input": None}]}
    raise Refused(Response(422, headers(call), encode(complaint)))


def admit(call: Call, scope: str = "text_to_speech", token: str = "") -> None:
    """Lets a request with a good key or token pass. Keys of some scopes may do nothing but speak. Raises `Refused`."""
    key = call.header("xi-api-key") or token
    match verdict(key):
        case "missing":
            raise Refused(_refusal(401, call, "needs_authorization", "Neither authorization header nor key."))
        case "invalid":
            raise Refused(refusal(401, call))
        case "forbidden":
            raise Refused(_missing(call, scope))
        case "noquota":
            raise Refused(_refusal(401, call, "quota_exceeded", "This request exceeds your quota."))
        case "good":
            if "scoped" in key and scope != "text_to_speech":
                raise Refused(_missing(call, scope))


def _missing(call: Call, scope: str) -> Response:
    words = f"The API key you used is missing the permission {scope} to execute this operation."
    return _refusal(401, call, "missing_permissions", words)


def known(call: Call, names: Iterable[str]) -> None:
    """Refuses parameters that are not ElevenLabs'. Raises `Refused`."""
    for name in call.query:
        if name not in names:
            refuse(call, ["query", name], "Extra inputs are not permitted")


def sound(text: str, format: str) -> bytes:
    """The sound of a text; what has a container that the lab can not make is 16-bit samples at 22.05 kHz."""
    codec, _, rate = format.partition("_")
    match codec:
        case "ulaw":
            return mouth.mulaw(text, int(rate))
        case "alaw":
            return mouth.alaw(text, int(rate))
        case "pcm" | "wav":
            return mouth.pcm(text, int(rate))
        case _:
            return mouth.pcm(text, 22_050)


def format_of(call: Call, *, whole: bool = False) -> str:
    """The format asked for. Raises `Refused` for one there is not."""
    asked = call.query.get("output_format", "mp3_44100_128")
    codec, _, rate = asked.partition("_")
    good = {
        "ulaw": rate == "8000",
        "alaw": rate == "8000",
        "pcm": rate.isdecimal() and int(rate) in RATES,
        WAV: whole and rate.isdecimal() and int(rate) in RATES,
        "mp3": True,
        "opus": rate.startswith("48000_"),
    }
    if not good.get(codec, False):
        refuse(call, ["query", "output_format"], f"Unknown output format {asked}")
    return asked


def bytes_per_second(format: str) -> int:
    """How many bytes last a second."""
    codec, _, rate = format.partition("_")
    return int(rate) * (1 if codec in ("ulaw", "alaw") else 2) if codec in ("ulaw", "alaw", "pcm") else 44_100


def answer(call: Call, document: Any) -> Response:
    return Response(200, headers(call), encode(document))


def user(call: Call) -> Response:
    """GET /v1/user. Raises `Refused`."""
    admit(call, "user_read")
    return answer(call, {
        "user_id": "lab", "subscription": {"tier": "creator", "character_count": 0, "character_limit": 100_000},
        "is_new_user": False, "can_use_delayed_payment_methods": False, "is_onboarding_completed": True,
        "is_onboarding_checklist_completed": True, "created_at": 1_767_225_600,
    })  # fmt: skip


def voices(call: Call) -> Response:
    """GET /v2/voices: three of them, by default ten at a time. Raises `Refused`."""
    admit(call, "voices_read")
    size = int(call.query.get("page_size", "10"))
    if not 1 <= size <= 100:
        refuse(call, ["query", "page_size"], "Input should be between 1 and 100")
    first = int(call.query.get("next_page_token", "0"))
    page = _VOICES[first : first + size]
    more = first + size < len(_VOICES)
    return answer(call, {
        "voices": page, "has_more": more, "total_count": len(_VOICES),
        "next_page_token": str(first + size) if more else None,
    })  # fmt: skip


_VOICES: list[dict[str, Any]] = [
    {
        "voice_id": f"lab-voice-{number}",
        "name": name,
        "category": "premade",
        "labels": {"gender": gender, "language": "en", "accent": "american"},
        "description": "A voice of the laboratory.",
        "preview_url": None,
        "verified_languages": languages,
    }
    for number, (name, gender, languages) in enumerate((
        ("Ada", "female", [{"language": "en", "model_id": "eleven_v3", "locale": "en-US", "accent": None}]),
        ("Grace", "female", []),
        ("Alan", "male", [{"language": "en", "model_id": "eleven_v3", "locale": "en-GB", "accent": None}] * 2),
    ))
]  # fmt: skip
