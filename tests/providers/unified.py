"""Requests that together use every field of the unified model, for adapters to be tried on."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from integration_api.core.llm import (
    Bytes,
    Cache,
    CacheHint,
    CachePoint,
    Citation,
    EndUser,
    FileRef,
    JsonValue,
    LlmRequest,
    Media,
    Message,
    Native,
    Opaque,
    Origin,
    Output,
    Part,
    PlainText,
    Reasoning,
    ReasoningRequest,
    RefusalText,
    Role,
    Safety,
    Sampling,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SOUND = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
PAPER = "JVBERi0xLjQKJSVFT0YK"
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = Tool(name="get_weather", description="The weather in a city", schema=SCHEMA, strict=True)
CLOCK = Tool(name="now", schema=None)
STRANGER = Origin("somebody-else", "other", "other-model", credential_id=7)
SEALED = Opaque("c2ln", "other-v1", STRANGER)
SQL = Tool(
    name="sql",
    kind="custom",
    description="Run a query",
    grammar={"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "SELECT 1"'}},
)
SEARCH = Tool(name="web_search", kind="provider", native={"type": "web_search"})


def user(*parts: Part | str) -> Message:
    return Message(Role.USER, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    return Message(Role.ASSISTANT, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def system(text: str) -> Message:
    return Message(Role.SYSTEM, (Text(text),))


def requests(model: str) -> Iterator[tuple[str, LlmRequest]]:
    """Yield a name and a request for each thing that can be asked; each is complete in itself."""
    plain = LlmRequest(model=model, messages=(user("Hello"),))

    def asking(**more: Any) -> LlmRequest:
        return msgspec.structs.replace(plain, **more)

    def saying(*messages: Message, **more: Any) -> LlmRequest:
        return msgspec.structs.replace(plain, messages=messages, **more)

    yield "plain", plain
    yield "max_output_tokens", asking(max_output_tokens=256)
    for name, value in (
        ("temperature", 0.5), ("temperature", 0.0), ("top_p", 0.9), ("top_k", 20), ("min_p", 0.1), ("seed", 7),
        ("stop", ("END", "STOP")), ("presence_penalty", 0.5), ("frequency_penalty", -0.5),
        ("repetition_penalty", 1.1), ("logit_bias", {"50256": -100.0}), ("n", 2), ("logprobs", True),
    ):  # fmt: skip
        yield f"sampling.{name}={value}", asking(sampling=Sampling(**{name: value}))
    yield "sampling.top_logprobs", asking(sampling=Sampling(logprobs=True, top_logprobs=3))
    yield "sampling.both", asking(sampling=Sampling(temperature=0.5, top_p=0.9))
    for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max"):
        yield f"reasoning.effort={effort}", asking(reasoning=ReasoningRequest(mode="on", effort=effort))
    yield "reasoning.off", asking(reasoning=ReasoningRequest(mode="off"))
    yield "reasoning.on", asking(reasoning=ReasoningRequest(mode="on"))
    yield "reasoning.auto", asking(reasoning=ReasoningRequest(mode="auto"))
    yield (
        "reasoning.budget",
        asking(
            reasoning=ReasoningRequest(mode="on", budget_tokens=2048, include="summary"),
            max_output_tokens=4096,
        ),
    )
    yield "output.json_object", saying(user("Answer in JSON"), output=Output(kind="json_object"))
    yield (
        "output.json_schema",
        asking(
            output=Output(kind="json_schema", name="trip", description="A trip", schema=SCHEMA, strict=True)
        ),
    )
    yield "output.json_schema.bare", asking(output=Output(kind="json_schema", schema=SCHEMA))
    yield "output.verbosity", asking(output=Output(verbosity="low"))
    tools = (WEATHER, CLOCK)
    yield "tools", asking(tools=tools)
    for mode in ("auto", "none", "required"):
        yield f"tool_choice.{mode}", asking(tools=tools, tool_choice=ToolChoice(mode))
    yield "tool_choice.named", asking(tools=tools, tool_choice=ToolChoice("named", ("now",)))
    yield (
        "tool_choice.allowed",
        asking(tools=tools, tool_choice=ToolChoice("allowed", ("now",), allowed_mode="required")),
    )
    yield "parallel_tools.off", asking(tools=tools, parallel_tools=False)
    yield "parallel_tools.on", asking(tools=tools, parallel_tools=True)
    yield "max_tool_calls", asking(tools=tools, max_tool_calls=3)
    yield "tools.named_oddly", asking(tools=(Tool(name="über.tool/" + "x" * 80, schema={"type": "object"}),))
    yield "tools.cached", asking(tools=(msgspec.structs.replace(WEATHER, cache=CacheHint("1h")),))
    yield "cache", asking(cache=Cache(key="k", retention="24h", hint=CacheHint("5m")))
    yield "safety", asking(safety=Safety(safe_prompt=True))
    yield "service_tier", asking(service_tier="auto")
    yield "end_user", asking(end_user=EndUser(id="u1", safety_identifier="s1"))
    yield "metadata", asking(metadata={"team": "blue"})
    yield "store", asking(store=False)
    yield "prediction", asking(prediction={"type": "content", "content": "Hello"})
    yield (
        "documents",
        asking(documents=({"id": "d1", "data": {"title": "T", "snippet": "Dolphins live in the sea."}},)),
    )
    yield "system", saying(system("Be brief."), user("Hello"))
    yield "systems", saying(system("Be brief."), user("Hello"), system("In French."), user("Go on"))
    yield "developer", saying(Message(Role.DEVELOPER, (Text("Be brief."),)), user("Hello"))
    yield "named", saying(Message(Role.USER, (Text("Hello"),), name="anna"))
    yield "two_users", saying(user("Hello"), user("Are you there?"))
    yield "prefill", saying(user("Count"), assistant("One, "))
    yield "cached_part", saying(user(Text("A long text", cache=CacheHint("1h")), "Hello"))
    yield "cache_point", saying(user("A long text", CachePoint(), "Hello"))
    for name, media in (
        ("image", Media(kind="image", source=Bytes(PIXEL), mime="image/png", detail="low")),
        ("image.url", Media(kind="image", source=Url("https://example.com/cat.png"))),
        ("audio", Media(kind="audio", source=Bytes(SOUND), mime="audio/wav")),
        ("video", Media(kind="video", source=Url("https://example.com/a.mp4"), mime="video/mp4")),
        ("document", Media(kind="document", source=Bytes(PAPER), mime="application/pdf", filename="a.pdf")),
        ("document.url", Media(kind="document", source=Url("https://example.com/a.pdf"), mime="application/pdf")),
        ("document.text", Media(kind="document", source=PlainText("Dolphins live in the sea."), title="Sea",
                                citations_enabled=True)),
        ("file", Media(kind="file", source=FileRef("file-123"))),
    ):  # fmt: skip
        yield f"media.{name}", saying(user("What is this?", media))
    yield (
        "search_result",
        saying(
            user(SearchResult("https://example.com", "Sea", ("Dolphins",), citations_enabled=True), "Where?")
        ),
    )
    call = ToolCall("call_1", "get_weather", '{"city": "Kyiv", "days": 2}')
    other = ToolCall("call_2", "now", "{}")
    yield (
        "tool_results",
        saying(
            user("What is the weather, and what time is it?"),
            assistant("Let me see.", call, other),
            Message(
                Role.TOOL,
                (
                    ToolResult("call_1", (Text("12 degrees"),)),
                    ToolResult("call_2", (JsonValue('{"time": "12:00"}'),)),
                ),
            ),
            tools=tools,
        ),
    )
    yield (
        "tool_results.rich",
        saying(
            user("Show me"),
            assistant(call),
            Message(
                Role.TOOL,
                (
                    ToolResult(
                        "call_1",
                        (Text("See:"), Media(kind="image", source=Bytes(PIXEL), mime="image/png")),
                        name="get_weather",
                        is_error=True,
                    ),
                ),
            ),
            user("And now?"),
            tools=tools,
        ),
    )
    yield (
        "tool_results.empty",
        saying(user("Go"), assistant(other), Message(Role.TOOL, (ToolResult("call_2"),)), tools=tools),
    )
    yield (
        "tool_history_without_tools",
        saying(
            user("Go"),
            assistant(other),
            Message(Role.TOOL, (ToolResult("call_2", (Text("noon"),)),)),
            user("And?"),
        ),
    )
    yield (
        "foreign_history",
        saying(
            user("Think"),
            assistant(
                Reasoning("Let me think", kind="summary", id="rs_1", signature=SEALED),
                Reasoning(encrypted=Opaque("ZW5j", "other-v1", STRANGER), redacted=True),
                ServerToolCall(
                    "srv_1", "web_search", '{"query": "x"}', native={"type": "search"}, origin=STRANGER
                ),
                ServerToolResult("srv_1", "web_search", native={"type": "found"}, origin=STRANGER),
                Text(
                    "It is so.",
                    citations=(
                        Citation(
                            kind="url",
                            url="https://example.com",
                            start=0,
                            end=2,
                            title="Example",
                            cited_text="So it is.",
                            source_id="doc_1",
                            source_index=0,
                            native={"type": "somebody_elses"},
                        ),
                    ),
                    signature=SEALED,
                ),
                Native("compaction", {"type": "compaction"}, STRANGER),
            ),
            user("Why?"),
        ),
    )
    yield (
        "foreign_calls",
        saying(
            user("Go"),
            assistant(msgspec.structs.replace(other, signature=SEALED)),
            Message(Role.TOOL, (ToolResult("call_2", (Text("noon"),), cache=CacheHint("5m")),)),
            tools=tools,
        ),
    )
    yield (
        "drawn_history",
        saying(
            user("Draw a cat"),
            assistant(
                "Here:",
                Media(kind="image", source=Bytes(PIXEL), mime="image/png", id="img_1", signature=SEALED),
            ),
            user("And a dog"),
        ),
    )
    yield (
        "spoken_history",
        saying(
            user("Say hello"),
            assistant(
                Media(kind="audio", source=Bytes(SOUND), mime="audio/wav", id="audio_1", transcript="Hello!")
            ),
            user("Again"),
        ),
    )
    yield (
        "refusal_history",
        saying(user("Do it"), assistant(RefusalText("I will not.", category="cyber")), user("Why?")),
    )
    yield (
        "phases",
        saying(
            user("Go"),
            Message(Role.ASSISTANT, (Text("Let me see."),), id="msg_1", phase="commentary"),
            user("And?"),
        ),
    )
    yield "tools.custom", asking(tools=(WEATHER, SQL), tool_choice=ToolChoice("named", ("sql",)))
    yield "tools.provider", asking(tools=(SEARCH, WEATHER))
    yield (
        "custom_calls",
        saying(
            user("Go"),
            assistant(ToolCall("call_3", "sql", "SELECT 1", kind="custom")),
            Message(Role.TOOL, (ToolResult("call_3", (Text("1"),)),)),
            tools=(SQL,),
        ),
    )
    yield (
        "output.spoken",
        asking(output=Output(modalities=("text", "audio"), audio={"voice": "alloy", "format": "wav"})),
    )
    yield "cache.auto", asking(cache=Cache(mode="auto", retention="1h"))
    yield "cache.handle", asking(cache=Cache(handle="cachedContents/c1"))
    yield (
        "cached_parts",
        saying(
            user(
                Media(
                    kind="document", source=PlainText("Dolphins live in the sea."), title="Sea",
                    context="From a school book", cache=CacheHint("5m"),
                ),
                SearchResult("https://example.com", "Sea", ("Dolphins",), cache=CacheHint("1h")),
                CachePoint("1h"),
                "Where?",
            )
        ),
    )  # fmt: skip
    yield (
        "media.options",
        saying(
            user(
                "What is this?",
                Media(
                    kind="image",
                    source=Bytes(PIXEL),
                    mime="image/png",
                    options={"mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
                ),
            )
        ),
    )
    yield "media.file.foreign", saying(user("Read", Media(kind="file", source=FileRef("file-1", STRANGER))))
    yield (
        "safety.settings",
        asking(
            safety=Safety(
                settings=({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},),
                guardrail={"id": "abcdefgh1234", "version": "1", "trace": "enabled"},
                moderation={"model": "omni-moderation-latest"},
            )
        ),
    )
    yield "speed", asking(speed="fast")
    yield "inference_geo", asking(inference_geo="eu")
    yield "unknown", asking(unknown={"web_search_options": {"search_context_size": "low"}})
    yield "headers", asking(headers=(("anthropic-beta", "context-1m-2025-08-07"),))
    yield (
        "strict",
        asking(strict=True, sampling=Sampling(temperature=0.5, seed=7), parallel_tools=False, tools=tools),
    )
    yield (
        "plain_reasoning_history",
        saying(user("Think"), assistant(Reasoning("I thought."), "So."), user("Why?")),
    )
