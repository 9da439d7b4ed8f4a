"""What a caller says in a live transcript, as protobuf, and what a transcript of a recording says."""

from integration_api.core.errors import Failure, Kind
from integration_api.core.stt import TranscribeRequest, Transcript, Update
from integration_api.dialects import voice_stt_surface as surface
from integration_api.dialects.voice_messages import (
    given,
    read_endpointing,
    read_fallback,
    read_format,
    read_target,
    write_words,
)
from integration_api.proto import voice_pb2 as wire

USUAL_RATE = 16_000


def read_start(asked: wire.SttClient.Start) -> surface.Start:
    return surface.Start(
        target=read_target(asked.target),
        fallback=read_fallback(asked.fallback) if asked.HasField("fallback") else None,
        input=read_format(asked.input, USUAL_RATE),
        languages=list(asked.languages),
        detect_language=asked.detect_language,
        interim_results=asked.interim_results if asked.HasField("interim_results") else True,
        word_timestamps=asked.word_timestamps,
        diarize=asked.diarize,
        punctuate=asked.punctuate if asked.HasField("punctuate") else True,
        profanity_filter=asked.profanity_filter,
        keyterms=list(asked.keyterms),
        endpointing=read_endpointing(asked.endpointing),
        want_raw_events=asked.want_raw_events,
        metadata=dict(asked.metadata),
    )


def read_update(asked: wire.SttClient.Update) -> Update:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    return surface.Change(
        keyterms=list(asked.keyterms.values) if asked.HasField("keyterms") else None,
        languages=list(asked.languages.values) if asked.HasField("languages") else None,
        endpointing=read_endpointing(asked.endpointing) if asked.HasField("endpointing") else None,
    ).read()


def read_recording(asked: wire.TranscribeRequest) -> TranscribeRequest:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    if not asked.audio:
        raise Failure(Kind.INVALID_REQUEST, "audio is empty", code="invalid_value", param="audio")
    format = None
    if asked.HasField("format"):
        format = read_format(asked.format, USUAL_RATE).read("format")
    return TranscribeRequest(
        model="",
        audio=asked.audio,
        filename=asked.filename or "audio.wav",
        mime=asked.mime_type or "application/octet-stream",
        format=format,
        languages=tuple(asked.languages),
        detect_language=asked.detect_language,
        prompt=asked.prompt,
        temperature=given(asked, "temperature"),
        word_timestamps=asked.word_timestamps,
        segment_timestamps=asked.segment_timestamps,
        diarize=asked.diarize,
        punctuate=asked.punctuate if asked.HasField("punctuate") else True,
        profanity_filter=asked.profanity_filter,
        keyterms=surface.checked_terms(asked.keyterms),
        translate=asked.translate,
        extras=read_target(asked.target).provider_options,
    )


def write_transcript(told: Transcript) -> wire.Transcript:
    return wire.Transcript(
        model=told.model,
        text=told.text,
        language=told.language,
        duration_ms=told.duration_ms,
        confidence=told.confidence,
        words=write_words(told.words),
        segments=[
            wire.Transcript.Segment(
                text=one.text,
                start_ms=one.start_ms,
                end_ms=one.end_ms,
                speaker=one.speaker,
                confidence=one.confidence,
            )
            for one in told.segments
        ],
        warnings=[
            wire.Warning(code=one.code, message=f"{one.param}: {one.message}") for one in told.warnings
        ],
    )
