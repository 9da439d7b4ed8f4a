"""A chat request in OpenAI's language, read in two looks: a glance for routing, and whole.

https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    Cache,
    EndUser,
    LlmRequest,
    Output,
    ReasoningRequest,
    Safety,
    Sampling,
    Tool,
    ToolChoice,
)
from integration_api.core.relay import RawBody
from integration_api.dialects import openai_surface_wire as wire
from integration_api.dialects.openai_surface_history import hint, read_messages
from integration_api.dialects.openai_surface_json import decode, decode_object
from integration_api.dialects.openai_surface_wire import ProviderChoice

KNOWN = frozenset(wire.ChatBody.__struct_fields__)

_BODY = msgspec.json.Decoder(wire.ChatBody)
_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool | None)
_STREAM_OPTIONS = msgspec.json.Decoder(wire.StreamOptions | None)
_PROVIDER = msgspec.json.Decoder(wire.ProviderChoice | None)
_TOOLS = msgspec.json.Decoder(list[dict[str, Any]])


class Peek(Struct):
    """What routing needs of a body, the rest still as it was sent."""

    model: str
    stream: bool
    include_usage: bool
    provider: ProviderChoice | None
    raw: RawBody


class ChatAsk(Struct):
    """A chat request: what to ask the model, and how the caller wants the answer."""

    model: str
    """As the caller named it."""
    stream: bool
    include_usage: bool
    provider: ProviderChoice | None
    request: LlmRequest

    def with_(self, *, headers: tuple[tuple[str, str], ...] = (), strict: bool = False) -> LlmRequest:
        """Return the request with what the caller said outside the body."""
        if not headers and not strict:
            return self.request
        return msgspec.structs.replace(self.request, headers=headers, strict=strict)


def peek(body: bytes | bytearray) -> Peek:
    """Read only what routing needs. Raises `Failure(INVALID_REQUEST)`."""
    raw = decode_object(body)
    if "model" not in raw:
        raise _missing("model")
    stream, options, provider = raw.get("stream"), raw.get("stream_options"), raw.get("provider")
    streamed = stream is not None and decode(stream, _FLAG, "stream") is True
    include = None
    if streamed and options is not None:
        include = decode(options, _STREAM_OPTIONS, "stream_options")
    return Peek(
        decode(raw["model"], _TEXT, "model"),
        streamed,
        include is not None and include.include_usage is True,
        None if provider is None else decode(provider, _PROVIDER, "provider"),
        raw,
    )


def read_chat(body: bytes | bytearray, *, model: str | None = None, raw: RawBody | None = None) -> ChatAsk:
    """Read the whole request; `model` is the provider's own id for it once routing has found it.

    `raw` is what `peek` made of the same body, if it was asked before.
    Raises `Failure(INVALID_REQUEST)` that names the field and says what is expected there.
    """
    if raw is None:
        raw = decode_object(body)
    ask = decode(body, _BODY)
    streamed = ask.stream is True
    options = ask.stream_options
    return ChatAsk(
        ask.model,
        streamed,
        streamed and options is not None and options.include_usage is True,
        ask.provider,
        LlmRequest(
            model=ask.model if model is None else model,
            messages=read_messages(ask.messages),
            tools=_tools(ask, raw),
            tool_choice=_tool_choice(ask),
            parallel_tools=ask.parallel_tool_calls,
            output=_output(ask),
            sampling=_sampling(ask),
            max_output_tokens=(
                ask.max_tokens if ask.max_completion_tokens is None else ask.max_completion_tokens
            ),
            reasoning=_reasoning(ask),
            cache=_cache(ask),
            safety=_safety(ask),
            service_tier=ask.service_tier,
            end_user=(
                EndUser(id=ask.user, safety_identifier=ask.safety_identifier)
                if ask.user or ask.safety_identifier
                else _ANYONE
            ),
            metadata=ask.metadata,
            store=ask.store,
            prediction=ask.prediction,
            extras={} if ask.provider is None else ask.provider.options,
            unknown={key: decode(raw[key], _ANY, key) for key in raw.keys() - KNOWN},
        ),
    )


_ANY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder()
_ANYONE = EndUser()
_DEFAULT_OUTPUT, _DEFAULT_REASONING, _DEFAULT_CACHE, _DEFAULT_SAFETY = (
    Output(),
    ReasoningRequest(),
    Cache(),
    Safety(),
)


def _missing(param: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST, f"{param} is required", code="missing_required_parameter", param=param
    )


def _sampling(ask: wire.ChatBody) -> Sampling:
    stop = ask.stop
    return Sampling(
        temperature=ask.temperature,
        top_p=ask.top_p,
        top_k=ask.top_k,
        min_p=ask.min_p,
        seed=ask.random_seed if ask.seed is None else ask.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        presence_penalty=ask.presence_penalty,
        frequency_penalty=ask.frequency_penalty,
        repetition_penalty=ask.repetition_penalty,
        logit_bias=ask.logit_bias,
        n=ask.n,
        logprobs=ask.logprobs,
        top_logprobs=ask.top_logprobs,
    )


def _output(ask: wire.ChatBody) -> Output:
    format = ask.response_format
    if format is None and ask.modalities is None and ask.audio is None and ask.verbosity is None:
        return _DEFAULT_OUTPUT
    schema = None if format is None else format.json_schema
    if format is not None and format.type == "json_schema" and schema is None:
        raise _missing("response_format.json_schema")
    return Output(
        kind="text" if format is None else format.type,
        name=None if schema is None else schema.name,
        description=None if schema is None else schema.description,
        schema=None if schema is None else schema.schema,
        strict=None if schema is None else schema.strict,
        modalities=tuple(ask.modalities or ()),
        audio=ask.audio,
        verbosity=ask.verbosity,
    )


def _tools(ask: wire.ChatBody, raw: RawBody) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for number, tool in enumerate(ask.tools or ()):
        if tool.type == "function":
            function = tool.function
            if function is None:
                raise _missing(f"tools[{number}].function")
            tools.append(_function(function, tool.cache_control))
        elif tool.type == "custom":
            custom = tool.custom
            if custom is None:
                raise _missing(f"tools[{number}].custom")
            tools.append(
                Tool(
                    name=custom.name,
                    kind="custom",
                    description=custom.description,
                    grammar=custom.format,
                    cache=hint(tool.cache_control),
                )
            )
        else:
            native = decode(raw["tools"], _TOOLS, "tools")[number]
            name = native.get("name")
            tools.append(
                Tool(name=name if isinstance(name, str) else tool.type, kind="provider", native=native)
            )
    tools += [_function(function, None) for function in ask.functions or ()]
    return tuple(tools)


def _function(function: wire.Function, cache: wire.CacheControl | None) -> Tool:
    return Tool(
        name=function.name,
        description=function.description,
        schema=function.parameters,
        strict=function.strict,
        cache=hint(cache),
    )


def _tool_choice(ask: wire.ChatBody) -> ToolChoice | None:
    choice = ask.tool_choice
    if choice is None:
        legacy = ask.function_call
        if legacy is None:
            return None
        return ToolChoice("named", (legacy.name,)) if isinstance(legacy, wire.Named) else ToolChoice(legacy)
    if isinstance(choice, str):
        return ToolChoice("required" if choice == "any" else choice)
    if choice.type == "allowed_tools":
        allowed = choice.allowed_tools
        if allowed is None:
            raise _missing("tool_choice.allowed_tools")
        named = [tool.function or tool.custom for tool in allowed.tools]
        return ToolChoice("allowed", tuple(tool.name for tool in named if tool is not None), allowed.mode)
    only = choice.function if choice.type == "function" else choice.custom
    if only is None:
        raise _missing(f"tool_choice.{choice.type}")
    return ToolChoice("named", (only.name,))


def _reasoning(ask: wire.ChatBody) -> ReasoningRequest:
    """Read three ways of asking for the same thing; the most particular one wins."""
    wanted, thinking = ask.reasoning, ask.thinking
    if wanted is None and thinking is None:
        effort = ask.reasoning_effort
        return _DEFAULT_REASONING if effort is None else ReasoningRequest(effort=effort)
    mode: Any = "default"
    budget = None
    include: Any = None
    effort = ask.reasoning_effort
    if wanted is not None:
        effort = wanted.effort or effort
        budget = wanted.max_tokens
        if wanted.enabled is not None:
            mode = "on" if wanted.enabled else "off"
        if wanted.exclude:
            include = "none"
        elif wanted.summary:
            include = "summary"
    if thinking is not None:
        mode = {"enabled": "on", "disabled": "off", "adaptive": "auto"}[thinking.type]
        budget = budget if thinking.budget_tokens is None else thinking.budget_tokens
    return ReasoningRequest(mode=mode, effort=effort, budget_tokens=budget, include=include)


def _cache(ask: wire.ChatBody) -> Cache:
    options = ask.prompt_cache_options
    if (
        options is None
        and ask.prompt_cache_key is None
        and ask.prompt_cache_retention is None
        and ask.cache_control is None
    ):
        return _DEFAULT_CACHE
    mode = None if options is None else options.mode
    return Cache(
        key=ask.prompt_cache_key,
        retention=(options.ttl if options is not None else None) or ask.prompt_cache_retention,
        mode="auto" if mode == "implicit" else mode,
        hint=hint(ask.cache_control),
    )


def _safety(ask: wire.ChatBody) -> Safety:
    if ask.safety_settings is None and ask.moderation is None and ask.safe_prompt is None:
        return _DEFAULT_SAFETY
    return Safety(
        settings=tuple(ask.safety_settings or ()), moderation=ask.moderation, safe_prompt=ask.safe_prompt
    )
