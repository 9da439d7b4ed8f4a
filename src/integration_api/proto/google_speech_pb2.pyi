import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AutoDetectDecodingConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExplicitDecodingConfig(_message.Message):
    __slots__ = ("encoding", "sample_rate_hertz", "audio_channel_count")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    AUDIO_CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    encoding: int
    sample_rate_hertz: int
    audio_channel_count: int
    def __init__(self, encoding: _Optional[int] = ..., sample_rate_hertz: _Optional[int] = ..., audio_channel_count: _Optional[int] = ...) -> None: ...

class SpeakerDiarizationConfig(_message.Message):
    __slots__ = ("min_speaker_count", "max_speaker_count")
    MIN_SPEAKER_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKER_COUNT_FIELD_NUMBER: _ClassVar[int]
    min_speaker_count: int
    max_speaker_count: int
    def __init__(self, min_speaker_count: _Optional[int] = ..., max_speaker_count: _Optional[int] = ...) -> None: ...

class RecognitionFeatures(_message.Message):
    __slots__ = ("profanity_filter", "enable_word_time_offsets", "enable_word_confidence", "enable_automatic_punctuation", "enable_spoken_punctuation", "enable_spoken_emojis", "diarization_config", "max_alternatives")
    PROFANITY_FILTER_FIELD_NUMBER: _ClassVar[int]
    ENABLE_WORD_TIME_OFFSETS_FIELD_NUMBER: _ClassVar[int]
    ENABLE_WORD_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ENABLE_AUTOMATIC_PUNCTUATION_FIELD_NUMBER: _ClassVar[int]
    ENABLE_SPOKEN_PUNCTUATION_FIELD_NUMBER: _ClassVar[int]
    ENABLE_SPOKEN_EMOJIS_FIELD_NUMBER: _ClassVar[int]
    DIARIZATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MAX_ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    profanity_filter: bool
    enable_word_time_offsets: bool
    enable_word_confidence: bool
    enable_automatic_punctuation: bool
    enable_spoken_punctuation: bool
    enable_spoken_emojis: bool
    diarization_config: SpeakerDiarizationConfig
    max_alternatives: int
    def __init__(self, profanity_filter: _Optional[bool] = ..., enable_word_time_offsets: _Optional[bool] = ..., enable_word_confidence: _Optional[bool] = ..., enable_automatic_punctuation: _Optional[bool] = ..., enable_spoken_punctuation: _Optional[bool] = ..., enable_spoken_emojis: _Optional[bool] = ..., diarization_config: _Optional[_Union[SpeakerDiarizationConfig, _Mapping]] = ..., max_alternatives: _Optional[int] = ...) -> None: ...

class Phrase(_message.Message):
    __slots__ = ("value", "boost")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOST_FIELD_NUMBER: _ClassVar[int]
    value: str
    boost: float
    def __init__(self, value: _Optional[str] = ..., boost: _Optional[float] = ...) -> None: ...

class PhraseSet(_message.Message):
    __slots__ = ("phrases", "boost")
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    BOOST_FIELD_NUMBER: _ClassVar[int]
    phrases: _containers.RepeatedCompositeFieldContainer[Phrase]
    boost: float
    def __init__(self, phrases: _Optional[_Iterable[_Union[Phrase, _Mapping]]] = ..., boost: _Optional[float] = ...) -> None: ...

class AdaptationPhraseSet(_message.Message):
    __slots__ = ("phrase_set", "inline_phrase_set")
    PHRASE_SET_FIELD_NUMBER: _ClassVar[int]
    INLINE_PHRASE_SET_FIELD_NUMBER: _ClassVar[int]
    phrase_set: str
    inline_phrase_set: PhraseSet
    def __init__(self, phrase_set: _Optional[str] = ..., inline_phrase_set: _Optional[_Union[PhraseSet, _Mapping]] = ...) -> None: ...

class SpeechAdaptation(_message.Message):
    __slots__ = ("phrase_sets",)
    PHRASE_SETS_FIELD_NUMBER: _ClassVar[int]
    phrase_sets: _containers.RepeatedCompositeFieldContainer[AdaptationPhraseSet]
    def __init__(self, phrase_sets: _Optional[_Iterable[_Union[AdaptationPhraseSet, _Mapping]]] = ...) -> None: ...

class TranslationConfig(_message.Message):
    __slots__ = ("target_language",)
    TARGET_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    target_language: str
    def __init__(self, target_language: _Optional[str] = ...) -> None: ...

