"""Speech-to-Text v2's messages. https://cloud.google.com/speech-to-text/v2/docs/reference/rpc/google.cloud.speech.v2"""

from collections.abc import Sequence

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.session import Warned
from integration_api.core.stt import ListenRequest, Word
from integration_api.proto import google_speech_pb2 as wire
from integration_api.providers.google_speech import client, formats
from integration_api.providers.google_speech.said import Result, Said, milliseconds
from integration_api.providers.google_speech.version import fields

_QUICK = ((250, 2), (500, 3))
"""`endpointing_sensitivity` (SUPERSHORT, SHORT) for silences up to so many milliseconds."""
_VOICE = {
    wire.StreamingRecognizeResponse.SPEECH_ACTIVITY_BEGIN: "begins",
    wire.StreamingRecognizeResponse.SPEECH_ACTIVITY_END: "ends",
}


class V2:
    method = "google.cloud.speech.v2.Speech/StreamingRecognize"
    warnings: Sequence[Warned] = ()

    def __init__(self, ask: ListenRequest, credential: Credential, place: str) -> None:
        self.opening = wire.StreamingRecognizeRequest(
            recognizer=client.recognizer(credential, place), streaming_config=config(ask)
        ).SerializeToString()

    def sound(self, piece: bytes) -> bytes:
        return wire.StreamingRecognizeRequest(audio=piece).SerializeToString()

    def read(self, message: bytes) -> Said:
        said = client.read(wire.StreamingRecognizeResponse, message)
        billed = said.metadata
        return Said(
            results=[_result(one) for one in said.results if one.alternatives],
            voice=_VOICE.get(said.speech_event_type),  # type: ignore[arg-type]
            at_ms=milliseconds(said.speech_event_offset),
            billed_ms=milliseconds(billed.total_billed_duration)
            if billed.HasField("total_billed_duration")
            else None,
        )

    def show(self, message: bytes) -> str:
        return MessageToJson(wire.StreamingRecognizeResponse.FromString(message), indent=None)


def config(ask: ListenRequest) -> wire.StreamingRecognitionConfig:
    """Write what is asked for. Raises `Failure` for options that Google has not."""
    asked = wire.StreamingRecognitionConfig()
    heard = asked.config
    encoding = formats.DECODED.get(ask.input.encoding)
    if encoding is None:
        heard.auto_decoding_config.SetInParent()
    else:
        heard.explicit_decoding_config.encoding = encoding
        heard.explicit_decoding_config.sample_rate_hertz = ask.input.sample_rate
        heard.explicit_decoding_config.audio_channel_count = ask.input.channels
    heard.model = ask.model
    heard.language_codes.extend(languages(ask.model, ask.languages, detect=ask.detect_language))
    heard.features.profanity_filter = ask.profanity_filter
    heard.features.enable_word_time_offsets = ask.word_timestamps
    heard.features.enable_word_confidence = ask.word_timestamps
    heard.features.enable_automatic_punctuation = ask.punctuate
    if ask.diarize:
        heard.features.diarization_config.SetInParent()
    if ask.keyterms:
        phrases = heard.adaptation.phrase_sets.add().inline_phrase_set.phrases
        for term in ask.keyterms:
            phrases.add(value=term)
    features = asked.streaming_features
    features.enable_voice_activity_events = True
    features.interim_results = ask.interim_results
    silence = ask.endpointing.silence_ms
    if silence is not None and ask.model.startswith("chirp_3"):
        features.endpointing_sensitivity = next((value for most, value in _QUICK if silence <= most), 0)
    try:
        ParseDict(fields(ask.extras), heard)
    except ParseError as error:
        raise no_option(error) from None
    return asked


def no_option(error: ParseError) -> Failure:
    """Build the failure for options that are no fields of Google's."""
    return Failure(
        Kind.INVALID_REQUEST,
        f"google-speech's options are those of RecognitionConfig: {error}"[:512],
        code="invalid_value",
        param="options",
    )


def languages(model: str, asked: Sequence[str], *, detect: bool) -> Sequence[str]:
    """Chirp finds the language out by itself; the others must be told one."""
    if model.startswith("chirp") and (detect or not asked):
        return ("auto",)
    return asked or ("en-US",)


def _result(said: wire.StreamingRecognitionResult) -> Result:
    best = said.alternatives[0]
    words = tuple(
        Word(
            text=one.word,
            start_ms=milliseconds(one.start_offset),
            end_ms=milliseconds(one.end_offset),
            confidence=one.confidence or None,
            speaker=one.speaker_label or None,
            is_final=said.is_final,
        )
        for one in best.words
    )
    return Result(
        text=best.transcript,
        is_final=said.is_final,
        confidence=best.confidence or None,
        stability=said.stability,
        words=words,
        end_ms=milliseconds(said.result_end_offset) if said.HasField("result_end_offset") else None,
        language=said.language_code,
    )
