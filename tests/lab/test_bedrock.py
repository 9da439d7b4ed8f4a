"""The Bedrock emulator, driven by Amazon's own SDK."""

import asyncio
import base64
import contextlib
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import boto3
import botocore.auth
import httpx2
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError, ParamValidationError

from lab import Answer, Fault, Lab, RawChunk, ScriptedCall
from lab.bedrock.signature import SECRET
from lab.event_stream import event, exception
from lab.tls import made_up

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-5-5"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
R1 = "us.deepseek.r1-v1:0"
PIXEL = base64.b64decode("iVBORw0KGgo=")
PAPER = b"%PDF-1.4\n%%EOF\n"
WEATHER = {
    "toolSpec": {
        "name": "get_weather",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            }
        },
    }
}
CLOCK = {"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
TOOLS = {"tools": [WEATHER, CLOCK]}

SESSION = boto3.Session()


def made(lab: Lab, service: str = "bedrock-runtime", **more: Any) -> Any:
    """A client of one of Bedrock's services. It does not try again."""
    given = {
        "region_name": "eu-central-1",
        "aws_access_key_id": "AKIALAB",
        "aws_secret_access_key": SECRET,
        "config": Config(retries={"max_attempts": 0}, parameter_validation=more.pop("checked", True)),
        **more,
    }
    return SESSION.client(service, endpoint_url=lab.url("bedrock", version=""), **given)


@pytest.fixture
def runtime(lab: Lab) -> Any:
    return made(lab)


async def asked(method: Callable[..., Any], **more: Any) -> Any:
    """What the SDK makes of the answer; a body, or a stream's events, read to their end."""

    def ask() -> Any:
        answer = method(**more)
        for name in ("stream", "body"):
            if name in answer:
                with contextlib.closing(answer[name]) as held:
                    answer[name] = held.read() if hasattr(held, "read") else list(held)
        return answer

    return await asyncio.to_thread(ask)


def user(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in content]}]


def turn(role: str, *content: Any) -> dict[str, Any]:
    return {**user(*content)[0], "role": role}


def refused(name: str, words: str = ""):
    return pytest.raises(ClientError, match=rf"(?s)\({name}\).*{words}")


