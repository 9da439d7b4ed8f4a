"""Recordings as jobs, and short ones in one round trip (assemblyai.com/docs/api-reference/transcripts/submit)."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from lab import multipart
from lab.assemblyai import client
from lab.ear import Ear, Word, words_of
from lab.http import Call, Response

KEPT = 1000
"""Jobs that are remembered, oldest out first."""
POLLS = 1
"""How often a job must be asked about until it is over."""
FIELDS = frozenset({
    "audio_url", "speech_model", "speech_models", "language_code", "language_detection", "punctuate", "format_text",
    "speaker_labels", "speakers_expected", "multichannel", "dual_channel", "keyterms_prompt", "word_boost", "prompt",
    "filter_profanity", "redact_pii", "disfluencies", "webhook_url", "webhook_auth_header_name",
    "webhook_auth_header_value", "temperature",
})  # fmt: skip
CONFIG = frozenset({
    "prompt", "keyterms_prompt", "conversation_context", "language_codes", "sample_rate", "channels", "timestamps",
})  # fmt: skip
UPLOADS = "https://cdn.assemblyai.com/upload/"


@dataclass(slots=True)
class Job:
    """A transcript that was asked for."""

    asked: dict[str, Any]
    ear: Ear
    left: int = POLLS
    error: str = ""


_jobs: OrderedDict[str, Job] = OrderedDict()


def upload(call: Call) -> Response:
    """POST /v2/upload. Raises `Refused`."""
    client.admit(call)
    if not call.body:
        client.refuse(call, "Upload failed, please try again", status=422)
    return client.answer(call, {"upload_url": UPLOADS + client.identity(call)})


def submit(call: Call) -> Response:
    """POST /v2/transcript. Raises `Refused`."""
    client.admit(call)
    asked: dict[str, Any] = call.json()
    if strange := set(asked) - FIELDS:
        client.refuse(call, f"Invalid endpoint schema, please refer to documentation: {min(strange)}")
    if not str(asked.get("audio_url", "")).startswith("http"):
        client.refuse(call, "audio_url must be a URL")
    if asked.get("language_code") and asked.get("language_detection"):
        client.refuse(call, "language_code and language_detection exclude each other")
    call.model = (asked.get("speech_models") or [asked.get("speech_model") or "best"])[0]
    answer = call.take()
    failed = "Transcoding failed. File does not appear to contain audio." if answer and answer.refusal else ""
    id = client.identity(call)
    _jobs[id] = Job(asked, Ear(answer), error=failed)
    while len(_jobs) > KEPT:
        _jobs.popitem(last=False)
    return client.answer(call, {"id": id, "status": "queued", "audio_url": asked["audio_url"]})


def ask(call: Call) -> Response:
    """GET /v2/transcript/{id}. Raises `Refused`."""
    client.admit(call)
    id = call.params["id"]
    job = _jobs.get(id)
    if job is None:
        client.refuse(call, status=404)
    told: dict[str, Any] = {"id": id, "audio_url": job.asked["audio_url"]}
    if job.left:
        job.left -= 1
        return client.answer(call, {**told, "status": "processing"})
    if job.error:
        return client.answer(call, {**told, "status": "error", "error": job.error})
    return client.answer(call, {**told, **_written(job)})


def listed(call: Call) -> Response:
    """GET /v2/transcript. Raises `Refused`."""
    client.admit(call)
    limit = int(call.query.get("limit", "10"))
    page = {
        "limit": limit, "result_count": 0, "current_url": "", "prev_url": None, "next_url": None,
    }  # fmt: skip
    return client.answer(call, {"page_details": page, "transcripts": []})


def short(call: Call) -> Response:
    """POST /v1/transcribe/live. Raises `Refused`."""
    client.admit(call)
    call.model = call.header("x-aai-model")
    if call.model.split("-lab-")[0] != "universal-3-5-pro":
        client.refuse(call, "X-AAI-Model names no model of this service")
    parts = multipart.fields(call)
    if list(parts) != ["config", "audio"] or not parts["audio"][0]:
        client.refuse(call, "the parts must be config, then audio")
    config: dict[str, Any] = json.loads(parts["config"][0])
    if strange := set(config) - CONFIG:
        client.refuse(call, f"unknown option: {min(strange)}")
    if parts["audio"][0][:4] != b"RIFF" and not config.get("sample_rate"):
        client.refuse(call, "sample_rate is required for audio/pcm", status=415)
    ear = Ear(call.take())
    words = [_word(word, timed=bool(config.get("timestamps"))) for word in _all(ear)]
    return client.answer(call, {
        "text": " ".join(one.text for one in ear.heard), "words": words, "confidence": ear.heard[0].confidence,
        "audio_duration_ms": max(one.end_ms for one in ear.heard), "session_id": client.identity(call),
        "request_time_ms": 12.5,
    })  # fmt: skip


def warm(call: Call) -> Response:
    """GET /v1/warm."""
    return client.answer(call, {"status": "warm"})


def _written(job: Job) -> dict[str, Any]:
    ear, speakers = job.ear, bool(job.asked.get("speaker_labels"))
    return {
        "status": "completed",
        "text": " ".join(said.text for said in ear.heard),
        "words": [_word(word, speaker=speakers) for word in _all(ear)],
        "utterances": [
            {
                "text": said.text, "start": said.start_ms, "end": said.end_ms, "confidence": said.confidence,
                "speaker": _letter(said.speaker),
                "words": [_word(word, speaker=True) for word in words_of(said)],
            }
            for said in ear.heard
        ] if speakers else None,
        "language_code": job.asked.get("language_code", ear.heard[0].language),
        "confidence": ear.heard[0].confidence,
        "audio_duration": round(max(said.end_ms for said in ear.heard) / 1000),
    }  # fmt: skip


def _all(ear: Ear) -> list[Word]:
    return [word for said in ear.heard for word in words_of(said)]


def _word(word: Word, *, timed: bool = True, speaker: bool = False) -> dict[str, Any]:
    return {
        "text": word.text,
        "confidence": word.confidence,
        **({"start": word.start_ms, "end": word.end_ms} if timed else {}),
        **({"speaker": _letter(word.speaker)} if speaker else {}),
    }


def _letter(speaker: int | None) -> str:
    return chr(ord("A") + (speaker or 0))
