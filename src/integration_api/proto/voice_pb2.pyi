from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PCM_S16LE: _ClassVar[AudioEncoding]
    MULAW: _ClassVar[AudioEncoding]
    ALAW: _ClassVar[AudioEncoding]
    OPUS: _ClassVar[AudioEncoding]
    OGG_OPUS: _ClassVar[AudioEncoding]
    MP3: _ClassVar[AudioEncoding]
    WAV: _ClassVar[AudioEncoding]
    FLAC: _ClassVar[AudioEncoding]
    WEBM_OPUS: _ClassVar[AudioEncoding]
    AAC: _ClassVar[AudioEncoding]

class Timestamps(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NONE: _ClassVar[Timestamps]
    WORD: _ClassVar[Timestamps]
    CHAR: _ClassVar[Timestamps]

class CallState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALL_STATE_UNSPECIFIED: _ClassVar[CallState]
    QUEUED: _ClassVar[CallState]
    DIALING: _ClassVar[CallState]
    RINGING: _ClassVar[CallState]
    ANSWERED: _ClassVar[CallState]
    MACHINE: _ClassVar[CallState]
    COMPLETED: _ClassVar[CallState]
    BUSY: _ClassVar[CallState]
    NO_ANSWER: _ClassVar[CallState]
    REJECTED: _ClassVar[CallState]
    CANCELLED: _ClassVar[CallState]
    FAILED: _ClassVar[CallState]

class CallDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[CallDirection]
    INBOUND: _ClassVar[CallDirection]
    OUTBOUND: _ClassVar[CallDirection]
PCM_S16LE: AudioEncoding
MULAW: AudioEncoding
ALAW: AudioEncoding
OPUS: AudioEncoding
OGG_OPUS: AudioEncoding
MP3: AudioEncoding
WAV: AudioEncoding
FLAC: AudioEncoding
WEBM_OPUS: AudioEncoding
AAC: AudioEncoding
NONE: Timestamps
WORD: Timestamps
CHAR: Timestamps
CALL_STATE_UNSPECIFIED: CallState
QUEUED: CallState
DIALING: CallState
RINGING: CallState
ANSWERED: CallState
MACHINE: CallState
COMPLETED: CallState
BUSY: CallState
NO_ANSWER: CallState
REJECTED: CallState
CANCELLED: CallState
FAILED: CallState
DIRECTION_UNSPECIFIED: CallDirection
INBOUND: CallDirection
OUTBOUND: CallDirection

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hz", "channels")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    encoding: AudioEncoding
    sample_rate_hz: int
    channels: int
    def __init__(self, encoding: _Optional[_Union[AudioEncoding, str]] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("provider", "model", "voice_id", "credential_id", "region", "provider_options")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    voice_id: str
    credential_id: str
    region: str
    provider_options: _struct_pb2.Struct
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., voice_id: _Optional[str] = ..., credential_id: _Optional[str] = ..., region: _Optional[str] = ..., provider_options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Fallback(_message.Message):
    __slots__ = ("targets", "connect_timeout_ms", "first_event_timeout_ms", "hedge_after_ms")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVENT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    HEDGE_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    connect_timeout_ms: int
    first_event_timeout_ms: int
    hedge_after_ms: int
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., connect_timeout_ms: _Optional[int] = ..., first_event_timeout_ms: _Optional[int] = ..., hedge_after_ms: _Optional[int] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("session_id", "seq", "mono_time_us", "provider", "provider_request_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    MONO_TIME_US_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    seq: int
    mono_time_us: int
    provider: str
    provider_request_id: str
    def __init__(self, session_id: _Optional[str] = ..., seq: _Optional[int] = ..., mono_time_us: _Optional[int] = ..., provider: _Optional[str] = ..., provider_request_id: _Optional[str] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "retryable", "provider_code", "message", "param")
    CODE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PARAM_FIELD_NUMBER: _ClassVar[int]
    code: str
    retryable: bool
    provider_code: str
    message: str
    param: str
    def __init__(self, code: _Optional[str] = ..., retryable: _Optional[bool] = ..., provider_code: _Optional[str] = ..., message: _Optional[str] = ..., param: _Optional[str] = ...) -> None: ...

class Closed(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Endpointing(_message.Message):
    __slots__ = ("mode", "silence_ms", "utterance_end_ms", "eager_threshold")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROVIDER: _ClassVar[Endpointing.Mode]
        CLIENT: _ClassVar[Endpointing.Mode]
        OFF: _ClassVar[Endpointing.Mode]
    PROVIDER: Endpointing.Mode
    CLIENT: Endpointing.Mode
    OFF: Endpointing.Mode
    MODE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_END_MS_FIELD_NUMBER: _ClassVar[int]
    EAGER_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    mode: Endpointing.Mode
    silence_ms: int
    utterance_end_ms: int
    eager_threshold: float
    def __init__(self, mode: _Optional[_Union[Endpointing.Mode, str]] = ..., silence_ms: _Optional[int] = ..., utterance_end_ms: _Optional[int] = ..., eager_threshold: _Optional[float] = ...) -> None: ...

class SttClient(_message.Message):
    __slots__ = ("start", "audio", "finalize", "update", "keepalive", "end")
    class Start(_message.Message):
        __slots__ = ("target", "fallback", "input", "languages", "detect_language", "interim_results", "word_timestamps", "diarize", "punctuate", "profanity_filter", "keyterms", "endpointing", "want_raw_events", "metadata")
        class MetadataEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        TARGET_FIELD_NUMBER: _ClassVar[int]
        FALLBACK_FIELD_NUMBER: _ClassVar[int]
        INPUT_FIELD_NUMBER: _ClassVar[int]
        LANGUAGES_FIELD_NUMBER: _ClassVar[int]
        DETECT_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
        INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
        WORD_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
        DIARIZE_FIELD_NUMBER: _ClassVar[int]
        PUNCTUATE_FIELD_NUMBER: _ClassVar[int]
        PROFANITY_FILTER_FIELD_NUMBER: _ClassVar[int]
        KEYTERMS_FIELD_NUMBER: _ClassVar[int]
        ENDPOINTING_FIELD_NUMBER: _ClassVar[int]
        WANT_RAW_EVENTS_FIELD_NUMBER: _ClassVar[int]
        METADATA_FIELD_NUMBER: _ClassVar[int]
        target: Target
        fallback: Fallback
        input: AudioFormat
        languages: _containers.RepeatedScalarFieldContainer[str]
        detect_language: bool
        interim_results: bool
        word_timestamps: bool
        diarize: bool
        punctuate: bool
        profanity_filter: bool
        keyterms: _containers.RepeatedScalarFieldContainer[str]
        endpointing: Endpointing
        want_raw_events: bool
        metadata: _containers.ScalarMap[str, str]
        def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., fallback: _Optional[_Union[Fallback, _Mapping]] = ..., input: _Optional[_Union[AudioFormat, _Mapping]] = ..., languages: _Optional[_Iterable[str]] = ..., detect_language: _Optional[bool] = ..., interim_results: _Optional[bool] = ..., word_timestamps: _Optional[bool] = ..., diarize: _Optional[bool] = ..., punctuate: _Optional[bool] = ..., profanity_filter: _Optional[bool] = ..., keyterms: _Optional[_Iterable[str]] = ..., endpointing: _Optional[_Union[Endpointing, _Mapping]] = ..., want_raw_events: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
    class Finalize(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Update(_message.Message):
        __slots__ = ("keyterms", "languages", "endpointing")
        class Terms(_message.Message):
            __slots__ = ("values",)
            VALUES_FIELD_NUMBER: _ClassVar[int]
            values: _containers.RepeatedScalarFieldContainer[str]
            def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...
        KEYTERMS_FIELD_NUMBER: _ClassVar[int]
        LANGUAGES_FIELD_NUMBER: _ClassVar[int]
        ENDPOINTING_FIELD_NUMBER: _ClassVar[int]
        keyterms: SttClient.Update.Terms
        languages: SttClient.Update.Terms
        endpointing: Endpointing
        def __init__(self, keyterms: _Optional[_Union[SttClient.Update.Terms, _Mapping]] = ..., languages: _Optional[_Union[SttClient.Update.Terms, _Mapping]] = ..., endpointing: _Optional[_Union[Endpointing, _Mapping]] = ...) -> None: ...
    class KeepAlive(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class End(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    START_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    KEEPALIVE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: SttClient.Start
    audio: bytes
    finalize: SttClient.Finalize
    update: SttClient.Update
    keepalive: SttClient.KeepAlive
    end: SttClient.End
    def __init__(self, start: _Optional[_Union[SttClient.Start, _Mapping]] = ..., audio: _Optional[bytes] = ..., finalize: _Optional[_Union[SttClient.Finalize, _Mapping]] = ..., update: _Optional[_Union[SttClient.Update, _Mapping]] = ..., keepalive: _Optional[_Union[SttClient.KeepAlive, _Mapping]] = ..., end: _Optional[_Union[SttClient.End, _Mapping]] = ...) -> None: ...

class Word(_message.Message):
    __slots__ = ("text", "start_ms", "end_ms", "confidence", "speaker", "is_final")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_MS_FIELD_NUMBER: _ClassVar[int]
    END_MS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    text: str
    start_ms: int
    end_ms: int
    confidence: float
    speaker: str
    is_final: bool
    def __init__(self, text: _Optional[str] = ..., start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., confidence: _Optional[float] = ..., speaker: _Optional[str] = ..., is_final: _Optional[bool] = ...) -> None: ...

class SttServer(_message.Message):
    __slots__ = ("envelope", "ready", "speech_started", "interim", "final", "eager_end_of_utterance", "utterance_resumed", "utterance_end", "revision", "usage", "reconnected", "warning", "error", "closed", "raw")
    class Capabilities(_message.Message):
        __slots__ = ("interim", "words", "confidence", "language_id", "vad", "eager_eot", "live_update", "finalize_ack", "turns")
        INTERIM_FIELD_NUMBER: _ClassVar[int]
        WORDS_FIELD_NUMBER: _ClassVar[int]
        CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_ID_FIELD_NUMBER: _ClassVar[int]
        VAD_FIELD_NUMBER: _ClassVar[int]
        EAGER_EOT_FIELD_NUMBER: _ClassVar[int]
        LIVE_UPDATE_FIELD_NUMBER: _ClassVar[int]
        FINALIZE_ACK_FIELD_NUMBER: _ClassVar[int]
        TURNS_FIELD_NUMBER: _ClassVar[int]
        interim: bool
        words: bool
        confidence: bool
        language_id: bool
        vad: bool
        eager_eot: bool
        live_update: bool
        finalize_ack: bool
        turns: bool
        def __init__(self, interim: _Optional[bool] = ..., words: _Optional[bool] = ..., confidence: _Optional[bool] = ..., language_id: _Optional[bool] = ..., vad: _Optional[bool] = ..., eager_eot: _Optional[bool] = ..., live_update: _Optional[bool] = ..., finalize_ack: _Optional[bool] = ..., turns: _Optional[bool] = ...) -> None: ...
    class Ready(_message.Message):
        __slots__ = ("model", "capabilities", "negotiated_input", "reused_connection", "connect_ms")
        MODEL_FIELD_NUMBER: _ClassVar[int]
        CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
        NEGOTIATED_INPUT_FIELD_NUMBER: _ClassVar[int]
        REUSED_CONNECTION_FIELD_NUMBER: _ClassVar[int]
        CONNECT_MS_FIELD_NUMBER: _ClassVar[int]
        model: str
        capabilities: SttServer.Capabilities
        negotiated_input: AudioFormat
        reused_connection: bool
        connect_ms: int
        def __init__(self, model: _Optional[str] = ..., capabilities: _Optional[_Union[SttServer.Capabilities, _Mapping]] = ..., negotiated_input: _Optional[_Union[AudioFormat, _Mapping]] = ..., reused_connection: _Optional[bool] = ..., connect_ms: _Optional[int] = ...) -> None: ...
    class SpeechStarted(_message.Message):
        __slots__ = ("audio_time_ms", "inferred")
        AUDIO_TIME_MS_FIELD_NUMBER: _ClassVar[int]
        INFERRED_FIELD_NUMBER: _ClassVar[int]
        audio_time_ms: int
        inferred: bool
        def __init__(self, audio_time_ms: _Optional[int] = ..., inferred: _Optional[bool] = ...) -> None: ...
    class Interim(_message.Message):
        __slots__ = ("segment_id", "text", "stability", "words", "language")
        SEGMENT_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        STABILITY_FIELD_NUMBER: _ClassVar[int]
        WORDS_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_FIELD_NUMBER: _ClassVar[int]
        segment_id: str
        text: str
        stability: float
        words: _containers.RepeatedCompositeFieldContainer[Word]
        language: str
        def __init__(self, segment_id: _Optional[str] = ..., text: _Optional[str] = ..., stability: _Optional[float] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ..., language: _Optional[str] = ...) -> None: ...
    class Final(_message.Message):
        __slots__ = ("segment_id", "text", "confidence", "words", "language", "language_confidence", "start_ms", "end_ms", "from_finalize")
        SEGMENT_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
        WORDS_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_FIELD_NUMBER: _ClassVar[int]
        LANGUAGE_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
        START_MS_FIELD_NUMBER: _ClassVar[int]
        END_MS_FIELD_NUMBER: _ClassVar[int]
        FROM_FINALIZE_FIELD_NUMBER: _ClassVar[int]
        segment_id: str
        text: str
        confidence: float
        words: _containers.RepeatedCompositeFieldContainer[Word]
        language: str
        language_confidence: float
        start_ms: int
        end_ms: int
        from_finalize: bool
        def __init__(self, segment_id: _Optional[str] = ..., text: _Optional[str] = ..., confidence: _Optional[float] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ..., language: _Optional[str] = ..., language_confidence: _Optional[float] = ..., start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., from_finalize: _Optional[bool] = ...) -> None: ...
    class EagerEndOfUtterance(_message.Message):
        __slots__ = ("utterance_id", "text", "confidence")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        text: str
        confidence: float
        def __init__(self, utterance_id: _Optional[str] = ..., text: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...
    class UtteranceResumed(_message.Message):
        __slots__ = ("utterance_id",)
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        def __init__(self, utterance_id: _Optional[str] = ...) -> None: ...
    class UtteranceEnd(_message.Message):
        __slots__ = ("utterance_id", "text", "reason", "end_of_turn_confidence")
        class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            PROVIDER: _ClassVar[SttServer.UtteranceEnd.Reason]
            SILENCE: _ClassVar[SttServer.UtteranceEnd.Reason]
            FINALIZE: _ClassVar[SttServer.UtteranceEnd.Reason]
            STREAM_END: _ClassVar[SttServer.UtteranceEnd.Reason]
        PROVIDER: SttServer.UtteranceEnd.Reason
        SILENCE: SttServer.UtteranceEnd.Reason
        FINALIZE: SttServer.UtteranceEnd.Reason
        STREAM_END: SttServer.UtteranceEnd.Reason
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        END_OF_TURN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        text: str
        reason: SttServer.UtteranceEnd.Reason
        end_of_turn_confidence: float
        def __init__(self, utterance_id: _Optional[str] = ..., text: _Optional[str] = ..., reason: _Optional[_Union[SttServer.UtteranceEnd.Reason, str]] = ..., end_of_turn_confidence: _Optional[float] = ...) -> None: ...
    class Revision(_message.Message):
        __slots__ = ("utterance_id", "text", "words")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        WORDS_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        text: str
        words: _containers.RepeatedCompositeFieldContainer[Word]
        def __init__(self, utterance_id: _Optional[str] = ..., text: _Optional[str] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ...) -> None: ...
    class Usage(_message.Message):
        __slots__ = ("audio_ms", "billed_ms", "unit")
        AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
        BILLED_MS_FIELD_NUMBER: _ClassVar[int]
        UNIT_FIELD_NUMBER: _ClassVar[int]
        audio_ms: int
        billed_ms: int
        unit: str
        def __init__(self, audio_ms: _Optional[int] = ..., billed_ms: _Optional[int] = ..., unit: _Optional[str] = ...) -> None: ...
    class Reconnected(_message.Message):
        __slots__ = ("gap_ms", "replayed_ms", "new_provider")
        GAP_MS_FIELD_NUMBER: _ClassVar[int]
        REPLAYED_MS_FIELD_NUMBER: _ClassVar[int]
        NEW_PROVIDER_FIELD_NUMBER: _ClassVar[int]
        gap_ms: int
        replayed_ms: int
        new_provider: str
        def __init__(self, gap_ms: _Optional[int] = ..., replayed_ms: _Optional[int] = ..., new_provider: _Optional[str] = ...) -> None: ...
    class Raw(_message.Message):
        __slots__ = ("data",)
        DATA_FIELD_NUMBER: _ClassVar[int]
        data: str
        def __init__(self, data: _Optional[str] = ...) -> None: ...
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    SPEECH_STARTED_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    EAGER_END_OF_UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_RESUMED_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_END_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    RECONNECTED_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    envelope: Envelope
    ready: SttServer.Ready
    speech_started: SttServer.SpeechStarted
    interim: SttServer.Interim
    final: SttServer.Final
    eager_end_of_utterance: SttServer.EagerEndOfUtterance
    utterance_resumed: SttServer.UtteranceResumed
    utterance_end: SttServer.UtteranceEnd
    revision: SttServer.Revision
    usage: SttServer.Usage
    reconnected: SttServer.Reconnected
    warning: Warning
    error: Error
    closed: Closed
    raw: SttServer.Raw
    def __init__(self, envelope: _Optional[_Union[Envelope, _Mapping]] = ..., ready: _Optional[_Union[SttServer.Ready, _Mapping]] = ..., speech_started: _Optional[_Union[SttServer.SpeechStarted, _Mapping]] = ..., interim: _Optional[_Union[SttServer.Interim, _Mapping]] = ..., final: _Optional[_Union[SttServer.Final, _Mapping]] = ..., eager_end_of_utterance: _Optional[_Union[SttServer.EagerEndOfUtterance, _Mapping]] = ..., utterance_resumed: _Optional[_Union[SttServer.UtteranceResumed, _Mapping]] = ..., utterance_end: _Optional[_Union[SttServer.UtteranceEnd, _Mapping]] = ..., revision: _Optional[_Union[SttServer.Revision, _Mapping]] = ..., usage: _Optional[_Union[SttServer.Usage, _Mapping]] = ..., reconnected: _Optional[_Union[SttServer.Reconnected, _Mapping]] = ..., warning: _Optional[_Union[Warning, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ..., raw: _Optional[_Union[SttServer.Raw, _Mapping]] = ...) -> None: ...

class TranscribeRequest(_message.Message):
    __slots__ = ("target", "audio", "format", "filename", "mime_type", "languages", "detect_language", "prompt", "temperature", "word_timestamps", "segment_timestamps", "diarize", "punctuate", "profanity_filter", "keyterms", "translate", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TARGET_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    DETECT_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    WORD_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    DIARIZE_FIELD_NUMBER: _ClassVar[int]
    PUNCTUATE_FIELD_NUMBER: _ClassVar[int]
    PROFANITY_FILTER_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    TRANSLATE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    target: Target
    audio: bytes
    format: AudioFormat
    filename: str
    mime_type: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    detect_language: bool
    prompt: str
    temperature: float
    word_timestamps: bool
    segment_timestamps: bool
    diarize: bool
    punctuate: bool
    profanity_filter: bool
    keyterms: _containers.RepeatedScalarFieldContainer[str]
    translate: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., audio: _Optional[bytes] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., filename: _Optional[str] = ..., mime_type: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., detect_language: _Optional[bool] = ..., prompt: _Optional[str] = ..., temperature: _Optional[float] = ..., word_timestamps: _Optional[bool] = ..., segment_timestamps: _Optional[bool] = ..., diarize: _Optional[bool] = ..., punctuate: _Optional[bool] = ..., profanity_filter: _Optional[bool] = ..., keyterms: _Optional[_Iterable[str]] = ..., translate: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("model", "text", "language", "duration_ms", "confidence", "words", "segments", "warnings")
    class Segment(_message.Message):
        __slots__ = ("text", "start_ms", "end_ms", "speaker", "confidence")
        TEXT_FIELD_NUMBER: _ClassVar[int]
        START_MS_FIELD_NUMBER: _ClassVar[int]
        END_MS_FIELD_NUMBER: _ClassVar[int]
        SPEAKER_FIELD_NUMBER: _ClassVar[int]
        CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
        text: str
        start_ms: int
        end_ms: int
        speaker: str
        confidence: float
        def __init__(self, text: _Optional[str] = ..., start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., speaker: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    model: str
    text: str
    language: str
    duration_ms: int
    confidence: float
    words: _containers.RepeatedCompositeFieldContainer[Word]
    segments: _containers.RepeatedCompositeFieldContainer[Transcript.Segment]
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    def __init__(self, model: _Optional[str] = ..., text: _Optional[str] = ..., language: _Optional[str] = ..., duration_ms: _Optional[int] = ..., confidence: _Optional[float] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ..., segments: _Optional[_Iterable[_Union[Transcript.Segment, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ...) -> None: ...

class Manner(_message.Message):
    __slots__ = ("language", "speed", "pitch", "volume", "emotion", "instructions")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    PITCH_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    language: str
    speed: float
    pitch: float
    volume: float
    emotion: str
    instructions: str
    def __init__(self, language: _Optional[str] = ..., speed: _Optional[float] = ..., pitch: _Optional[float] = ..., volume: _Optional[float] = ..., emotion: _Optional[str] = ..., instructions: _Optional[str] = ...) -> None: ...

class TtsClient(_message.Message):
    __slots__ = ("start", "text", "flush", "mark", "cancel", "update", "end")
    class Start(_message.Message):
        __slots__ = ("target", "fallback", "output", "chunk_ms", "manner", "ssml_allowed", "timestamps", "text_buffering", "metadata")
        class TextBuffering(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            PROVIDER: _ClassVar[TtsClient.Start.TextBuffering]
            SENTENCE: _ClassVar[TtsClient.Start.TextBuffering]
            IMMEDIATE: _ClassVar[TtsClient.Start.TextBuffering]
        PROVIDER: TtsClient.Start.TextBuffering
        SENTENCE: TtsClient.Start.TextBuffering
        IMMEDIATE: TtsClient.Start.TextBuffering
        class MetadataEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        TARGET_FIELD_NUMBER: _ClassVar[int]
        FALLBACK_FIELD_NUMBER: _ClassVar[int]
        OUTPUT_FIELD_NUMBER: _ClassVar[int]
        CHUNK_MS_FIELD_NUMBER: _ClassVar[int]
        MANNER_FIELD_NUMBER: _ClassVar[int]
        SSML_ALLOWED_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
        TEXT_BUFFERING_FIELD_NUMBER: _ClassVar[int]
        METADATA_FIELD_NUMBER: _ClassVar[int]
        target: Target
        fallback: Fallback
        output: AudioFormat
        chunk_ms: int
        manner: Manner
        ssml_allowed: bool
        timestamps: Timestamps
        text_buffering: TtsClient.Start.TextBuffering
        metadata: _containers.ScalarMap[str, str]
        def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., fallback: _Optional[_Union[Fallback, _Mapping]] = ..., output: _Optional[_Union[AudioFormat, _Mapping]] = ..., chunk_ms: _Optional[int] = ..., manner: _Optional[_Union[Manner, _Mapping]] = ..., ssml_allowed: _Optional[bool] = ..., timestamps: _Optional[_Union[Timestamps, str]] = ..., text_buffering: _Optional[_Union[TtsClient.Start.TextBuffering, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
    class Text(_message.Message):
        __slots__ = ("utterance_id", "text", "ssml", "final")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        SSML_FIELD_NUMBER: _ClassVar[int]
        FINAL_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        text: str
        ssml: str
        final: bool
        def __init__(self, utterance_id: _Optional[str] = ..., text: _Optional[str] = ..., ssml: _Optional[str] = ..., final: _Optional[bool] = ...) -> None: ...
    class Flush(_message.Message):
        __slots__ = ("utterance_id",)
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        def __init__(self, utterance_id: _Optional[str] = ...) -> None: ...
    class Mark(_message.Message):
        __slots__ = ("utterance_id", "name", "char_offset")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        CHAR_OFFSET_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        name: str
        char_offset: int
        def __init__(self, utterance_id: _Optional[str] = ..., name: _Optional[str] = ..., char_offset: _Optional[int] = ...) -> None: ...
    class Cancel(_message.Message):
        __slots__ = ("utterance_id", "played_ms")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        PLAYED_MS_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        played_ms: int
        def __init__(self, utterance_id: _Optional[str] = ..., played_ms: _Optional[int] = ...) -> None: ...
    class Update(_message.Message):
        __slots__ = ("voice", "speed")
        VOICE_FIELD_NUMBER: _ClassVar[int]
        SPEED_FIELD_NUMBER: _ClassVar[int]
        voice: str
        speed: float
        def __init__(self, voice: _Optional[str] = ..., speed: _Optional[float] = ...) -> None: ...
    class End(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    START_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: TtsClient.Start
    text: TtsClient.Text
    flush: TtsClient.Flush
    mark: TtsClient.Mark
    cancel: TtsClient.Cancel
    update: TtsClient.Update
    end: TtsClient.End
    def __init__(self, start: _Optional[_Union[TtsClient.Start, _Mapping]] = ..., text: _Optional[_Union[TtsClient.Text, _Mapping]] = ..., flush: _Optional[_Union[TtsClient.Flush, _Mapping]] = ..., mark: _Optional[_Union[TtsClient.Mark, _Mapping]] = ..., cancel: _Optional[_Union[TtsClient.Cancel, _Mapping]] = ..., update: _Optional[_Union[TtsClient.Update, _Mapping]] = ..., end: _Optional[_Union[TtsClient.End, _Mapping]] = ...) -> None: ...

class TtsServer(_message.Message):
    __slots__ = ("envelope", "ready", "started", "audio", "timestamps", "mark_reached", "flushed", "done", "cancelled", "usage", "warning", "error", "closed")
    class Capabilities(_message.Message):
        __slots__ = ("cancel_native", "word_ts", "char_ts", "ssml", "multi_context", "tells_spoken", "live_update")
        CANCEL_NATIVE_FIELD_NUMBER: _ClassVar[int]
        WORD_TS_FIELD_NUMBER: _ClassVar[int]
        CHAR_TS_FIELD_NUMBER: _ClassVar[int]
        SSML_FIELD_NUMBER: _ClassVar[int]
        MULTI_CONTEXT_FIELD_NUMBER: _ClassVar[int]
        TELLS_SPOKEN_FIELD_NUMBER: _ClassVar[int]
        LIVE_UPDATE_FIELD_NUMBER: _ClassVar[int]
        cancel_native: bool
        word_ts: bool
        char_ts: bool
        ssml: bool
        multi_context: bool
        tells_spoken: bool
        live_update: bool
        def __init__(self, cancel_native: _Optional[bool] = ..., word_ts: _Optional[bool] = ..., char_ts: _Optional[bool] = ..., ssml: _Optional[bool] = ..., multi_context: _Optional[bool] = ..., tells_spoken: _Optional[bool] = ..., live_update: _Optional[bool] = ...) -> None: ...
    class Ready(_message.Message):
        __slots__ = ("model", "capabilities", "negotiated_output", "reused_connection", "connect_ms")
        MODEL_FIELD_NUMBER: _ClassVar[int]
        CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
        NEGOTIATED_OUTPUT_FIELD_NUMBER: _ClassVar[int]
        REUSED_CONNECTION_FIELD_NUMBER: _ClassVar[int]
        CONNECT_MS_FIELD_NUMBER: _ClassVar[int]
        model: str
        capabilities: TtsServer.Capabilities
        negotiated_output: AudioFormat
        reused_connection: bool
        connect_ms: int
        def __init__(self, model: _Optional[str] = ..., capabilities: _Optional[_Union[TtsServer.Capabilities, _Mapping]] = ..., negotiated_output: _Optional[_Union[AudioFormat, _Mapping]] = ..., reused_connection: _Optional[bool] = ..., connect_ms: _Optional[int] = ...) -> None: ...
    class Started(_message.Message):
        __slots__ = ("utterance_id", "ttfb_ms")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        TTFB_MS_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        ttfb_ms: int
        def __init__(self, utterance_id: _Optional[str] = ..., ttfb_ms: _Optional[int] = ...) -> None: ...
    class Audio(_message.Message):
        __slots__ = ("utterance_id", "seq", "offset_ms", "audio")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        SEQ_FIELD_NUMBER: _ClassVar[int]
        OFFSET_MS_FIELD_NUMBER: _ClassVar[int]
        AUDIO_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        seq: int
        offset_ms: int
        audio: bytes
        def __init__(self, utterance_id: _Optional[str] = ..., seq: _Optional[int] = ..., offset_ms: _Optional[int] = ..., audio: _Optional[bytes] = ...) -> None: ...
    class TimestampItems(_message.Message):
        __slots__ = ("utterance_id", "granularity", "items", "estimated")
        class Item(_message.Message):
            __slots__ = ("text", "start_ms", "end_ms", "char_start", "char_end")
            TEXT_FIELD_NUMBER: _ClassVar[int]
            START_MS_FIELD_NUMBER: _ClassVar[int]
            END_MS_FIELD_NUMBER: _ClassVar[int]
            CHAR_START_FIELD_NUMBER: _ClassVar[int]
            CHAR_END_FIELD_NUMBER: _ClassVar[int]
            text: str
            start_ms: int
            end_ms: int
            char_start: int
            char_end: int
            def __init__(self, text: _Optional[str] = ..., start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., char_start: _Optional[int] = ..., char_end: _Optional[int] = ...) -> None: ...
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        GRANULARITY_FIELD_NUMBER: _ClassVar[int]
        ITEMS_FIELD_NUMBER: _ClassVar[int]
        ESTIMATED_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        granularity: Timestamps
        items: _containers.RepeatedCompositeFieldContainer[TtsServer.TimestampItems.Item]
        estimated: bool
        def __init__(self, utterance_id: _Optional[str] = ..., granularity: _Optional[_Union[Timestamps, str]] = ..., items: _Optional[_Iterable[_Union[TtsServer.TimestampItems.Item, _Mapping]]] = ..., estimated: _Optional[bool] = ...) -> None: ...
    class MarkReached(_message.Message):
        __slots__ = ("utterance_id", "name", "at_ms")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        AT_MS_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        name: str
        at_ms: int
        def __init__(self, utterance_id: _Optional[str] = ..., name: _Optional[str] = ..., at_ms: _Optional[int] = ...) -> None: ...
    class Flushed(_message.Message):
        __slots__ = ("utterance_id",)
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        def __init__(self, utterance_id: _Optional[str] = ...) -> None: ...
    class Done(_message.Message):
        __slots__ = ("utterance_id", "audio_ms", "characters", "billed")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
        CHARACTERS_FIELD_NUMBER: _ClassVar[int]
        BILLED_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        audio_ms: int
        characters: int
        billed: float
        def __init__(self, utterance_id: _Optional[str] = ..., audio_ms: _Optional[int] = ..., characters: _Optional[int] = ..., billed: _Optional[float] = ...) -> None: ...
    class Cancelled(_message.Message):
        __slots__ = ("utterance_id", "text_spoken", "text_remaining", "estimated")
        UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
        TEXT_SPOKEN_FIELD_NUMBER: _ClassVar[int]
        TEXT_REMAINING_FIELD_NUMBER: _ClassVar[int]
        ESTIMATED_FIELD_NUMBER: _ClassVar[int]
        utterance_id: str
        text_spoken: str
        text_remaining: str
        estimated: bool
        def __init__(self, utterance_id: _Optional[str] = ..., text_spoken: _Optional[str] = ..., text_remaining: _Optional[str] = ..., estimated: _Optional[bool] = ...) -> None: ...
    class Usage(_message.Message):
        __slots__ = ("characters", "audio_ms")
        CHARACTERS_FIELD_NUMBER: _ClassVar[int]
        AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
        characters: int
        audio_ms: int
        def __init__(self, characters: _Optional[int] = ..., audio_ms: _Optional[int] = ...) -> None: ...
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    MARK_REACHED_FIELD_NUMBER: _ClassVar[int]
    FLUSHED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    envelope: Envelope
    ready: TtsServer.Ready
    started: TtsServer.Started
    audio: TtsServer.Audio
    timestamps: TtsServer.TimestampItems
    mark_reached: TtsServer.MarkReached
    flushed: TtsServer.Flushed
    done: TtsServer.Done
    cancelled: TtsServer.Cancelled
    usage: TtsServer.Usage
    warning: Warning
    error: Error
    closed: Closed
    def __init__(self, envelope: _Optional[_Union[Envelope, _Mapping]] = ..., ready: _Optional[_Union[TtsServer.Ready, _Mapping]] = ..., started: _Optional[_Union[TtsServer.Started, _Mapping]] = ..., audio: _Optional[_Union[TtsServer.Audio, _Mapping]] = ..., timestamps: _Optional[_Union[TtsServer.TimestampItems, _Mapping]] = ..., mark_reached: _Optional[_Union[TtsServer.MarkReached, _Mapping]] = ..., flushed: _Optional[_Union[TtsServer.Flushed, _Mapping]] = ..., done: _Optional[_Union[TtsServer.Done, _Mapping]] = ..., cancelled: _Optional[_Union[TtsServer.Cancelled, _Mapping]] = ..., usage: _Optional[_Union[TtsServer.Usage, _Mapping]] = ..., warning: _Optional[_Union[Warning, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ...) -> None: ...

class SynthesizeRequest(_message.Message):
    __slots__ = ("start", "text", "ssml")
    START_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SSML_FIELD_NUMBER: _ClassVar[int]
    start: TtsClient.Start
    text: str
    ssml: str
    def __init__(self, start: _Optional[_Union[TtsClient.Start, _Mapping]] = ..., text: _Optional[str] = ..., ssml: _Optional[str] = ...) -> None: ...

class ListVoicesRequest(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: Target
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ...) -> None: ...

class Voice(_message.Message):
    __slots__ = ("id", "name", "languages", "gender", "description", "preview_url", "models")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    GENDER_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_URL_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    gender: str
    description: str
    preview_url: str
    models: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., gender: _Optional[str] = ..., description: _Optional[str] = ..., preview_url: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ...) -> None: ...

class ListVoicesResponse(_message.Message):
    __slots__ = ("voices",)
    VOICES_FIELD_NUMBER: _ClassVar[int]
    voices: _containers.RepeatedCompositeFieldContainer[Voice]
    def __init__(self, voices: _Optional[_Iterable[_Union[Voice, _Mapping]]] = ...) -> None: ...

class MediaPlan(_message.Message):
    __slots__ = ("mode", "params", "answer_url", "stt", "tts", "barge_in")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STREAM: _ClassVar[MediaPlan.Mode]
        ANSWER_URL: _ClassVar[MediaPlan.Mode]
        INLINE: _ClassVar[MediaPlan.Mode]
    STREAM: MediaPlan.Mode
    ANSWER_URL: MediaPlan.Mode
    INLINE: MediaPlan.Mode
    class BargeIn(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WORDS: _ClassVar[MediaPlan.BargeIn]
        SPEECH: _ClassVar[MediaPlan.BargeIn]
        NEVER: _ClassVar[MediaPlan.BargeIn]
    WORDS: MediaPlan.BargeIn
    SPEECH: MediaPlan.BargeIn
    NEVER: MediaPlan.BargeIn
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_URL_FIELD_NUMBER: _ClassVar[int]
    STT_FIELD_NUMBER: _ClassVar[int]
    TTS_FIELD_NUMBER: _ClassVar[int]
    BARGE_IN_FIELD_NUMBER: _ClassVar[int]
    mode: MediaPlan.Mode
    params: _containers.ScalarMap[str, str]
    answer_url: str
    stt: SttClient.Start
    tts: TtsClient.Start
    barge_in: MediaPlan.BargeIn
    def __init__(self, mode: _Optional[_Union[MediaPlan.Mode, str]] = ..., params: _Optional[_Mapping[str, str]] = ..., answer_url: _Optional[str] = ..., stt: _Optional[_Union[SttClient.Start, _Mapping]] = ..., tts: _Optional[_Union[TtsClient.Start, _Mapping]] = ..., barge_in: _Optional[_Union[MediaPlan.BargeIn, str]] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("id", "provider", "credential_id", "direction", "state", "to", "provider_call_id", "provider_state", "provider_code", "created_at", "dialed_at", "answered_at", "ended_at", "duration_s", "price", "hung_up_by", "error_code", "batch_id", "row", "attempt", "metadata", "route_id", "media_open")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CODE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DIALED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    HUNG_UP_BY_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_OPEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    provider: str
    credential_id: str
    direction: CallDirection
    state: CallState
    to: str
    provider_call_id: str
    provider_state: str
    provider_code: str
    created_at: float
    dialed_at: float
    answered_at: float
    ended_at: float
    duration_s: float
    price: str
    hung_up_by: str
    error_code: str
    batch_id: str
    row: int
    attempt: int
    metadata: _containers.ScalarMap[str, str]
    route_id: str
    media_open: bool
    def __init__(self, id: _Optional[str] = ..., provider: _Optional[str] = ..., credential_id: _Optional[str] = ..., direction: _Optional[_Union[CallDirection, str]] = ..., state: _Optional[_Union[CallState, str]] = ..., to: _Optional[str] = ..., provider_call_id: _Optional[str] = ..., provider_state: _Optional[str] = ..., provider_code: _Optional[str] = ..., created_at: _Optional[float] = ..., dialed_at: _Optional[float] = ..., answered_at: _Optional[float] = ..., ended_at: _Optional[float] = ..., duration_s: _Optional[float] = ..., price: _Optional[str] = ..., hung_up_by: _Optional[str] = ..., error_code: _Optional[str] = ..., batch_id: _Optional[str] = ..., row: _Optional[int] = ..., attempt: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ..., route_id: _Optional[str] = ..., media_open: _Optional[bool] = ..., **kwargs) -> None: ...

class CallEvent(_message.Message):
    __slots__ = ("id", "call_id", "at", "source", "state", "what", "detail")
    class DetailEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    id: str
    call_id: str
    at: float
    source: str
    state: CallState
    what: str
    detail: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., call_id: _Optional[str] = ..., at: _Optional[float] = ..., source: _Optional[str] = ..., state: _Optional[_Union[CallState, str]] = ..., what: _Optional[str] = ..., detail: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateCallRequest(_message.Message):
    __slots__ = ("credential_id", "provider", "to", "media", "ring_timeout_s", "max_duration_s", "amd", "record", "metadata", "idempotency_key", "provider_options")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    AMD_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    credential_id: str
    provider: str
    to: str
    media: MediaPlan
    ring_timeout_s: int
    max_duration_s: int
    amd: bool
    record: bool
    metadata: _containers.ScalarMap[str, str]
    idempotency_key: str
    provider_options: _struct_pb2.Struct
    def __init__(self, credential_id: _Optional[str] = ..., provider: _Optional[str] = ..., to: _Optional[str] = ..., media: _Optional[_Union[MediaPlan, _Mapping]] = ..., ring_timeout_s: _Optional[int] = ..., max_duration_s: _Optional[int] = ..., amd: _Optional[bool] = ..., record: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ..., idempotency_key: _Optional[str] = ..., provider_options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., **kwargs) -> None: ...

class GetCallRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListCallsRequest(_message.Message):
    __slots__ = ("limit", "after", "states", "direction", "provider", "batch_id", "number")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    limit: int
    after: str
    states: _containers.RepeatedScalarFieldContainer[CallState]
    direction: CallDirection
    provider: str
    batch_id: str
    number: str
    def __init__(self, limit: _Optional[int] = ..., after: _Optional[str] = ..., states: _Optional[_Iterable[_Union[CallState, str]]] = ..., direction: _Optional[_Union[CallDirection, str]] = ..., provider: _Optional[str] = ..., batch_id: _Optional[str] = ..., number: _Optional[str] = ...) -> None: ...

class ListCallsResponse(_message.Message):
    __slots__ = ("calls", "has_more")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[Call]
    has_more: bool
    def __init__(self, calls: _Optional[_Iterable[_Union[Call, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class HangupCallRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class SendDtmfRequest(_message.Message):
    __slots__ = ("id", "digits")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    id: str
    digits: str
    def __init__(self, id: _Optional[str] = ..., digits: _Optional[str] = ...) -> None: ...

class TransferCallRequest(_message.Message):
    __slots__ = ("id", "to")
    ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    id: str
    to: str
    def __init__(self, id: _Optional[str] = ..., to: _Optional[str] = ..., **kwargs) -> None: ...

class ListNumbersRequest(_message.Message):
    __slots__ = ("provider", "credential_id")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    provider: str
    credential_id: str
    def __init__(self, provider: _Optional[str] = ..., credential_id: _Optional[str] = ...) -> None: ...

class PhoneNumber(_message.Message):
    __slots__ = ("number", "id", "name", "country", "capabilities")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    number: str
    id: str
    name: str
    country: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, number: _Optional[str] = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., country: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class ListNumbersResponse(_message.Message):
    __slots__ = ("numbers",)
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    numbers: _containers.RepeatedCompositeFieldContainer[PhoneNumber]
    def __init__(self, numbers: _Optional[_Iterable[_Union[PhoneNumber, _Mapping]]] = ...) -> None: ...

class BatchRow(_message.Message):
    __slots__ = ("to", "metadata", "params")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TO_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    to: str
    metadata: _containers.ScalarMap[str, str]
    params: _containers.ScalarMap[str, str]
    def __init__(self, to: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., params: _Optional[_Mapping[str, str]] = ..., **kwargs) -> None: ...

class CallingWindow(_message.Message):
    __slots__ = ("start", "end", "tz", "days")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    TZ_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    start: str
    end: str
    tz: str
    days: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, start: _Optional[str] = ..., end: _Optional[str] = ..., tz: _Optional[str] = ..., days: _Optional[_Iterable[int]] = ...) -> None: ...

class RetryRule(_message.Message):
    __slots__ = ("max", "backoff_s", "on")
    MAX_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_S_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    max: int
    backoff_s: float
    on: _containers.RepeatedScalarFieldContainer[CallState]
    def __init__(self, max: _Optional[int] = ..., backoff_s: _Optional[float] = ..., on: _Optional[_Iterable[_Union[CallState, str]]] = ...) -> None: ...

class CreateBatchRequest(_message.Message):
    __slots__ = ("template", "rows", "name", "calls_per_second", "max_concurrent", "window", "retry", "idempotency_key")
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    template: CreateCallRequest
    rows: _containers.RepeatedCompositeFieldContainer[BatchRow]
    name: str
    calls_per_second: float
    max_concurrent: int
    window: CallingWindow
    retry: RetryRule
    idempotency_key: str
    def __init__(self, template: _Optional[_Union[CreateCallRequest, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[BatchRow, _Mapping]]] = ..., name: _Optional[str] = ..., calls_per_second: _Optional[float] = ..., max_concurrent: _Optional[int] = ..., window: _Optional[_Union[CallingWindow, _Mapping]] = ..., retry: _Optional[_Union[RetryRule, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("id", "name", "provider", "credential_id", "state", "calls_per_second", "max_concurrent", "window", "retry", "total", "progress", "attempts", "created_at", "metadata", "paused_for")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Batch.State]
        RUNNING: _ClassVar[Batch.State]
        PAUSED: _ClassVar[Batch.State]
        CANCELLED: _ClassVar[Batch.State]
        COMPLETED: _ClassVar[Batch.State]
    STATE_UNSPECIFIED: Batch.State
    RUNNING: Batch.State
    PAUSED: Batch.State
    CANCELLED: Batch.State
    COMPLETED: Batch.State
    class ProgressEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    provider: str
    credential_id: str
    state: Batch.State
    calls_per_second: float
    max_concurrent: int
    window: CallingWindow
    retry: RetryRule
    total: int
    progress: _containers.ScalarMap[str, int]
    attempts: int
    created_at: float
    metadata: _containers.ScalarMap[str, str]
    paused_for: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., provider: _Optional[str] = ..., credential_id: _Optional[str] = ..., state: _Optional[_Union[Batch.State, str]] = ..., calls_per_second: _Optional[float] = ..., max_concurrent: _Optional[int] = ..., window: _Optional[_Union[CallingWindow, _Mapping]] = ..., retry: _Optional[_Union[RetryRule, _Mapping]] = ..., total: _Optional[int] = ..., progress: _Optional[_Mapping[str, int]] = ..., attempts: _Optional[int] = ..., created_at: _Optional[float] = ..., metadata: _Optional[_Mapping[str, str]] = ..., paused_for: _Optional[str] = ...) -> None: ...

class GetBatchRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ControlBatchRequest(_message.Message):
    __slots__ = ("id", "action")
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACTION_UNSPECIFIED: _ClassVar[ControlBatchRequest.Action]
        PAUSE: _ClassVar[ControlBatchRequest.Action]
        RESUME: _ClassVar[ControlBatchRequest.Action]
        CANCEL: _ClassVar[ControlBatchRequest.Action]
    ACTION_UNSPECIFIED: ControlBatchRequest.Action
    PAUSE: ControlBatchRequest.Action
    RESUME: ControlBatchRequest.Action
    CANCEL: ControlBatchRequest.Action
    ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    action: ControlBatchRequest.Action
    def __init__(self, id: _Optional[str] = ..., action: _Optional[_Union[ControlBatchRequest.Action, str]] = ...) -> None: ...

class WatchBatchRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class WatchCallsRequest(_message.Message):
    __slots__ = ("call_id", "batch_id")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    batch_id: str
    def __init__(self, call_id: _Optional[str] = ..., batch_id: _Optional[str] = ...) -> None: ...

class CreateInboundRouteRequest(_message.Message):
    __slots__ = ("provider", "credential_id", "name", "media", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    provider: str
    credential_id: str
    name: str
    media: MediaPlan
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, provider: _Optional[str] = ..., credential_id: _Optional[str] = ..., name: _Optional[str] = ..., media: _Optional[_Union[MediaPlan, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class InboundRoute(_message.Message):
    __slots__ = ("id", "name", "provider", "credential_id", "media", "metadata", "answer_url", "status_url", "created_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ANSWER_URL_FIELD_NUMBER: _ClassVar[int]
    STATUS_URL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    provider: str
    credential_id: str
    media: MediaPlan
    metadata: _containers.ScalarMap[str, str]
    answer_url: str
    status_url: str
    created_at: float
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., provider: _Optional[str] = ..., credential_id: _Optional[str] = ..., media: _Optional[_Union[MediaPlan, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., answer_url: _Optional[str] = ..., status_url: _Optional[str] = ..., created_at: _Optional[float] = ...) -> None: ...

class ListInboundRoutesRequest(_message.Message):
    __slots__ = ("limit", "after")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    limit: int
    after: str
    def __init__(self, limit: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ListInboundRoutesResponse(_message.Message):
    __slots__ = ("routes", "has_more")
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    routes: _containers.RepeatedCompositeFieldContainer[InboundRoute]
    has_more: bool
    def __init__(self, routes: _Optional[_Iterable[_Union[InboundRoute, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class DeleteInboundRouteRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteInboundRouteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MediaClient(_message.Message):
    __slots__ = ("attach", "audio", "mark", "clear", "hangup", "dtmf", "text", "flush", "cancel")
    class Attach(_message.Message):
        __slots__ = ("call_id", "format")
        CALL_ID_FIELD_NUMBER: _ClassVar[int]
        FORMAT_FIELD_NUMBER: _ClassVar[int]
        call_id: str
        format: AudioFormat
        def __init__(self, call_id: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ...) -> None: ...
    class Mark(_message.Message):
        __slots__ = ("name",)
        NAME_FIELD_NUMBER: _ClassVar[int]
        name: str
        def __init__(self, name: _Optional[str] = ...) -> None: ...
    class Clear(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Hangup(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Dtmf(_message.Message):
        __slots__ = ("digits",)
        DIGITS_FIELD_NUMBER: _ClassVar[int]
        digits: str
        def __init__(self, digits: _Optional[str] = ...) -> None: ...
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    HANGUP_FIELD_NUMBER: _ClassVar[int]
    DTMF_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    attach: MediaClient.Attach
    audio: bytes
    mark: MediaClient.Mark
    clear: MediaClient.Clear
    hangup: MediaClient.Hangup
    dtmf: MediaClient.Dtmf
    text: TtsClient.Text
    flush: TtsClient.Flush
    cancel: TtsClient.Cancel
    def __init__(self, attach: _Optional[_Union[MediaClient.Attach, _Mapping]] = ..., audio: _Optional[bytes] = ..., mark: _Optional[_Union[MediaClient.Mark, _Mapping]] = ..., clear: _Optional[_Union[MediaClient.Clear, _Mapping]] = ..., hangup: _Optional[_Union[MediaClient.Hangup, _Mapping]] = ..., dtmf: _Optional[_Union[MediaClient.Dtmf, _Mapping]] = ..., text: _Optional[_Union[TtsClient.Text, _Mapping]] = ..., flush: _Optional[_Union[TtsClient.Flush, _Mapping]] = ..., cancel: _Optional[_Union[TtsClient.Cancel, _Mapping]] = ...) -> None: ...

class MediaServer(_message.Message):
    __slots__ = ("envelope", "started", "audio", "dtmf", "mark_reached", "cleared", "stopped", "warning", "error", "closed", "stt", "tts")
    class Started(_message.Message):
        __slots__ = ("call_id", "stream_id", "provider", "format", "custom")
        class CustomEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        CALL_ID_FIELD_NUMBER: _ClassVar[int]
        STREAM_ID_FIELD_NUMBER: _ClassVar[int]
        PROVIDER_FIELD_NUMBER: _ClassVar[int]
        FORMAT_FIELD_NUMBER: _ClassVar[int]
        CUSTOM_FIELD_NUMBER: _ClassVar[int]
        call_id: str
        stream_id: str
        provider: str
        format: AudioFormat
        custom: _containers.ScalarMap[str, str]
        def __init__(self, call_id: _Optional[str] = ..., stream_id: _Optional[str] = ..., provider: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., custom: _Optional[_Mapping[str, str]] = ...) -> None: ...
    class Audio(_message.Message):
        __slots__ = ("audio", "offset_ms")
        AUDIO_FIELD_NUMBER: _ClassVar[int]
        OFFSET_MS_FIELD_NUMBER: _ClassVar[int]
        audio: bytes
        offset_ms: int
        def __init__(self, audio: _Optional[bytes] = ..., offset_ms: _Optional[int] = ...) -> None: ...
    class Dtmf(_message.Message):
        __slots__ = ("digit", "duration_ms")
        DIGIT_FIELD_NUMBER: _ClassVar[int]
        DURATION_MS_FIELD_NUMBER: _ClassVar[int]
        digit: str
        duration_ms: int
        def __init__(self, digit: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...
    class MarkReached(_message.Message):
        __slots__ = ("name", "cancelled")
        NAME_FIELD_NUMBER: _ClassVar[int]
        CANCELLED_FIELD_NUMBER: _ClassVar[int]
        name: str
        cancelled: bool
        def __init__(self, name: _Optional[str] = ..., cancelled: _Optional[bool] = ...) -> None: ...
    class Cleared(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Stopped(_message.Message):
        __slots__ = ("reason",)
        REASON_FIELD_NUMBER: _ClassVar[int]
        reason: str
        def __init__(self, reason: _Optional[str] = ...) -> None: ...
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    DTMF_FIELD_NUMBER: _ClassVar[int]
    MARK_REACHED_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    STT_FIELD_NUMBER: _ClassVar[int]
    TTS_FIELD_NUMBER: _ClassVar[int]
    envelope: Envelope
    started: MediaServer.Started
    audio: MediaServer.Audio
    dtmf: MediaServer.Dtmf
    mark_reached: MediaServer.MarkReached
    cleared: MediaServer.Cleared
    stopped: MediaServer.Stopped
    warning: Warning
    error: Error
    closed: Closed
    stt: SttServer
    tts: TtsServer
    def __init__(self, envelope: _Optional[_Union[Envelope, _Mapping]] = ..., started: _Optional[_Union[MediaServer.Started, _Mapping]] = ..., audio: _Optional[_Union[MediaServer.Audio, _Mapping]] = ..., dtmf: _Optional[_Union[MediaServer.Dtmf, _Mapping]] = ..., mark_reached: _Optional[_Union[MediaServer.MarkReached, _Mapping]] = ..., cleared: _Optional[_Union[MediaServer.Cleared, _Mapping]] = ..., stopped: _Optional[_Union[MediaServer.Stopped, _Mapping]] = ..., warning: _Optional[_Union[Warning, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ..., stt: _Optional[_Union[SttServer, _Mapping]] = ..., tts: _Optional[_Union[TtsServer, _Mapping]] = ...) -> None: ...