def folded(events: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream put together: blocks in order, then what was told at its end."""
    blocks: dict[int, dict[str, Any]] = {}
    told: dict[str, Any] = {}
    for one in events:
        name, said = next(iter(one.items()))
        block = blocks.setdefault(said["contentBlockIndex"], {}) if "contentBlockIndex" in said else {}
        if name == "contentBlockStart":
            block["toolUse"] = {**said["start"]["toolUse"], "input": ""}
        elif name == "contentBlockDelta":
            _grow(block, said["delta"])
        elif name in ("messageStop", "metadata"):
            told |= said
    content = [blocks[index] for index in sorted(blocks)]
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return {**told, "content": content}


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "redactedContent" in delta.get("reasoningContent", {}):
        block["reasoningContent"] = delta["reasoningContent"]
    elif "reasoningContent" in delta:
        held = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
        held["text"] += delta["reasoningContent"].get("text", "")
        held |= {name: one for name, one in delta["reasoningContent"].items() if name == "signature"}


def content(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return answer["output"]["message"]["content"]


# --- conversations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [SONNET, OPUS, NOVA, NOVA_2, R1, "openai.gpt-oss-120b-1:0", "qwen.qwen3-32b-v1:0"]
)
async def test_a_stream_folds_to_the_whole_answer(runtime, model) -> None:
    ask = {
        "modelId": model,
        "messages": user("Count to three, будь ласка"),
        "system": [{"text": "Be brief."}],
    }
    whole = await asked(runtime.converse, **ask)
    said = folded((await asked(runtime.converse_stream, **ask))["stream"])
    assert "будь ласка" in content(whole)[-1]["text"]
    assert said["content"] == content(whole)
    assert (said["stopReason"], said["usage"]) == (whole["stopReason"], whole["usage"])
    assert whole["stopReason"] == "end_turn"
    assert whole["usage"]["totalTokens"] == whole["usage"]["inputTokens"] + whole["usage"]["outputTokens"]
    assert whole["ResponseMetadata"]["RequestId"]


async def test_a_text_begins_unannounced_and_its_cost_comes_last(runtime) -> None:
    events = (await asked(runtime.converse_stream, modelId=NOVA, messages=user("hi")))["stream"]
    names = [next(iter(one)) for one in events]
    assert names[0] == "messageStart"
    assert "contentBlockStart" not in names
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]


@pytest.mark.parametrize("model", [SONNET, NOVA])
async def test_tools_are_called_and_their_results_answered(runtime, model) -> None:
    ask = {"modelId": model, "toolConfig": TOOLS}
    question = user("Use a tool")
    whole = await asked(runtime.converse, messages=question, **ask)
    said = folded((await asked(runtime.converse_stream, messages=question, **ask))["stream"])
    uses = [block["toolUse"] for block in content(whole) if "toolUse" in block]
    assert whole["stopReason"] == said["stopReason"] == "tool_use"
    assert [use["name"] for use in uses] == ["get_weather", "now"]
    assert [use["input"] for use in uses] == [{"city": "Kyiv"}, {}]
    assert [(u["toolUse"]["name"], u["toolUse"]["input"]) for u in said["content"] if "toolUse" in u] == [
        (use["name"], use["input"]) for use in uses
    ]
    results = [
        {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"degrees": 12}}]}}
        for use in uses
    ]
    turns = [*question, turn("assistant", *content(whole)), turn("user", *results)]
    answer = await asked(runtime.converse, messages=turns, **ask)
    assert "degrees" in content(answer)[0]["text"]
    with refused(
        "ValidationException", f"Expected toolResult blocks at messages.2.content.*{uses[1]['toolUseId']}"
    ):
        await asked(runtime.converse, messages=[*turns[:2], turn("user", results[0])], **ask)
    with refused("ValidationException", "toolConfig field must be defined"):
        await asked(runtime.converse, messages=turns, modelId=model)
    with refused("ValidationException", "exceeds the number of toolUse blocks"):
        await asked(runtime.converse, messages=user("hi", results[0]), **ask)


@pytest.mark.parametrize(
    ("model", "choice", "calls"),
    [
        (SONNET, {"any": {}}, 2),
        (SONNET, {"tool": {"name": "now"}}, 1),
        (SONNET, {"auto": {}}, 0),
        (NOVA, {"any": {}}, 2),
        ("mistral.mistral-large-2407-v1:0", {"any": {}}, 2),
    ],
)
async def test_a_choice_of_tools_is_obeyed(runtime, model, choice, calls) -> None:
    answer = await asked(
        runtime.converse, modelId=model, messages=user("hello"), toolConfig={**TOOLS, "toolChoice": choice}
    )
    assert sum("toolUse" in block for block in content(answer)) == calls


async def test_mistral_has_short_ids_and_wants_them_back(runtime) -> None:
    ask = {"modelId": "mistral.mistral-large-2407-v1:0", "toolConfig": {**TOOLS, "toolChoice": {"any": {}}}}
    answer = await asked(runtime.converse, messages=user("hello"), **ask)
    use = content(answer)[0]["toolUse"]
    assert len(use["toolUseId"]) == 9
    long = {"toolUse": {**use, "toolUseId": "tooluse_1234567890"}}
    result = {"toolResult": {"toolUseId": "tooluse_1234567890", "content": [{"text": "12"}]}}
    with refused("ValidationException", "with a length of 9"):
        await asked(
            runtime.converse, messages=[*user("hi"), turn("assistant", long), turn("user", result)], **ask
        )


async def test_thinking_is_signed_and_taken_back_as_it_came(runtime) -> None:
    ask = {
        "modelId": SONNET,
        "inferenceConfig": {"maxTokens": 4000},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    }
    whole = await asked(runtime.converse, messages=user("Think"), **ask)
    said = folded((await asked(runtime.converse_stream, messages=user("Think"), **ask))["stream"])
    thought = content(whole)[0]["reasoningContent"]["reasoningText"]
    assert said["content"][0]["reasoningContent"]["reasoningText"] == thought
    assert thought["signature"]
    turns = [*user("Think"), turn("assistant", *content(whole)), *user("Again")]
    assert content(await asked(runtime.converse, messages=turns, **ask))
    thought["text"] += "!"
    with refused("ValidationException", "The model returned the following errors: .*Invalid `signature`"):
        await asked(runtime.converse, messages=turns, **ask)


async def test_hidden_thinking_can_be_scripted(runtime, lab: Lab) -> None:
    lab.script("bedrock", *[Answer(redacted="c2VjcmV0", text="So.")] * 2)
    whole = await asked(runtime.converse, modelId=SONNET, messages=user("hi"))
    said = folded((await asked(runtime.converse_stream, modelId=SONNET, messages=user("hi")))["stream"])
    assert content(whole) == [{"reasoningContent": {"redactedContent": b"secret"}}, {"text": "So."}]
    assert said["content"] == content(whole)


async def test_nova_reasons_when_told_to_and_others_as_they_like(runtime) -> None:
    silent = await asked(runtime.converse, modelId=NOVA_2, messages=user("hi"))
    loud = await asked(
        runtime.converse,
        modelId=NOVA_2,
        messages=user("hi"),
        additionalModelRequestFields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
    )
    plain = await asked(runtime.converse, modelId=R1, messages=user("hi"))
    assert len(content(silent)) == 1
    assert content(loud)[0]["reasoningContent"]["reasoningText"]["signature"]
    assert "signature" not in content(plain)[0]["reasoningContent"]["reasoningText"]


async def test_a_cache_is_written_and_read_and_is_no_part_of_the_input(runtime) -> None:
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    ask = {"modelId": SONNET, "system": [{"text": "long " * 500}, point]}
    first = await asked(runtime.converse, messages=user("hi"), **ask)
    usage = first["usage"]
    assert usage["cacheWriteInputTokens"] > usage["inputTokens"] > 0
    assert usage["cacheDetails"] == [{"ttl": "1h", "inputTokens": usage["cacheWriteInputTokens"]}]
    turns = [*user("hi"), turn("assistant", *content(first)), *user("again")]
    second = await asked(runtime.converse, messages=turns, **ask)
    assert second["usage"]["cacheReadInputTokens"] == usage["cacheWriteInputTokens"]


async def test_a_schema_is_answered_by_an_instance(runtime) -> None:
    schema = {**WEATHER["toolSpec"]["inputSchema"]["json"], "additionalProperties": False}
    form = {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": json.dumps(schema), "name": "city"}},
    }
    for model in (SONNET, "openai.gpt-oss-120b-1:0"):
        answer = await asked(
            runtime.converse, modelId=model, messages=user("JSON"), outputConfig={"textFormat": form}
        )
        assert json.loads(content(answer)[-1]["text"]) == {"city": "Kyiv"}


async def test_documents_are_cited_where_that_is_asked_for(runtime) -> None:
    paper = {
        "document": {
            "name": "Sea",
            "format": "txt",
            "source": {"text": "Dolphins"},
            "citations": {"enabled": True},
        }
    }
    ask = {"modelId": SONNET, "messages": user("Where?", paper)}
    whole = await asked(runtime.converse, **ask)
    cited = content(whole)[0]["citationsContent"]
    assert cited["citations"][0]["location"]["documentChar"]["documentIndex"] == 0
    events = (await asked(runtime.converse_stream, **ask))["stream"]
    deltas = [one["contentBlockDelta"]["delta"] for one in events if "contentBlockDelta" in one]
    assert deltas[-1]["citation"] == cited["citations"][0]


async def test_what_surrounds_a_conversation_comes_back(runtime) -> None:
    answer = await asked(
        runtime.converse,
        modelId=NOVA,
        messages=user("this is blocked"),
        guardrailConfig={"guardrailIdentifier": "abc123", "guardrailVersion": "DRAFT", "trace": "enabled"},
        performanceConfig={"latency": "optimized"},
        serviceTier={"type": "flex"},
        requestMetadata={"team": "blue"},
    )
    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["trace"]["guardrail"]["actionReason"] == "Guardrail blocked."
    assert answer["performanceConfig"] == {"latency": "optimized"}
    assert answer["serviceTier"] == {"type": "flex"}


async def test_stops_and_budgets(runtime) -> None:
    ask = {"modelId": SONNET, "messages": user("hello")}
    cut = await asked(runtime.converse, inferenceConfig={"maxTokens": 2}, **ask)
    stopped = await asked(
        runtime.converse,
        inferenceConfig={"stopSequences": ["lab"]},
        additionalModelResponseFieldPaths=["/stop_sequence"],
        **ask,
    )
    assert cut["stopReason"] == "max_tokens"
    assert stopped["stopReason"] == "stop_sequence"
    assert stopped["additionalModelResponseFields"] == {"stop_sequence": "lab"}


async def test_tokens_are_counted_before_they_are_paid_for(runtime) -> None:
    ask = {"converse": {"messages": user("hello")}}
    counted = await asked(runtime.count_tokens, modelId="anthropic.claude-3-haiku-20240307-v1:0", input=ask)
    assert counted["inputTokens"] > 0
    with refused("ValidationException", "doesn't support counting tokens"):
        await asked(runtime.count_tokens, modelId=NOVA, input=ask)


# --- what is refused ---------------------------------------------------------------------------

RESULT = {"toolResult": {"toolUseId": "a", "content": [{"text": "12"}]}}
USE = {"toolUse": {"toolUseId": "a", "name": "now", "input": {}}}
DOCUMENT = {"document": {"name": "A", "format": "pdf", "source": {"bytes": PAPER}}}
POINT = {"cachePoint": {"type": "default"}}


def document(name: str) -> dict[str, Any]:
    return {"document": {**DOCUMENT["document"], "name": name}}


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("identifier is invalid", {"modelId": "somebody.unknown-v1"}),
        ("on-demand throughput isn.t supported", {"modelId": SONNET.removeprefix("us.")}),
        ("must start with a user message", {"modelId": NOVA, "messages": [turn("assistant", "hi")]}),
        ("must alternate", {"messages": [*user("a"), *user("b")]}),
        ("is blank", {"messages": user(" ")}),
        ("field in the Message object at messages.0 is empty", {"messages": user()}),
        ("Add a text block", {"messages": user(DOCUMENT)}),
        ("duplicate document names", {"messages": user("x", document("a b"), document("A B"))}),
        ("can only contain alphanumeric", {"messages": user("x", document("a.pdf"))}),
        ("can only contain alphanumeric", {"messages": user("x", document("a  b"))}),
        ("more than 5 documents", {"messages": user("x", *map(document, "abcdef"))}),
        ("doesn't support the video content block",
         {"messages": user("x", {"video": {"format": "mp4", "source": {"bytes": b"x"}}})}),
        ("doesn't support the image content block",
         {"modelId": "amazon.nova-micro-v1:0", "messages": user({"image": {"format": "png", "source": {"bytes": PIXEL}}})}),
        ("Image does not match", {"messages": user({"image": {"format": "png", "source": {"bytes": b"GIF89a"}}})}),
        ("document.source.type: Field required",
         {"messages": user("x", {"document": {"name": "A", "format": "pdf", "source": {"s3Location": {"uri": "s3://bucket/a"}}}})}),
        ("doesn't support tool use", {"modelId": R1, "toolConfig": TOOLS}),
        ("doesn't support the toolConfig.toolChoice.any field",
         {"modelId": "us.meta.llama4-maverick-17b-instruct-v1:0", "toolConfig": {**TOOLS, "toolChoice": {"any": {}}}}),
        ("'any' is not supported by this model", {"modelId": OPUS, "toolConfig": {**TOOLS, "toolChoice": {"any": {}}}}),
        ("must be one of the following: object",
         {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "array"}}}}]}}),
        ("tools with the same name", {"toolConfig": {"tools": [CLOCK, CLOCK]}}),
        ("doesn't support system messages",
         {"modelId": "amazon.titan-text-express-v1", "system": [{"text": "x"}]}),
        ("Nothing but toolResult",
         {"modelId": "us.meta.llama4-maverick-17b-instruct-v1:0", "toolConfig": TOOLS,
          "messages": [*user("x"), turn("assistant", USE), turn("user", RESULT, "more")]}),
        ("`tool_use` ids were found without `tool_result`",
         {"toolConfig": TOOLS, "messages": [*user("x"), turn("assistant", USE), turn("user", RESULT, DOCUMENT, "more")]}),
        ("cannot be empty when status value is error",
         {"toolConfig": TOOLS, "messages": [*user("x"), turn("assistant", USE),
          turn("user", {"toolResult": {"toolUseId": "a", "content": [], "status": "error"}})]}),
        ("Provide a json object",
         {"toolConfig": TOOLS, "messages": [*user("x"), turn("assistant", USE),
          turn("user", {"toolResult": {"toolUseId": "a", "content": [{"json": [1]}]}})]}),
        ("doesn't support the reasoningContent field",
         {"modelId": NOVA, "messages": [*user("x"), turn("assistant", {"reasoningContent": {"reasoningText": {"text": "t"}}}), *user("y")]}),
        ("User messages cannot contain reasoning",
         {"messages": user({"reasoningContent": {"reasoningText": {"text": "t"}}})}),
        ("can't be first", {"messages": user(POINT, "x")}),
        ("can't directly follow a document", {"messages": user("x", DOCUMENT, POINT)}),
        ("at most 4 cachePoint", {"messages": user(*["x", POINT] * 5)}),
        ("doesn't support the ttl", {"modelId": NOVA, "messages": user("x", {"cachePoint": {"type": "default", "ttl": "1h"}})}),
        ("must not come after",
         {"messages": user("x", POINT, "y", {"cachePoint": {"type": "default", "ttl": "1h"}})}),
        ("exceeds the model limit of 10000", {"modelId": NOVA, "inferenceConfig": {"maxTokens": 10_001}}),
        ("deprecated for this model", {"modelId": OPUS, "inferenceConfig": {"temperature": 0.5}}),
        ("cannot both be specified", {"inferenceConfig": {"temperature": 0.5, "topP": 0.5}}),
        ("does not support the effort", {"additionalModelRequestFields": {"output_config": {"effort": "low"}}}),
        ("Extra inputs are not permitted", {"additionalModelRequestFields": {"seed": 1}}),
        ("must be unset when maxReasoningEffort is high",
         {"modelId": NOVA_2, "inferenceConfig": {"maxTokens": 5},
          "additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}}),
        ("doesn't support structured outputs",
         {"modelId": NOVA, "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}}),
        ("is not valid JSON",
         {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{"}}}}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_what_converse_refuses(runtime, words, more) -> None:
    for method in (runtime.converse, runtime.converse_stream):
        with refused("ValidationException", words):
            await asked(method, **{"modelId": SONNET, "messages": user("hi"), **more})


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("'inferenceConfig.maxTokens' .* greater than or equal to 1", {"inferenceConfig": {"maxTokens": 0}}),
        ("'inferenceConfig.temperature' .* less than or equal to 1", {"inferenceConfig": {"temperature": 1.5}}),
        ("'toolConfig.tools' .* length greater than or equal to 1", {"toolConfig": {"tools": []}}),
        ("'toolConfig.tools.1.member.toolSpec.name' .* regular expression",
         {"toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": {}}}}]}}),
        ("'toolConfig.tools.1.member.toolSpec.description' .* length",
         {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "description": "", "inputSchema": {"json": {}}}}]}}),
        ("'messages.1.member.role' .* enum value set", {"messages": [turn("tool", "hi")]}),
        ("'system.1.member.text' .* length", {"system": [{"text": ""}]}),
        ("'serviceTier.type' .* enum", {"serviceTier": {"type": "cheap"}}),
        ("2 validation errors detected", {"inferenceConfig": {"maxTokens": 0, "topP": 2}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_what_has_the_wrong_shape(lab, words, more) -> None:
    """The SDK sees some of it first; told not to look, it hears of it from the service."""
    ask = {"modelId": SONNET, "messages": user("hi"), **more}
    with refused("ValidationException", words):
        await asked(made(lab, checked=False).converse, **ask)


async def test_a_type_that_is_another_is_not_even_read(lab) -> None:
    ask = {"modelId": SONNET, "messages": user("hi"), "inferenceConfig": {"maxTokens": "many"}}
    with refused("SerializationException", "inferenceConfig.maxTokens"):
        await asked(made(lab, checked=False).converse, **ask)
    with pytest.raises(ParamValidationError):
        await asked(made(lab).converse, **ask)


async def test_prompts_are_cached_where_that_can_be(runtime) -> None:
    with refused("AccessDeniedException", "did not allow prompt caching"):
        await asked(runtime.converse, modelId=R1, messages=user("hi", POINT))
    with refused("AccessDeniedException", "did not allow prompt caching"):
        await asked(runtime.converse, modelId=NOVA, messages=user("hi"), toolConfig={"tools": [CLOCK, POINT]})


async def test_tools_are_not_streamed_everywhere(runtime) -> None:
    ask = {"modelId": "us.meta.llama3-1-70b-instruct-v1:0", "messages": user("hi"), "toolConfig": TOOLS}
    await asked(runtime.converse, **ask)
    with refused("ValidationException", "tool use in streaming mode"):
        await asked(runtime.converse_stream, **ask)


# --- the vendors' own languages ------------------------------------------------------------------


async def invoked(runtime: Any, model: str, body: dict[str, Any], **more: Any) -> tuple[Any, list[Any]]:
    """The whole answer, and the events of the streamed one."""
    ask = {"modelId": model, "body": json.dumps(body), **more}
    whole = await asked(runtime.invoke_model, **ask)
    stream = await asked(runtime.invoke_model_with_response_stream, **ask)
    return json.loads(whole["body"]), [json.loads(one["chunk"]["bytes"]) for one in stream["body"]]


CLAUDE = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}


async def test_claudes_own_language(runtime) -> None:
    whole, events = await invoked(runtime, SONNET, CLAUDE)
    assert whole["content"][0]["text"] == "".join(
        one["delta"]["text"] for one in events if one["type"] == "content_block_delta"
    )
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] == whole["usage"]["input_tokens"]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("anthropic_version: Field required", {"anthropic_version": None}),
        ("Invalid API version", {"anthropic_version": "2023-06-01"}),
        ("Invalid API version", {"anthropic_version": "2026-10-21"}),
        ("model: Extra inputs", {"model": "x"}),
        ("stream: Extra inputs", {"stream": True}),
        ("max_tokens: 100000000 >", {"max_tokens": 100_000_000}),
        ("at least one message", {"messages": []}),
    ],
)
async def test_what_claudes_own_language_refuses(runtime, words, more) -> None:
    body = {name: value for name, value in {**CLAUDE, **more}.items() if value is not None}
    with refused("ValidationException", words):
        await asked(runtime.invoke_model, modelId=SONNET, body=json.dumps(body))


async def test_the_newest_claude_speaks_the_newest_version(runtime) -> None:
    whole, _ = await invoked(runtime, OPUS, {**CLAUDE, "anthropic_version": "2026-10-21"})
    assert whole["content"]


async def test_novas_own_language(runtime) -> None:
    body = {
        "schemaVersion": "messages-v1",
        "messages": user("hi there"),
        "inferenceConfig": {"maxTokens": 50, "topK": 5},
    }
    whole, events = await invoked(runtime, NOVA, body)
    said = [one["contentBlockDelta"]["delta"]["text"] for one in events if "contentBlockDelta" in one]
    assert content(whole)[0]["text"] == "".join(said)
    assert "usage" in events[-1]["metadata"]
    assert "amazon-bedrock-invocationMetrics" in events[-1]
    with refused("ValidationException", r"extraneous key \[max_tokens\]"):
        await asked(runtime.invoke_model, modelId=NOVA, body=json.dumps({**body, "max_tokens": 5}))


@pytest.mark.parametrize(
    ("model", "body", "read"),
    [
        ("meta.llama3-8b-instruct-v1:0", {"prompt": "hi", "max_gen_len": 50}, lambda said: said["generation"]),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "hi", "top_k": 5}, lambda said: said["outputs"][0]["text"]),
        ("amazon.titan-text-express-v1", {"inputText": "hi", "textGenerationConfig": {"topP": 0.5}},
         lambda said: said["results"][0]["outputText"] if "results" in said else said["outputText"]),
        ("cohere.command-text-v14", {"prompt": "hi"},
         lambda said: said["generations"][0]["text"] if "generations" in said else said.get("text", "")),
        ("cohere.command-r-v1:0", {"message": "hi"}, lambda said: said.get("text", "")),
        ("ai21.jamba-1-5-mini-v1:0", {"messages": [{"role": "user", "content": "hi"}]},
         lambda said: said["choices"][0].get("message", said["choices"][0].get("delta"))["content"]),
    ],
)  # fmt: skip
async def test_the_older_languages(runtime, model, body, read) -> None:
    whole, events = await invoked(runtime, model, body)
    assert "hi" in read(whole)
    assert "".join(map(read, events)) == read(whole)
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0
    with refused("ValidationException", r"extraneous key \[nonsense\]"):
        await asked(runtime.invoke_model, modelId=model, body=json.dumps({**body, "nonsense": 1}))


async def test_counts_are_in_headers_and_settings_too(runtime) -> None:
    answer = await asked(
        runtime.invoke_model,
        modelId="mistral.mistral-7b-instruct-v0:2",
        body=json.dumps({"prompt": "hi"}),
        serviceTier="flex",
        requestMetadata='{"team":"blue"}',
    )
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["x-amzn-bedrock-input-token-count"]) > 0
    assert int(headers["x-amzn-bedrock-output-token-count"]) > 0
    with refused("ValidationException", "enum value set"):
        await asked(runtime.invoke_model, modelId=NOVA, body="{}", serviceTier="cheap")


# --- vectors and ranks -------------------------------------------------------------------------


async def embedded(runtime: Any, model: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await asked(runtime.invoke_model, modelId=model, body=json.dumps(body))
    return {**json.loads(answer["body"]), "headers": answer["ResponseMetadata"]["HTTPHeaders"]}


NOVA_EMBEDS = "amazon.nova-2-multimodal-embeddings-v1:0"


async def test_titan_embeds_one_text(runtime) -> None:
    said = await embedded(runtime, "amazon.titan-embed-text-v2:0", {"inputText": "a cat", "dimensions": 256})
    assert len(said["embedding"]) == 256
    assert sum(value * value for value in said["embedding"]) == pytest.approx(1, abs=1e-3)
    binary = await embedded(
        runtime, "amazon.titan-embed-text-v2:0", {"inputText": "a cat", "embeddingTypes": ["binary"]}
    )
    assert set(binary["embeddingsByType"]["binary"]) == {0, 1}
    first = await embedded(runtime, "amazon.titan-embed-text-v1", {"inputText": "a cat"})
    assert len(first["embedding"]) == 1536
    both = {"inputText": "a cat", "inputImage": base64.b64encode(PIXEL).decode()}
    shown = await embedded(
        runtime, "amazon.titan-embed-image-v1", {**both, "embeddingConfig": {"outputEmbeddingLength": 384}}
    )
    assert len(shown["embedding"]) == 384


async def test_cohere_embeds_many(runtime) -> None:
    body = {"texts": ["A cat", "a dog"], "input_type": "search_query"}
    third = await embedded(runtime, "cohere.embed-english-v3", body)
    assert [len(one) for one in third["embeddings"]] == [1024, 1024]
    assert int(third["headers"]["x-amzn-bedrock-input-token-count"]) > 0
    fourth = await embedded(
        runtime,
        "us.cohere.embed-v4:0",
        {**body, "output_dimension": 256, "embedding_types": ["float", "ubinary"]},
    )
    assert [len(fourth["embeddings"][kind][0]) for kind in ("float", "ubinary")] == [256, 32]


@pytest.mark.parametrize(
    "shown",
    [
        {"text": {"truncationMode": "END", "value": "a cat"}},
        {"image": {"format": "png", "source": {"bytes": "eA=="}}},
        {"audio": {"format": "wav", "source": {"bytes": "eA=="}}},
        {"video": {"format": "mp4", "source": {"bytes": "eA=="}, "embeddingMode": "AUDIO_VIDEO_COMBINED"}},
    ],
    ids=lambda shown: next(iter(shown)),
)
async def test_nova_embeds_whatever_it_is_shown(runtime, shown) -> None:
    params = {"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 384, **shown}
    said = await embedded(
        runtime, NOVA_EMBEDS, {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}
    )
    assert len(said["embeddings"][0]["embedding"]) == 384


@pytest.mark.parametrize(
    ("model", "words", "body"),
    [
        ("amazon.titan-embed-text-v2:0", "required key", {}),
        ("amazon.titan-embed-text-v2:0", "300 is not one of", {"inputText": "a", "dimensions": 300}),
        ("amazon.titan-embed-text-v2:0", "Too many input tokens", {"inputText": "word " * 10_000}),
        ("amazon.titan-embed-text-v1", "extraneous key", {"inputText": "a", "dimensions": 256}),
        ("cohere.embed-english-v3", "required key", {"texts": ["a"]}),
        ("cohere.embed-english-v3", "maximum item count: 96", {"texts": ["a"] * 97, "input_type": "search_query"}),
        ("cohere.embed-english-v3", "extraneous key", {"texts": ["a"], "input_type": "search_query", "output_dimension": 256}),
        (NOVA_EMBEDS, "exactly one of text",
         {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX"}}),
        (NOVA, "required key|extraneous key", {"inputText": "a"}),
    ],
)  # fmt: skip
async def test_what_is_not_embedded(runtime, model, words, body) -> None:
    with refused("ValidationException", words):
        await embedded(runtime, model, body)


def ranking(documents: list[str], **more: Any) -> dict[str, Any]:
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": "a cat sat"}}],
        "sources": [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
            for text in documents
        ],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {
                    "modelArn": "arn:aws:bedrock:eu-central-1::foundation-model/cohere.rerank-v3-5:0"
                },
                **more,
            },
        },
    }


async def test_a_ranking_comes_in_pages(lab) -> None:
    agents = made(lab, "bedrock-agent-runtime")
    documents = [f"bread {number}" for number in range(150)]
    documents[77] = "a cat sat"
    first = await asked(agents.rerank, **ranking(documents))
    assert first["results"][0]["index"] == 77
    rest = await asked(agents.rerank, **ranking(documents), nextToken=first["nextToken"])
    assert {one["index"] for one in first["results"] + rest["results"]} == set(range(150))
    few = await asked(agents.rerank, **ranking(documents, numberOfResults=2))
    assert len(few["results"]) == 2
    with refused("ValidationException", "greater than the number of sources"):
        await asked(agents.rerank, **ranking(documents[:1], numberOfResults=2))


@pytest.mark.parametrize(
    ("model", "more"), [("cohere.rerank-v3-5:0", {"api_version": 2}), ("amazon.rerank-v1:0", {})]
)
async def test_rerankers_have_languages_of_their_own(runtime, model, more) -> None:
    body = {"query": "a cat sat", "documents": ["bread", "a cat sat"], "top_n": 1, **more}
    said = await embedded(runtime, model, body)
    assert [one["index"] for one in said["results"]] == [1]


# --- lists -------------------------------------------------------------------------------------


async def test_models_and_profiles_are_listed(lab) -> None:
    control = made(lab, "bedrock")
    texts = await asked(control.list_foundation_models, byOutputModality="TEXT")
    vectors = await asked(control.list_foundation_models, byOutputModality="EMBEDDING")
    ids = {one["modelId"] for one in texts["modelSummaries"]}
    assert "anthropic.claude-opus-5-5" in ids
    assert not ids & {one["modelId"] for one in vectors["modelSummaries"]}
    one = await asked(control.get_foundation_model, modelIdentifier="amazon.nova-pro-v1:0")
    assert one["modelDetails"]["providerName"] == "Amazon"
    with refused("ResourceNotFoundException"):
        await asked(control.get_foundation_model, modelIdentifier="amazon.nova-x")
    pages = await asyncio.to_thread(
        lambda: list(
            control.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 4})
        )
    )
    profiles = [one for page in pages for one in page["inferenceProfileSummaries"]]
    assert len(pages) > 2
    assert {"SYSTEM_DEFINED", "APPLICATION"} == {one["type"] for one in profiles}
    [own] = [one for one in profiles if one["inferenceProfileId"] == "labclaude001"]
    answer = await asked(made(lab).converse, modelId=own["inferenceProfileArn"], messages=user("hi"))
    assert content(answer)


# --- who may ask -------------------------------------------------------------------------------


async def test_a_signature_of_ours_is_checked_over_what_was_sent(lab) -> None:
    for name, more in {
        "InvalidSignatureException": {"aws_secret_access_key": "another-secret"},
        "UnrecognizedClientException": {"aws_access_key_id": "AKIAINVALID"},
        "AccessDeniedException": {"aws_access_key_id": "AKIAFORBIDDEN"},
        "ExpiredTokenException": {"aws_access_key_id": "ASIALAB", "aws_session_token": "expired"},
    }.items():
        with refused(name):
            await asked(made(lab, **more).converse, modelId=NOVA, messages=user("hi"))
    with refused("AccessDeniedException", "INVALID_PAYMENT_INSTRUMENT"):
        await asked(made(lab, aws_access_key_id="AKIANOQUOTA").converse, modelId=NOVA, messages=user("hi"))


@pytest.mark.parametrize(
    ("key", "token", "good"),
    [("ASIALAB", "FwoGZXIvYXdz+/=", True), ("ASIALAB", None, False), ("AKIALAB", "FwoGZXIvYXdz", False)],
)
async def test_temporary_keys_have_a_session_token_and_others_have_none(lab, key, token, good) -> None:
    client = made(lab, aws_access_key_id=key, aws_session_token=token)
    ask = {"modelId": NOVA, "messages": user("hi")}
    if good:
        assert content(await asked(client.converse, **ask))
    else:
        with refused("UnrecognizedClientException"):
            await asked(client.converse, **ask)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_signature_has_its_time(lab, monkeypatch, hours) -> None:
    then = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: then.replace(tzinfo=None))
    with refused("InvalidSignatureException", "Signature (expired|not yet current)"):
        await asked(made(lab).converse, modelId=NOVA, messages=user("hi"))


@pytest.mark.parametrize("region", ["mars-west-1", "us-east-12"])
async def test_a_signature_has_its_place(lab, region) -> None:
    with refused("InvalidSignatureException", "valid region"):
        await asked(made(lab, region_name=region).converse, modelId=NOVA, messages=user("hi"))


@pytest.mark.parametrize(
    ("signed", "sent", "headers", "status"),
    [
        ("/model/us.amazon.nova-pro-v1%3A0/converse", None, {}, 200),
        ("/model/us.amazon.nova-pro-v1%3A0/converse", "/model/us.amazon.nova-pro-v1:0/converse", {}, 403),
        ("/model/us.amazon.nova-pro-v1:0/converse", "/model/us.amazon.nova-pro-v1%3A0/converse", {}, 403),
        ("/model/us.amazon.nova-pro-v1%3A0/converse", None, {"connection": "keep-alive"}, 403),
        ("/model/us.amazon.nova-pro-v1%3A0/converse", None, {"content-type": "application/json"}, 200),
    ],
)
async def test_a_signature_is_over_the_very_path_and_no_header_that_gets_lost(
    lab, monkeypatch, signed, sent, headers, status
) -> None:
    monkeypatch.setattr(botocore.auth, "SIGNED_HEADERS_BLACKLIST", [])  # It would know better.
    body = json.dumps({"messages": user("hi")}).encode()
    request = AWSRequest("POST", lab.url("bedrock", version="") + signed, headers, body)
    botocore.auth.SigV4Auth(Credentials("AKIALAB", SECRET), "bedrock", "us-east-1").add_auth(request)
    async with httpx2.AsyncClient(timeout=60) as client:
        url = lab.url("bedrock", version="") + (sent or signed)
        reply = await client.post(url, content=body, headers=dict(request.headers.items()))
    assert reply.status_code == status
    if status == 403:
        assert reply.headers["x-amzn-errortype"].startswith("InvalidSignatureException")
        assert "%253A" in reply.json()["message"] or sent


async def test_nobody_asks_unsigned(lab) -> None:
    client = made(lab, config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}))
    with refused("MissingAuthenticationTokenException"):
        await asked(client.converse, modelId=NOVA, messages=user("hi"))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ABSKbGFi", None),
        ("bedrock-api-key-bGFi", None),
        ("sk-lab", "pre-defined prefix"),
        ("ABSKinvalid", "API Key is valid"),
    ],
)
async def test_api_keys_are_bearers_where_they_are_known(tmp_path, monkeypatch, key, words) -> None:
    """The SDK shows an API key to nobody without TLS."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key)
    tls, authority = made_up()
    (tmp_path / "authority.pem").write_bytes(authority)
    async with Lab(tls=tls) as lab:
        client = boto3.Session().client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=lab.url("bedrock", version=""),
            verify=str(tmp_path / "authority.pem"),
            config=Config(retries={"max_attempts": 0}),
        )
        if words is None:
            assert content(await asked(client.converse, modelId=NOVA, messages=user("hi")))
            assert lab.requests[-1].headers["authorization"].startswith("Bearer")
        else:
            with refused("AccessDeniedException", words):
                await asked(client.converse, modelId=NOVA, messages=user("hi"))


