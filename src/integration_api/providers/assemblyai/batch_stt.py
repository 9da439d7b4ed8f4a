"""Recordings: uploaded, asked for, and asked about until they are written down.

https://www.assemblyai.com/docs/api-reference/transcripts/submit
"""

from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript
from integration_api.dialects.notes import Notes
from integration_api.dialects.riff import filed
from integration_api.providers.assemblyai import client, wire
from integration_api.providers.assemblyai.short_stt import fits, transcribe_short

PAUSES = (0.5, 1.0, 1.0, 2.0)
"""Seconds before each of the first questions: a minute of speech takes a few seconds."""
PAUSE = 3.0
"""As its own SDK does."""
MOST_POLLS = 400
"""Twenty minutes: ten hours of sound are written down in less."""
OLD_MODELS = frozenset({"best", "nano", "slam-1", "universal"})
"""Those that are asked for by themselves; later ones are a list, the first that can."""
ENGLISH = {"en-us": "en_us", "en-gb": "en_uk", "en-au": "en_au"}
"""Of which regions are told apart; of no other language."""
OVER = frozenset({"completed", "error"})


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says: in one round trip where it is short and the model can."""
    notes = Notes(strict=ask.strict)
    if fits(ask):
        return (yield from transcribe_short(ask, credential, notes))
    kind = [("content-type", "application/octet-stream")]
    reply = yield client.post("/v2/upload", filed(ask).audio, kind, credential)
    url = decode(reply, wire.UPLOADED).upload_url
    reply = yield client.post_json("/v2/transcript", body(ask, url, notes), credential)
    job = decode(reply, wire.JOB)
    for poll in range(MOST_POLLS):
        if job.status in OVER:
            break
        pause = PAUSES[poll] if poll < len(PAUSES) else PAUSE
        reply = yield client.get(f"/v2/transcript/{job.id}", credential, delay=pause)
        job = decode(reply, wire.JOB)
    return read(job, ask.model, notes)


def body(ask: TranscribeRequest, url: str, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "audio_url": url,
        "punctuate": ask.punctuate,
        "format_text": ask.punctuate,
        **({"speech_model": ask.model} if ask.model in OLD_MODELS else {"speech_models": [ask.model]}),
    }
    if len(ask.languages) == 1 and not ask.detect_language:
        found["language_code"] = _language(ask.languages[0])
    else:
        found["language_detection"] = True
    if ask.diarize:
        found["speaker_labels"] = True
    if ask.profanity_filter:
        found["filter_profanity"] = True
    if ask.keyterms:
        found["keyterms_prompt"] = ask.keyterms
    if ask.prompt:
        found["prompt"] = ask.prompt
    notes.lacks(client.NAME, {"temperature": ask.temperature, "translate": ask.translate or None})
    return {**found, **ask.extras}


def read(job: wire.Job, model: str, notes: Notes) -> Transcript:
    """Read a transcript that is over. Raises `ProviderError` where it failed, or is not."""
    if job.status == "error":
        raise _failed(job)
    if job.status != "completed":
        raise ProviderError(
            Kind.TIMEOUT,
            "the transcript was not finished in time; ask for shorter recordings",
            provider=client.NAME,
            code="upstream_timeout",
            refusal=Refusal(request_id=job.id),
        )
    return Transcript(
        model=model,
        text=job.text or "",
        language=job.language_code,
        duration_ms=None if job.audio_duration is None else round(job.audio_duration * 1000),
        confidence=job.confidence,
        words=wire.words(job.words),
        segments=tuple(
            Segment(
                text=one.text,
                start_ms=one.start,
                end_ms=one.end,
                speaker=one.speaker,
                confidence=one.confidence,
            )
            for one in job.utterances or ()
        ),
        usage=Usage(audio_seconds=job.audio_duration),
        warnings=notes.all,
    )


def _language(tag: str) -> str:
    tag = tag.lower()
    return ENGLISH.get(tag) or tag.split("-")[0]


def _failed(job: wire.Job) -> ProviderError:
    words = job.error or "assemblyai could not write the recording down"
    ours = "server error" in words.lower() or "try again" in words.lower()
    return ProviderError(
        Kind.UPSTREAM if ours else Kind.INVALID_REQUEST,
        words[:512],
        provider=client.NAME,
        refusal=Refusal(request_id=job.id),
        phase=Phase.STREAM,
    )
