"""Bedrock's recorded answers, through our door, say to the openai SDK what the bytes say to Amazon's own.

Claude's own language is read by Anthropic's SDK for Bedrock. For the older languages there is none: what
they say is in one field, and that is read here as AWS's pages tell.
"""

import json
import os
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Usage
from botocore.eventstream import EventStreamBuffer

from integration_api.core.errors import Phase, ProviderError
from integration_api.core.llm import FinishReason
from integration_api.dialects.aws_event_stream import AwsEventStream
from tests.laws.speakers.bedrock import chunks, messages
from tests.providers.aws import parsed, parsed_stream
from tests.providers.bedrock import folded as folded_by_us
from tests.providers.surfaced import Choice, Said, chats, through_our_door
from tests.providers.test_anthropic_sdk import said as said_by_claude

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
CASES = chats("bedrock")
ODD = {"bedrock/converse-tools/007", "bedrock/converse-tools/020", "bedrock/converse-tools-stream/011"}
"""A block with a second key, and a start with nothing in it: Amazon's SDK refuses them, some hosts send them."""


def spoken(language: str) -> list[Any]:
    return [one for one in CASES if one.values[0].capability.startswith(language)]


@pytest.mark.parametrize("case", spoken("converse"))
def test_converse_loses_nothing(case) -> None:
    if case.id in ODD:
        answer = folded(list(messages(case.body))) if case.streamed else json.loads(case.body)
    elif case.streamed:
        answer = folded(parsed_stream("bedrock-runtime", "ConverseStream", case.body))
    else:
        answer = parsed("bedrock-runtime", "Converse", case.status, case.headers, case.body)
    assert through_our_door(case) == said(answer)


@pytest.mark.parametrize("case", spoken("invoke-claude"))
def test_claude_loses_nothing(case) -> None:
    kind = "application/vnd.amazon.eventstream" if case.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=case.body)
    asked = {"model": case.model, "max_tokens": 1, "messages": [{"role": "user", "content": "any"}]}
    with (
        httpx2.Client(transport=httpx2.MockTransport(lambda _: reply)) as http,
        anthropic.AnthropicBedrock(
            aws_access_key="any",
            aws_secret_key="any",
            aws_region="us-east-1",
            http_client=http,
            max_retries=0,
        ) as client,
    ):
        if case.streamed:
            with client.messages.stream(**asked) as stream:
                heard = stream.get_final_message()
        else:
            heard = client.messages.create(**asked)
    heard.usage = heard.usage or Usage(input_tokens=0, output_tokens=0)  # Once nothing was counted.
    assert through_our_door(case) == said_by_claude(heard)


@pytest.mark.parametrize("case", spoken("invoke-nova"))
def test_nova_loses_nothing(case) -> None:
    if case.streamed:
        named = [(name, one) for said in chunks(case.body) for name, one in said.items()]
        answer = folded(named)
    else:
        answer = json.loads(case.body)
    assert through_our_door(case) == said(answer)


WIRE = Path(os.environ["REFERENCE_DIR"]) / "wire/llm/vectors"


@pytest.mark.parametrize(
    ("name", "operation"),
    [("bedrock-converse-stream", "ConverseStream"), ("bedrock-converse-exception", "ConverseStream"),
     ("bedrock-invoke-claude", "InvokeModelWithResponseStream")],
)  # fmt: skip
def test_written_down_streams_are_cut_into_the_frames_amazon_cuts(name, operation) -> None:
    raw = (WIRE / f"{name}.bin").read_bytes()
    theirs = EventStreamBuffer()
    theirs.add_data(raw)
    told = [
        (one.headers.get(":event-type") or f"exception:{one.headers[':exception-type']}", one.payload)
        for one in theirs
    ]
    for size in (1, 7, len(raw)):
        framing = AwsEventStream()
        found = [frame for at in range(0, len(raw), size) for frame in framing.feed(raw[at : at + size])]
        assert [(frame.name, frame.data) for frame in found] == told
        assert framing.rest == 0