async def test_the_agents_know_no_api_keys(lab) -> None:
    async with httpx2.AsyncClient(headers={"authorization": "Bearer ABSKbGFi"}, timeout=60) as client:
        reply = await client.post(lab.url("bedrock", version="/rerank"), json=ranking(["a"]))
    assert reply.status_code == 403
    assert reply.headers["x-amzn-errortype"].startswith("IncompleteSignatureException:http")


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
async def test_every_exception_is_one_the_sdk_knows(runtime, status, name) -> None:
    with refused(name) as raised:
        await asked(runtime.converse, modelId=f"{NOVA}-lab-status-{status}", messages=user("hi"))
    assert isinstance(raised.value, getattr(runtime.exceptions, name))
    assert raised.value.response["ResponseMetadata"]["RequestId"]


async def test_an_exception_after_200_is_a_frame(runtime, lab: Lab) -> None:
    lab.fault("bedrock", Fault(error_midstream=True))
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        await asked(runtime.converse_stream, modelId=NOVA, messages=user("hello to all of you"))
    throttled = exception("throttlingException", {"message": "slow down"})
    frames = [event("messageStart", {"role": "assistant"}), throttled]
    chunks = [RawChunk(data=base64.b64encode(frame).decode(), base64=True) for frame in frames]
    lab.script("bedrock", Answer(chunks=[*chunks]))
    with pytest.raises(EventStreamError, match="throttlingException"):
        await asked(runtime.converse_stream, modelId=NOVA, messages=user("hi"))