class DenoiserConfig(_message.Message):
    __slots__ = ("denoise_audio", "snr_threshold")
    DENOISE_AUDIO_FIELD_NUMBER: _ClassVar[int]
    SNR_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    denoise_audio: bool
    snr_threshold: float
    def __init__(self, denoise_audio: _Optional[bool] = ..., snr_threshold: _Optional[float] = ...) -> None: ...

class RecognitionConfig(_message.Message):
    __slots__ = ("auto_decoding_config", "explicit_decoding_config", "model", "language_codes", "features", "adaptation", "translation_config", "denoiser_config")
    AUTO_DECODING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    EXPLICIT_DECODING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ADAPTATION_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    DENOISER_CONFIG_FIELD_NUMBER: _ClassVar[int]
    auto_decoding_config: AutoDetectDecodingConfig
    explicit_decoding_config: ExplicitDecodingConfig
    model: str
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    features: RecognitionFeatures
    adaptation: SpeechAdaptation
    translation_config: TranslationConfig
    denoiser_config: DenoiserConfig
    def __init__(self, auto_decoding_config: _Optional[_Union[AutoDetectDecodingConfig, _Mapping]] = ..., explicit_decoding_config: _Optional[_Union[ExplicitDecodingConfig, _Mapping]] = ..., model: _Optional[str] = ..., language_codes: _Optional[_Iterable[str]] = ..., features: _Optional[_Union[RecognitionFeatures, _Mapping]] = ..., adaptation: _Optional[_Union[SpeechAdaptation, _Mapping]] = ..., translation_config: _Optional[_Union[TranslationConfig, _Mapping]] = ..., denoiser_config: _Optional[_Union[DenoiserConfig, _Mapping]] = ...) -> None: ...

class StreamingRecognitionFeatures(_message.Message):
    __slots__ = ("enable_voice_activity_events", "interim_results", "endpointing_sensitivity")
    ENABLE_VOICE_ACTIVITY_EVENTS_FIELD_NUMBER: _ClassVar[int]
    INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTING_SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    enable_voice_activity_events: bool
    interim_results: bool
    endpointing_sensitivity: int
    def __init__(self, enable_voice_activity_events: _Optional[bool] = ..., interim_results: _Optional[bool] = ..., endpointing_sensitivity: _Optional[int] = ...) -> None: ...

class StreamingRecognitionConfig(_message.Message):
    __slots__ = ("config", "streaming_features")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    STREAMING_FEATURES_FIELD_NUMBER: _ClassVar[int]
    config: RecognitionConfig
    streaming_features: StreamingRecognitionFeatures
    def __init__(self, config: _Optional[_Union[RecognitionConfig, _Mapping]] = ..., streaming_features: _Optional[_Union[StreamingRecognitionFeatures, _Mapping]] = ...) -> None: ...