def test_the_written_down_conversation_says_what_is_written_beside_it() -> None:
    answer = folded_by_us((WIRE / "bedrock-converse-stream.bin").read_bytes())
    assert (answer.usage.input_total, answer.usage.cache_read, answer.usage.output_total) == (100, 90, 33)
    assert answer.candidates[0].parts[-1].arguments == "{}"
    assert answer.candidates[0].finish.reason is FinishReason.TOOL_CALLS
    with pytest.raises(ProviderError) as raised:
        folded_by_us((WIRE / "bedrock-converse-exception.bin").read_bytes())
    assert raised.value.phase is Phase.STREAM


OLD = [one for name in ("llama", "titan", "mistral", "cohere", "ai21") for one in spoken(f"invoke-{name}")]


@pytest.mark.parametrize("case", OLD)
def test_the_older_languages_lose_nothing(case) -> None:
    told = chunks(case.body) if case.streamed else [json.loads(case.body)]
    found = through_our_door(case)
    texts = [choice.text for choice in found.choices]
    assert "".join(texts) == "".join("".join(words(one)) for one in told)
    assert len(texts) == max(len(words(one)) for one in told)
    assert not any(choice.calls or choice.reasoning for choice in found.choices)
    last = told[-1]
    counted = last.get("amazon-bedrock-invocationMetrics", {})
    prompt = counted.get("inputTokenCount", case.headers.get("x-amzn-bedrock-input-token-count"))
    completion = counted.get("outputTokenCount", case.headers.get("x-amzn-bedrock-output-token-count"))
    assert (found.prompt, found.completion) == (int(prompt), int(completion))


def words(told: dict[str, Any]) -> list[str]:
    if "choices" in told:
        return [one["message"]["content"] for one in told["choices"]]
    for name in ("results", "outputs", "generations"):
        if name in told:
            return [one.get("outputText", one.get("text")) for one in told[name]]
    return [told.get("generation", told.get("outputText", told.get("text", "")))]


def folded(events: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Put a stream together, as every program with Amazon's SDK has to do by itself."""
    blocks: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for name, event in events:
        block = blocks.setdefault(event["contentBlockIndex"], {}) if "contentBlockIndex" in event else {}
        match name:
            case "contentBlockStart" if "toolUse" in event.get("start", {}):
                block["toolUse"] = {**event["start"]["toolUse"], "input": ""}
            case "contentBlockDelta":
                delta = event["delta"]
                if "text" in delta:
                    block["text"] = block.get("text", "") + delta["text"]
                if "toolUse" in delta:
                    block["toolUse"]["input"] += delta["toolUse"]["input"]
                if "text" in delta.get("reasoningContent", {}):
                    thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
                    thought["reasoningText"]["text"] += delta["reasoningContent"]["text"]
            case "messageStop" | "metadata":
                answer |= event
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return {**answer, "output": {"message": {"content": [blocks[index] for index in sorted(blocks)]}}}


def said(answer: dict[str, Any]) -> Said:
    content = answer["output"]["message"]["content"]
    usage = answer.get("usage", {})
    cached = usage.get("cacheReadInputTokens", usage.get("cacheReadInputTokenCount", 0))
    written = usage.get("cacheWriteInputTokens", usage.get("cacheWriteInputTokenCount", 0))
    texts = [block["text"] for block in content if "text" in block]
    for block in content:
        if "citationsContent" in block:
            texts = [words_of(one) for one in content]
    choice = Choice(
        "".join(texts),
        "".join(
            block["reasoningContent"].get("reasoningText", {}).get("text", "")
            for block in content
            if "reasoningContent" in block
        ),
        tuple(
            (block["toolUse"]["name"], block["toolUse"]["input"])
            for block in content
            if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"
        ),
        FINISH[answer["stopReason"]],
    )
    prompt = usage.get("inputTokens", 0) + cached + written
    return Said((choice,), prompt, usage.get("outputTokens", 0), cached, 0)


def words_of(block: dict[str, Any]) -> str:
    cited = block.get("citationsContent", {}).get("content", [])
    return block.get("text", "") + "".join(one["text"] for one in cited)