@pytest.mark.parametrize(("how", "noticed"), [("frame", ChecksumMismatch), ("utf8", UnicodeDecodeError)])
async def test_damage_is_noticed(runtime, how, noticed) -> None:
    with pytest.raises(noticed):
        await asked(
            runtime.converse_stream, modelId=f"{NOVA}-lab-malformed-{how}", messages=user("hello you")
        )


async def test_a_recording_is_replayed_frame_by_frame(runtime, lab: Lab, tmp_path) -> None:
    frames = [
        event("messageStart", {"role": "assistant"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
        event("messageStop", {"stopReason": "end_turn"}),
    ]
    recording = {
        "request": {
            "method": "POST",
            "url": "https://x.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse-stream",
        },
        "response": {
            "status": 200,
            "headers": {"Content-Type": "application/vnd.amazon.eventstream"},
            "body_base64": base64.b64encode(b"".join(frames)).decode(),
        },
    }
    (tmp_path / "one.json").write_text(json.dumps(recording))
    assert lab.replay("bedrock", tmp_path) == 1
    said = folded(
        (await asked(runtime.converse_stream, modelId="amazon.nova-pro-v1:0", messages=user("hi")))["stream"]
    )
    assert said == {"stopReason": "end_turn", "content": [{"text": "Hi"}]}


async def test_calls_and_finishes_can_be_scripted(runtime, lab: Lab) -> None:
    lab.script(
        "bedrock",
        Answer(
            tool_calls=[ScriptedCall(name="now", arguments="{}", id="tooluse_1")], usage={"inputTokens": 7}
        ),
        Answer(refusal="I will not."),
    )
    called = await asked(runtime.converse, modelId=NOVA, messages=user("hi"), toolConfig=TOOLS)
    assert content(called)[0]["toolUse"]["toolUseId"] == "tooluse_1"
    assert called["usage"]["inputTokens"] == 7
    filtered = await asked(runtime.converse, modelId=NOVA, messages=user("hi"))
    assert filtered["stopReason"] == "content_filtered"
