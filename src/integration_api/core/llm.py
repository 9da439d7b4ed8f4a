"""What callers ask of a language model, and what they get back, whole and streamed.

The model is a superset by parts, not by provider: content is an ordered list of
typed parts, and order is meaning. Values that only their maker understands are
`Opaque` and carry their `Origin`; a provider that is not the origin drops them
with a `Notice`. Token counts that were not reported are None, which is not 0.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from integration_api.core.models import UNKNOWN, Capabilities

# --- values only their maker understands -----------------------------------------------------


class Origin(Struct, frozen=True):
    """Who made an opaque value, and so who can take it back."""

    provider: str
    family: str = ""
    """Provider-independent family (`claude`, `gemini`, `gpt`): one model served by many."""
    model: str = ""
    credential_id: int = 0
    """Set where the value is bound to the account that got it."""


class Opaque(Struct, frozen=True):
    """A signature or sealed value: kept byte for byte, replayed only to its origin."""

    data: str
    format: str
    """Such as `anthropic-claude-v1`, `openai-responses-v1`, `google-gemini-v1`."""
    origin: Origin


class CacheHint(Struct, frozen=True):
    """A prompt-cache breakpoint after the part that carries it."""

    ttl: Literal["5m", "30m", "1h", "24h"] | None = None


# --- parts -----------------------------------------------------------------------------------


class Citation(Struct, frozen=True, kw_only=True):
    """Where a stretch of text comes from; offsets are code points within its part."""

    kind: Literal["url", "char", "page", "block", "search_result", "file", "tool", "document"]
    start: int | None = None
    end: int | None = None
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    source_id: str | None = None
    """The document, file or tool result it points to."""
    source_index: int | None = None
    native: Mapping[str, Any] | None = None
    """The provider's own object, for replay to the same provider."""


class TokenLogprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["TokenLogprob", ...] = ()


class Text(Struct, frozen=True, tag="text"):
    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheHint | None = None
    signature: Opaque | None = None
    """Gemini may sign text."""


class RefusalText(Struct, frozen=True, tag="refusal"):
    """The model's own words when it declines."""

    text: str
    category: str | None = None


class Reasoning(Struct, frozen=True, tag="reasoning"):
    text: str = ""
    """May be empty while `signature` or `encrypted` is not: it must still be replayed."""
    kind: Literal["full", "summary", "plan"] = "full"
    signature: Opaque | None = None
    encrypted: Opaque | None = None
    id: str | None = None
    redacted: bool = False
    """Hidden by the provider: `encrypted` is all there is."""


class Bytes(Struct, frozen=True, tag="bytes"):
    """Content in the request itself, as the base64 text it came in."""

    base64: str


class Url(Struct, frozen=True, tag="url"):
    url: str


class FileRef(Struct, frozen=True, tag="file"):
    """A file held by a provider; only that provider can read it."""

    id: str
    origin: Origin | None = None


class PlainText(Struct, frozen=True, tag="plain"):
    """A document given as its text."""

    text: str


MediaSource: TypeAlias = Bytes | Url | FileRef | PlainText


class Media(Struct, frozen=True, tag="media", kw_only=True):
    """An image, sound, film or document, going in or coming out."""

    kind: Literal["image", "audio", "video", "document", "file"]
    source: MediaSource
    mime: str | None = None
    filename: str | None = None
    title: str | None = None
    context: str | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None
    citations_enabled: bool = False
    transcript: str | None = None
    """What generated audio says."""
    id: str | None = None
    """The provider's name for generated media, by which it can be referred to in a later turn."""
    options: Mapping[str, Any] | None = None
    """Resolution, clip bounds, frame rate: by the provider's own names."""
    cache: CacheHint | None = None
    signature: Opaque | None = None


class ToolCall(Struct, frozen=True, tag="tool_call"):
    id: str
    name: str
    arguments: str
    """The JSON text as the model wrote it; it may be cut short or invalid. No arguments is `{}`."""
    kind: Literal["function", "custom"] = "function"
    signature: Opaque | None = None


class SearchResult(Struct, frozen=True, tag="search_result"):
    """A passage for retrieval-augmented answers, citable by its source."""

    source: str
    title: str
    content: tuple[str, ...]
    citations_enabled: bool = False
    cache: CacheHint | None = None


class JsonValue(Struct, frozen=True, tag="json"):
    """A tool result that is data; kept as JSON text."""

    text: str


ResultContent: TypeAlias = Text | Media | JsonValue | SearchResult


class ToolResult(Struct, frozen=True, tag="tool_result"):
    call_id: str
    content: tuple[ResultContent, ...] = ()
    name: str | None = None
    """The tool's name, where the caller gave it; otherwise the matching call has it."""
    is_error: bool = False
    cache: CacheHint | None = None


