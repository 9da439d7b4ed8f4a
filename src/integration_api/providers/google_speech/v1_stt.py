"""Speech-to-Text v1's messages. https://cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v1"""

from collections.abc import Sequence

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.core.session import Closed, Warned
from integration_api.core.stt import ListenRequest, Word
from integration_api.proto import google_speech_v1_pb2 as wire
from integration_api.providers.google_speech import client
from integration_api.providers.google_speech.said import Result, Said, milliseconds
from integration_api.providers.google_speech.v2_stt import no_option
from integration_api.providers.google_speech.version import fields

ENCODINGS = {
    Encoding.PCM_S16LE: "LINEAR16",
    Encoding.FLAC: "FLAC",
    Encoding.MULAW: "MULAW",
    Encoding.OGG_OPUS: "OGG_OPUS",
    Encoding.MP3: "MP3",
    Encoding.WEBM_OPUS: "WEBM_OPUS",
    Encoding.WAV: "ENCODING_UNSPECIFIED",
}
"""A WAV file says itself what it is."""
NUMBERS = {
    "ENCODING_UNSPECIFIED": 0, "LINEAR16": 1, "FLAC": 2, "MULAW": 3, "OGG_OPUS": 6, "MP3": 8, "WEBM_OPUS": 9,
}  # fmt: skip
DEFAULT_LANGUAGE = "en-US"
MOST_OTHERS = 3
"""Languages beside the first."""
_VOICE = {
    wire.StreamingRecognizeResponse.SPEECH_ACTIVITY_BEGIN: "begins",
    wire.StreamingRecognizeResponse.SPEECH_ACTIVITY_END: "ends",
}


class V1:
    """v1 tells a speaker's words from the first of them on, again and again: each is taken once."""

    method = "google.cloud.speech.v1.Speech/StreamingRecognize"

    def __init__(self, ask: ListenRequest) -> None:
        self.opening = wire.StreamingRecognizeRequest(streaming_config=config(ask)).SerializeToString()
        self.warnings: Sequence[Warned] = [
            Warned("unsupported_languages", why)
            for why in left_out(ask.languages, detect=ask.detect_language)
        ]
        self._repeats = ask.diarize
        self._settled_ms = 0
        """Until when words have been told as final."""

    def sound(self, piece: bytes) -> bytes:
        return wire.StreamingRecognizeRequest(audio_content=piece).SerializeToString()

    def read(self, message: bytes) -> Said:
        said = client.read(wire.StreamingRecognizeResponse, message)
        billed = said.HasField("total_billed_time")
        return Said(
            results=[self._result(one) for one in said.results if one.alternatives],
            voice=_VOICE.get(said.speech_event_type),  # type: ignore[arg-type]
            at_ms=milliseconds(said.speech_event_time),
            billed_ms=milliseconds(said.total_billed_time) if billed else None,
            failed=Closed(said.error.code, said.error.message) if said.HasField("error") else None,
        )

    def show(self, message: bytes) -> str:
        return MessageToJson(wire.StreamingRecognizeResponse.FromString(message), indent=None)

    def _result(self, said: wire.StreamingRecognitionResult) -> Result:
        best = said.alternatives[0]
        words = [_word(one, final=said.is_final) for one in best.words]
        if self._repeats:
            words = [one for one in words if (one.end_ms or 0) > self._settled_ms]
            if said.is_final and words:
                self._settled_ms = words[-1].end_ms or 0
        return Result(
            text=best.transcript,
            is_final=said.is_final,
            confidence=best.confidence or None,
            stability=said.stability,
            words=tuple(words),
            end_ms=milliseconds(said.result_end_time) if said.HasField("result_end_time") else None,
            language=said.language_code,
        )


def config(ask: ListenRequest) -> wire.StreamingRecognitionConfig:
    """Write what is asked for. Raises `Failure` for sound and options that v1 has not."""
    asked = wire.StreamingRecognitionConfig(
        interim_results=ask.interim_results, enable_voice_activity_events=True
    )
    heard = asked.config
    heard.encoding = NUMBERS[encoding_of(ask.input)]
    if ask.input.encoding is not Encoding.WAV:
        heard.sample_rate_hertz = ask.input.sample_rate
    heard.model = ask.model
    heard.language_code, *others = spoken(ask.languages)
    heard.alternative_language_codes.extend(others)
    heard.profanity_filter = ask.profanity_filter
    # Who spoke can only be told word by word.
    heard.enable_word_time_offsets = ask.word_timestamps or ask.diarize
    heard.enable_word_confidence = ask.word_timestamps
    heard.enable_automatic_punctuation = ask.punctuate
    if ask.diarize:
        heard.diarization_config.enable_speaker_diarization = True
    if ask.keyterms:
        heard.speech_contexts.add(phrases=ask.keyterms)
    options = fields(ask.extras)
    if isinstance(named := options.get("encoding"), str):
        options["encoding"] = NUMBERS.get(named, named)
    try:
        ParseDict(options, heard)
    except ParseError as error:
        raise no_option(error) from None
    return asked


def encoding_of(form: AudioFormat) -> str:
    """Return v1's name of an encoding. Raises `Failure` (UNSUPPORTED) where it has none."""
    found = ENCODINGS.get(form.encoding)
    if found is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"{client.NAME} takes no {form.encoding} in v1; send mulaw or pcm_s16le, or set api_version to v2",
            code="unsupported_audio_format",
            param="input",
        )
    return found


def spoken(asked: Sequence[str]) -> Sequence[str]:
    """Return the languages to listen for: v1 must be told one, and takes a few beside it."""
    return asked[: 1 + MOST_OTHERS] or (DEFAULT_LANGUAGE,)


def left_out(asked: Sequence[str], *, detect: bool) -> list[str]:
    """Say what of the languages v1 is not told."""
    if len(asked) > 1 + MOST_OTHERS:
        return [f"{client.NAME} listens for {1 + MOST_OTHERS} languages in v1: {', '.join(spoken(asked))}"]
    if detect and not asked:
        return [
            f"{client.NAME} must be told in v1 which languages there may be; it listens for {DEFAULT_LANGUAGE}"
        ]
    return []


def _word(said: wire.WordInfo, *, final: bool) -> Word:
    tag = said.speaker_label or (str(said.speaker_tag) if said.speaker_tag else None)
    return Word(
        text=said.word,
        start_ms=milliseconds(said.start_time),
        end_ms=milliseconds(said.end_time),
        confidence=said.confidence or None,
        speaker=tag,
        is_final=final,
    )