class StreamingRecognizeRequest(_message.Message):
    __slots__ = ("recognizer", "streaming_config", "audio")
    RECOGNIZER_FIELD_NUMBER: _ClassVar[int]
    STREAMING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    recognizer: str
    streaming_config: StreamingRecognitionConfig
    audio: bytes
    def __init__(self, recognizer: _Optional[str] = ..., streaming_config: _Optional[_Union[StreamingRecognitionConfig, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class WordInfo(_message.Message):
    __slots__ = ("start_offset", "end_offset", "word", "confidence", "speaker_label")
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_LABEL_FIELD_NUMBER: _ClassVar[int]
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    word: str
    confidence: float
    speaker_label: str
    def __init__(self, start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., word: _Optional[str] = ..., confidence: _Optional[float] = ..., speaker_label: _Optional[str] = ...) -> None: ...

class SpeechRecognitionAlternative(_message.Message):
    __slots__ = ("transcript", "confidence", "words")
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    transcript: str
    confidence: float
    words: _containers.RepeatedCompositeFieldContainer[WordInfo]
    def __init__(self, transcript: _Optional[str] = ..., confidence: _Optional[float] = ..., words: _Optional[_Iterable[_Union[WordInfo, _Mapping]]] = ...) -> None: ...

class StreamingRecognitionResult(_message.Message):
    __slots__ = ("alternatives", "is_final", "stability", "result_end_offset", "channel_tag", "language_code")
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    STABILITY_FIELD_NUMBER: _ClassVar[int]
    RESULT_END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_TAG_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    alternatives: _containers.RepeatedCompositeFieldContainer[SpeechRecognitionAlternative]
    is_final: bool
    stability: float
    result_end_offset: _duration_pb2.Duration
    channel_tag: int
    language_code: str
    def __init__(self, alternatives: _Optional[_Iterable[_Union[SpeechRecognitionAlternative, _Mapping]]] = ..., is_final: _Optional[bool] = ..., stability: _Optional[float] = ..., result_end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., channel_tag: _Optional[int] = ..., language_code: _Optional[str] = ...) -> None: ...

class RecognitionResponseMetadata(_message.Message):
    __slots__ = ("request_id", "total_billed_duration")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BILLED_DURATION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    total_billed_duration: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., total_billed_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StreamingRecognizeResponse(_message.Message):
    __slots__ = ("results", "speech_event_type", "speech_event_offset", "metadata")
    class SpeechEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SPEECH_EVENT_TYPE_UNSPECIFIED: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
        END_OF_SINGLE_UTTERANCE: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
        SPEECH_ACTIVITY_BEGIN: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
        SPEECH_ACTIVITY_END: _ClassVar[StreamingRecognizeResponse.SpeechEventType]
    SPEECH_EVENT_TYPE_UNSPECIFIED: StreamingRecognizeResponse.SpeechEventType
    END_OF_SINGLE_UTTERANCE: StreamingRecognizeResponse.SpeechEventType
    SPEECH_ACTIVITY_BEGIN: StreamingRecognizeResponse.SpeechEventType
    SPEECH_ACTIVITY_END: StreamingRecognizeResponse.SpeechEventType
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SPEECH_EVENT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[StreamingRecognitionResult]
    speech_event_type: StreamingRecognizeResponse.SpeechEventType
    speech_event_offset: _duration_pb2.Duration
    metadata: RecognitionResponseMetadata
    def __init__(self, results: _Optional[_Iterable[_Union[StreamingRecognitionResult, _Mapping]]] = ..., speech_event_type: _Optional[_Union[StreamingRecognizeResponse.SpeechEventType, str]] = ..., speech_event_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., metadata: _Optional[_Union[RecognitionResponseMetadata, _Mapping]] = ...) -> None: ...

class VoiceSelectionParams(_message.Message):
    __slots__ = ("language_code", "name", "model_name")
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    language_code: str
    name: str
    model_name: str
    def __init__(self, language_code: _Optional[str] = ..., name: _Optional[str] = ..., model_name: _Optional[str] = ...) -> None: ...

class StreamingAudioConfig(_message.Message):
    __slots__ = ("audio_encoding", "sample_rate_hertz", "speaking_rate")
    AUDIO_ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    audio_encoding: int
    sample_rate_hertz: int
    speaking_rate: float
    def __init__(self, audio_encoding: _Optional[int] = ..., sample_rate_hertz: _Optional[int] = ..., speaking_rate: _Optional[float] = ...) -> None: ...

class StreamingSynthesizeConfig(_message.Message):
    __slots__ = ("voice", "streaming_audio_config")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    STREAMING_AUDIO_CONFIG_FIELD_NUMBER: _ClassVar[int]
    voice: VoiceSelectionParams
    streaming_audio_config: StreamingAudioConfig
    def __init__(self, voice: _Optional[_Union[VoiceSelectionParams, _Mapping]] = ..., streaming_audio_config: _Optional[_Union[StreamingAudioConfig, _Mapping]] = ...) -> None: ...

class StreamingSynthesisInput(_message.Message):
    __slots__ = ("text", "markup", "prompt")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MARKUP_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    text: str
    markup: str
    prompt: str
    def __init__(self, text: _Optional[str] = ..., markup: _Optional[str] = ..., prompt: _Optional[str] = ...) -> None: ...

class StreamingSynthesizeRequest(_message.Message):
    __slots__ = ("streaming_config", "input")
    STREAMING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    streaming_config: StreamingSynthesizeConfig
    input: StreamingSynthesisInput
    def __init__(self, streaming_config: _Optional[_Union[StreamingSynthesizeConfig, _Mapping]] = ..., input: _Optional[_Union[StreamingSynthesisInput, _Mapping]] = ...) -> None: ...

class StreamingSynthesizeResponse(_message.Message):
    __slots__ = ("audio_content",)
    AUDIO_CONTENT_FIELD_NUMBER: _ClassVar[int]
    audio_content: bytes
    def __init__(self, audio_content: _Optional[bytes] = ...) -> None: ...