class ServerToolCall(Struct, frozen=True, tag="server_tool_call"):
    """A tool the provider ran itself: never for the caller to answer."""

    id: str
    name: str
    input: str = ""
    native: Mapping[str, Any] | None = None
    origin: Origin | None = None


class ServerToolResult(Struct, frozen=True, tag="server_tool_result"):
    call_id: str
    name: str = ""
    native: Mapping[str, Any] | None = None
    origin: Origin | None = None


class CachePoint(Struct, frozen=True, tag="cache_point"):
    """A standalone cache marker, for the languages that have one."""

    ttl: str | None = None


class Native(Struct, frozen=True, tag="native"):
    """A part only its origin understands (compaction, guard content, …), kept for replay."""

    name: str
    """The origin's own name for it."""
    data: Mapping[str, Any]
    origin: Origin


Part: TypeAlias = (
    Text
    | RefusalText
    | Reasoning
    | Media
    | ToolCall
    | ToolResult
    | SearchResult
    | ServerToolCall
    | ServerToolResult
    | CachePoint
    | Native
)


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message(Struct, frozen=True):
    """One turn. All results of one assistant turn share one message of role `tool`."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    id: str | None = None
    phase: Literal["commentary", "final_answer"] | None = None


# --- request ---------------------------------------------------------------------------------


class Tool(Struct, frozen=True, kw_only=True):
    name: str
    kind: Literal["function", "custom", "provider"] = "function"
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the arguments; None when the caller gave none."""
    strict: bool | None = None
    grammar: Mapping[str, Any] | None = None
    """What a custom tool's input must look like."""
    cache: CacheHint | None = None
    native: Mapping[str, Any] | None = None
    """A provider's own tool, as that provider spells it."""


class ToolChoice(Struct, frozen=True):
    mode: Literal["auto", "none", "required", "named", "allowed"] = "auto"
    names: tuple[str, ...] = ()
    allowed_mode: Literal["auto", "required"] = "auto"


class Output(Struct, frozen=True, kw_only=True):
    """The form the answer must take."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    modalities: tuple[str, ...] = ()
    audio: Mapping[str, Any] | None = None
    verbosity: str | None = None


class Sampling(Struct, frozen=True, kw_only=True):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ReasoningRequest(Struct, frozen=True, kw_only=True):
    mode: Literal["default", "off", "on", "auto"] = "default"
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    budget_tokens: int | None = None
    include: Literal["none", "summary", "full"] | None = None


class Cache(Struct, frozen=True, kw_only=True):
    """Prompt caching for the whole request; breakpoints live on parts."""

    key: str | None = None
    retention: str | None = None
    mode: Literal["auto", "explicit"] | None = None
    handle: str | None = None
    hint: CacheHint | None = None


class Safety(Struct, frozen=True, kw_only=True):
    settings: tuple[Mapping[str, Any], ...] = ()
    guardrail: Mapping[str, Any] | None = None
    moderation: Mapping[str, Any] | None = None
    safe_prompt: bool | None = None


class EndUser(Struct, frozen=True, kw_only=True):
    id: str | None = None
    safety_identifier: str | None = None


class LlmRequest(Struct, frozen=True, kw_only=True):
    """One ask of a model. The same request always renders to the same bytes."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    output: Output = Output()
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    reasoning: ReasoningRequest = ReasoningRequest()
    cache: Cache = Cache()
    safety: Safety = Safety()
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    end_user: EndUser = EndUser()
    metadata: Mapping[str, str] | None = None
    store: bool | None = None
    prediction: Mapping[str, Any] | None = None
    documents: tuple[Mapping[str, Any], ...] = ()
    extras: Mapping[str, Any] = {}
    """The provider's own options, merged into its body last."""
    unknown: Mapping[str, Any] = {}
    """Fields of the caller's body we do not know: copied to providers of the same language only."""
    headers: tuple[tuple[str, str], ...] = ()
    """Caller's headers that are allowed through, such as `anthropic-beta`."""
    strict: bool = False
    """Refuse what the target cannot do, where the default is to drop it with a warning."""
    known: Capabilities = UNKNOWN
    """What is known of the model beyond the rules of its family."""


# --- answer ----------------------------------------------------------------------------------


class Notice(Struct, frozen=True):
    """Something asked for was dropped or changed; `param` is the caller's name for it."""

    code: Literal["dropped", "clamped", "mapped", "degraded"]
    param: str
    message: str


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    PAUSE = "pause"
    """The provider's own tools want another turn: send the answer back to go on."""
    CANCELLED = "cancelled"
    ERROR = "error"
    OTHER = "other"


