"""What an OpenAI chat request may say, and the extensions clients have added to it.

https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

MAX_CHOICES = 128
"""OpenAI's own limit for `n`."""


class CacheControl(Struct):
    type: Literal["ephemeral"] = "ephemeral"
    ttl: Literal["5m", "30m", "1h", "24h"] | None = None


class Breakpoint(Struct):
    mode: Literal["explicit"] = "explicit"


class TextPart(Struct, tag="text"):
    text: str
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


class RefusalPart(Struct, tag="refusal"):
    refusal: str


class ThinkingText(Struct):
    text: str = ""


class ThinkingPart(Struct, tag="thinking"):
    """As Mistral's and Anthropic's clients put reasoning into content."""

    thinking: str | list[ThinkingText]
    signature: str | None = None


class ImageUrl(Struct):
    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(Struct, tag="image_url"):
    image_url: str | ImageUrl
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: Breakpoint | None = None
    at: int | None = None
    extra_content: dict[str, Any] | None = None


class InputAudio(Struct):
    data: str
    format: str | None = None


class AudioPart(Struct, tag="input_audio"):
    input_audio: str | InputAudio
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


class VideoUrl(Struct):
    url: str


class VideoPart(Struct, tag="video_url"):
    video_url: str | VideoUrl
    cache_control: CacheControl | None = None


class File(Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Struct, tag="file"):
    file: File
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


class DocumentPart(Struct, tag="document_url"):
    document_url: str
    document_name: str | None = None
    cache_control: CacheControl | None = None


InputPart: TypeAlias = TextPart | ImagePart | AudioPart | VideoPart | FilePart | DocumentPart
SpokenPart: TypeAlias = TextPart | RefusalPart | ThinkingPart | ImagePart


class FunctionCall(Struct):
    name: str
    arguments: str | dict[str, Any] | None = None


class CustomCall(Struct):
    name: str
    input: str = ""


class ToolCall(Struct):
    id: str = ""
    type: Literal["function", "custom"] | None = None
    function: FunctionCall | None = None
    custom: CustomCall | None = None
    extra_content: dict[str, Any] | None = None


class AudioRef(Struct):
    id: str


class UrlCitation(Struct):
    url: str
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(Struct):
    type: str
    url_citation: UrlCitation | None = None
    citation: dict[str, Any] | None = None
    """What OpenAI's own citation has no word for, as we said it."""


class ReasoningDetail(Struct):
    """One piece of reasoning; pieces of the same index are the same reasoning.

    https://openrouter.ai/docs/use-cases/reasoning-tokens
    """

    type: str | None = None
    index: int | None = None
    text: str | None = None
    summary: str | None = None
    signature: str | None = None
    data: str | None = None
    format: str | None = None
    id: str | None = None
    kind: Literal["full", "summary", "plan"] | None = None
    redacted: bool = False
    origin: dict[str, Any] | None = None


class TextPlace(Struct):
    at: int
    length: int
    extra_content: dict[str, Any] | None = None


class ProviderExtra(Struct):
    parts: list[dict[str, Any]] = []
    texts: list[TextPlace] = []


class SystemMessage(Struct, tag_field="role", tag="system"):
    content: str | list[TextPart]
    name: str | None = None
    cache_control: CacheControl | None = None


class DeveloperMessage(Struct, tag_field="role", tag="developer"):
    content: str | list[TextPart]
    name: str | None = None
    cache_control: CacheControl | None = None


class UserMessage(Struct, tag_field="role", tag="user"):
    content: str | list[InputPart]
    name: str | None = None
    cache_control: CacheControl | None = None


class AssistantMessage(Struct, tag_field="role", tag="assistant"):
    content: str | list[SpokenPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: AudioRef | None = None
    images: list[ImagePart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    annotations: list[Annotation] | None = None
    extra_content: dict[str, Any] | None = None
    provider_extra: ProviderExtra | None = None
    cache_control: CacheControl | None = None


class ToolMessage(Struct, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str | list[InputPart] | None = None
    name: str | None = None
    is_error: bool = False
    cache_control: CacheControl | None = None


class FunctionMessage(Struct, tag_field="role", tag="function"):
    name: str
    content: str | None = None


Message: TypeAlias = (
    SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
)


class Function(Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Custom(Struct):
    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class Tool(Struct):
    type: str = "function"
    function: Function | None = None
    custom: Custom | None = None
    cache_control: CacheControl | None = None


class Named(Struct):
    name: str


class NamedTool(Struct):
    type: str = "function"
    function: Named | None = None
    custom: Named | None = None


class AllowedTools(Struct):
    mode: Literal["auto", "required"] = "auto"
    tools: list[NamedTool] = []


class ToolChoice(Struct):
    type: Literal["function", "custom", "allowed_tools"] = "function"
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(Struct):
    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class CacheOptions(Struct):
    mode: Literal["implicit", "explicit"] | None = None
    ttl: str | None = None


Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Reasoning(Struct):
    """OpenRouter's way to ask for reasoning."""

    effort: Effort | None = None
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None
    summary: str | None = None


class Thinking(Struct):
    """Anthropic's way."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None


class ProviderChoice(Struct):
    """Our own extension: which provider and credential, and the provider's native options."""

    name: str | None = None
    credential: str | None = None
    options: dict[str, Any] = {}


class ChatBody(Struct):
    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    audio: dict[str, Any] | None = None
    cache_control: CacheControl | None = None
    frequency_penalty: float | None = None
    function_call: Literal["none", "auto"] | Named | None = None
    functions: list[Function] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    metadata: dict[str, str] | None = None
    min_p: float | None = None
    modalities: list[str] | None = None
    moderation: dict[str, Any] | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: dict[str, Any] | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    prompt_cache_retention: str | None = None
    provider: ProviderChoice | None = None
    random_seed: int | None = None
    reasoning: Reasoning | None = None
    reasoning_effort: Effort | None = None
    repetition_penalty: float | None = None
    response_format: ResponseFormat | None = None
    safe_prompt: bool | None = None
    safety_identifier: str | None = None
    safety_settings: list[dict[str, Any]] | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: str | list[str] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    thinking: Thinking | None = None
    tool_choice: Literal["none", "auto", "required", "any"] | ToolChoice | None = None
    tools: list[Tool] | None = None
    top_k: int | None = None
    top_logprobs: int | None = None
    top_p: float | None = None
    user: str | None = None
    verbosity: str | None = None
