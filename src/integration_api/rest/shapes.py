"""What answers in OpenAI's and Cohere's shapes hold, for the API's description; tests hold real answers to it.

The dialects write answers field by field, since most fields are there only where there is something to say.
https://platform.openai.com/docs/api-reference
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from integration_api.core.llm import Notice
from integration_api.core.models import Capabilities
from integration_api.dialects.openai_surface_wire import ReasoningDetail, ToolCall


class UrlCitation(Struct):
    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(Struct):
    type: str
    index: int | UnsetType = UNSET
    url_citation: UrlCitation | UnsetType = UNSET
    citation: dict[str, Any] | UnsetType = UNSET
    """What OpenAI's own citation has no word for."""


class Message(Struct):
    """Sent back as it is, it is the same history again."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | UnsetType = UNSET
    reasoning_details: list[ReasoningDetail] | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    annotations: list[Annotation] | UnsetType = UNSET
    images: list[dict[str, Any]] | UnsetType = UNSET
    audio: dict[str, Any] | UnsetType | None = UNSET
    extra_content: dict[str, Any] | UnsetType = UNSET
    provider_extra: dict[str, Any] | UnsetType = UNSET


class Choice(Struct):
    index: int
    message: Message
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
    logprobs: dict[str, Any] | UnsetType | None = UNSET
    native_finish_reason: str | UnsetType = UNSET
    """The provider's own word; absent where OpenAI's answer passed through as it is."""
    finish_details: dict[str, Any] | UnsetType = UNSET


class Usage(Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int] | UnsetType = UNSET
    completion_tokens_details: dict[str, int] | UnsetType = UNSET
    server_tool_use: dict[str, int] | UnsetType = UNSET
    estimated: bool | UnsetType = UNSET


class ChatCompletion(Struct):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    moderation: dict[str, Any] | UnsetType = UNSET
    prompt_feedback: dict[str, Any] | UnsetType = UNSET
    safety_ratings: list[dict[str, Any]] | UnsetType = UNSET
    warnings: list[Notice] | UnsetType = UNSET
    provider: str | UnsetType = UNSET


class Embedding(Struct):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str
    """Numbers, or base64 of their bytes with `encoding_format: base64`."""
    document_index: int | UnsetType = UNSET
    chunk_index: int | UnsetType = UNSET


class EmbeddingUsage(Struct):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct):
    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    warnings: list[Notice] | UnsetType = UNSET
    provider: str | UnsetType = UNSET


class Ranked(Struct):
    index: int
    relevance_score: float
    document: dict[str, Any] | UnsetType = UNSET


class Ranking(Struct):
    id: str
    model: str
    results: list[Ranked]
    usage: dict[str, int]
    meta: dict[str, Any]
    warnings: list[Notice] | UnsetType = UNSET
    provider: str | UnsetType = UNSET


class Judgement(Struct):
    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]] | UnsetType = UNSET


class Moderation(Struct):
    id: str
    model: str
    results: list[Judgement]
    provider: str | UnsetType = UNSET


class Model(Struct):
    id: str
    """As a request names it: `provider/model`."""
    object: Literal["model"]
    created: int
    owned_by: str
    provider: str
    title: str | UnsetType = UNSET
    kinds: list[str] | UnsetType = UNSET
    context_window: int | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET
    lifecycle: str | UnsetType = UNSET
    routes: dict[str, Capabilities] | UnsetType = UNSET
    """Who serves it, by the name a request would give, and what each can do."""
    capabilities: Capabilities | UnsetType = UNSET
    native: dict[str, Any] | UnsetType = UNSET
    """What the provider says of it in words of its own."""


class ModelList(Struct):
    object: Literal["list"]
    data: list[Model]
    warnings: list[str] | UnsetType = UNSET
    """Providers that could not be asked."""


class Deleted(Struct):
    id: str
    object: str
    deleted: bool


class Alive(Struct):
    healthy: bool


class Health(Struct):
    """The platform's shape."""

    code: int
    success: bool
    data: Alive


class Readiness(Struct):
    code: int
    success: bool
    data: dict[str, bool]
    """What must answer, and whether it does: store, cache, audit, accepting."""


class TranscriptionForm(Struct):
    """The form's fields. Lists may be named with `[]`."""

    file: bytes
    model: str
    language: str | UnsetType = UNSET
    languages: list[str] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"] | UnsetType = (
        UNSET
    )
    temperature: float | UnsetType = UNSET
    timestamp_granularities: list[Literal["word", "segment"]] | UnsetType = UNSET
    keywords: list[str] | UnsetType = UNSET
    include: list[str] | UnsetType = UNSET
    chunking_strategy: str | UnsetType = UNSET
    known_speaker_names: list[str] | UnsetType = UNSET
    known_speaker_references: list[str] | UnsetType = UNSET
    stream: bool | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    """JSON: which provider and credential, and the provider's native options."""


class TranscribedWord(Struct):
    word: str
    start: float
    end: float


class TranscribedSegment(Struct):
    start: float
    end: float
    text: str
    id: int | str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    speaker: str | UnsetType = UNSET
    confidence: float | UnsetType = UNSET


class Transcription(Struct):
    """`json`, `verbose_json` and `diarized_json`; the other formats are text."""

    text: str
    usage: dict[str, Any] | UnsetType = UNSET
    languages: list[dict[str, str]] | UnsetType = UNSET
    task: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    words: list[TranscribedWord] | UnsetType = UNSET
    segments: list[TranscribedSegment] | UnsetType = UNSET


class ListedVoice(Struct):
    provider: str
    id: str
    name: str
    languages: list[str]
    gender: str | None
    description: str | None
    preview_url: str | None
    models: list[str]


class VoiceList(Struct):
    data: list[ListedVoice]
    object: Literal["list"] = "list"
    warnings: list[str] | UnsetType = UNSET