class Finish(Struct, frozen=True):
    reason: FinishReason
    native: str = ""
    """The provider's own word."""
    stop_sequence: str | None = None
    category: str | None = None
    explanation: str | None = None


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts; None is "not reported".

    Where reported, `input_total = input_uncached + cache_read + cache_write`, and
    `output_total` includes `reasoning`.
    """

    input_total: int | None = None
    input_uncached: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_by_ttl: Mapping[str, int] | None = None
    output_total: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    input_image: int | None = None
    output_image: int | None = None
    tool_input: int | None = None
    accepted_prediction: int | None = None
    rejected_prediction: int | None = None
    server_tools: Mapping[str, int] | None = None
    search_units: float | None = None
    audio_seconds: float | None = None
    characters: int | None = None
    """Of text that was spoken."""
    estimated: bool = False
    native: Mapping[str, Any] | None = None


class Candidate(Struct, frozen=True, kw_only=True):
    index: int = 0
    parts: tuple[Part, ...] = ()
    finish: Finish
    logprobs: tuple[TokenLogprob, ...] | None = None
    refusal_logprobs: tuple[TokenLogprob, ...] | None = None
    safety_ratings: tuple[Mapping[str, Any], ...] = ()


class LlmResponse(Struct, frozen=True, kw_only=True):
    id: str
    model: str
    created: int = 0
    """Unix seconds; 0 where the provider does not say."""
    candidates: tuple[Candidate, ...]
    usage: Usage = Usage()
    service_tier: str | None = None
    fingerprint: str | None = None
    moderation: Mapping[str, Any] | None = None
    prompt_feedback: Mapping[str, Any] | None = None
    warnings: tuple[Notice, ...] = ()


# --- stream ----------------------------------------------------------------------------------


class Started(Struct, frozen=True, tag="started"):
    """Exactly one, and first."""

    id: str
    model: str
    created: int = 0
    service_tier: str | None = None
    fingerprint: str | None = None


class PartStarted(Struct, frozen=True, tag="part_started"):
    """A part opens. `part` counts up from 0 within its candidate; several may be open at once."""

    candidate: int
    part: int
    shell: Part
    """The part without what its deltas will bring: a tool call has its id and name, and "" to say."""


class TextDelta(Struct, frozen=True, tag="text_delta", gc=False):
    candidate: int
    part: int
    text: str


class ReasoningDelta(Struct, frozen=True, tag="reasoning_delta", gc=False):
    candidate: int
    part: int
    text: str


class RefusalDelta(Struct, frozen=True, tag="refusal_delta", gc=False):
    candidate: int
    part: int
    text: str


class ArgumentsDelta(Struct, frozen=True, tag="arguments_delta", gc=False):
    candidate: int
    part: int
    fragment: str
    """JSON text; only the concatenation means something."""


class MediaDelta(Struct, frozen=True, tag="media_delta", gc=False):
    candidate: int
    part: int
    base64: str = ""
    transcript: str = ""
    id: str | None = None


class SignatureDelta(Struct, frozen=True, tag="signature_delta"):
    """Signs a part; may come with no text, any time before the part ends."""

    candidate: int
    part: int
    signature: Opaque


class CitationDelta(Struct, frozen=True, tag="citation_delta"):
    candidate: int
    part: int
    citation: Citation


class LogprobDelta(Struct, frozen=True, tag="logprob_delta"):
    candidate: int
    logprobs: tuple[TokenLogprob, ...]
    refusal: bool = False


class PartEnded(Struct, frozen=True, tag="part_ended"):
    """A part closes. `value` is the whole part where the provider gives it, and then it counts."""

    candidate: int
    part: int
    value: Part | None = None


class UsageUpdate(Struct, frozen=True, tag="usage"):
    """The usage so far: replaces the one before, never adds to it."""

    usage: Usage
    service_tier: str | None = None


class Finished(Struct, frozen=True, tag="finished"):
    """Exactly one for each candidate; only usage and annotations may follow."""

    candidate: int
    finish: Finish


class Annotated(Struct, frozen=True, tag="annotated"):
    """Something about the whole answer: moderation, prompt feedback, safety ratings."""

    candidate: int | None = None
    moderation: Mapping[str, Any] | None = None
    prompt_feedback: Mapping[str, Any] | None = None
    safety_ratings: tuple[Mapping[str, Any], ...] = ()


class Noticed(Struct, frozen=True, tag="noticed"):
    warning: Notice


class Ping(Struct, frozen=True, tag="ping"):
    """The provider is alive and has nothing to say."""


class Ended(Struct, frozen=True, tag="ended"):
    """Exactly one, and last. A stream without it was cut."""


LlmEvent: TypeAlias = (
    Started
    | PartStarted
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ArgumentsDelta
    | MediaDelta
    | SignatureDelta
    | CitationDelta
    | LogprobDelta
    | PartEnded
    | UsageUpdate
    | Finished
    | Annotated
    | Noticed
    | Ping
    | Ended
)
"""One `Started`, any number of others, one `Finished` per candidate, one `Ended`.

A failure in mid-stream is not an event: the reader raises `ProviderError`.
"""


def only_text(message: Message) -> str:
    """Return the text of `message`, its other parts left out."""
    return "".join(part.text for part in message.parts if isinstance(part, Text))
