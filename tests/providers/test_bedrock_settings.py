"""What a request to Bedrock may ask for: reasoning, caching, options, and what is refused at once."""

import base64
import json
from typing import Any

import msgspec
import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    Bytes,
    Cache,
    CacheHint,
    EndUser,
    LlmResponse,
    Media,
    Message,
    Opaque,
    Origin,
    Reasoning,
    ReasoningRequest,
    Role,
    Safety,
    Sampling,
    Text,
    ToolChoice,
    Url,
)
from integration_api.dialects.openai_surface_request import read_chat
from integration_api.dialects.openai_surface_response import render_chat
from integration_api.providers.bedrock import BEDROCK, converse
from tests.providers.bedrock import (
    CALL,
    FIELDS,
    HISTORY,
    KEYS,
    LLAMA,
    NOVA,
    OPUS,
    PROFILE,
    RESULT,
    SONNET,
    USAGE,
    answered,
    body,
    document,
    reply,
    request,
    saying,
    whole,
)
from tests.providers.unified import CLOCK, PIXEL, WEATHER, assistant, system, user

# --- reasoning ---------------------------------------------------------------------------------

SIGNATURE = "EqQBCkgIEBABGAIqQP+/=="
SEALED = base64.b64encode(bytes(range(256))).decode()
ANSWER = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "let me\n  see ", "signature": SIGNATURE}}},
                {"reasoningContent": {"redactedContent": SEALED}},
                {"text": "I will look."},
                {"toolUse": {"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Kyiv"}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": USAGE,
}


def replayed(answer: LlmResponse, model: str, credential: Credential = KEYS) -> list[dict[str, Any]]:
    """What goes back to Bedrock when an openai client sends our own answer back to us."""
    said = json.loads(render_chat(answer, provider="bedrock", id="1", created=1))["choices"][0]["message"]
    turns = [
        {"role": "user", "content": "Weather?"},
        {name: value for name, value in said.items() if value is not None},
        {"role": "tool", "tool_call_id": "tooluse_1", "content": "12"},
    ]
    asked = read_chat(json.dumps({"model": model, "messages": turns}).encode(), model=model).request
    found: list[dict[str, Any]] = body(asked, credential)["messages"][1]["content"]
    return found


def test_thoughts_signed_and_hidden_go_back_byte_for_byte() -> None:
    assert replayed(whole(ANSWER), SONNET) == ANSWER["output"]["message"]["content"]


def test_thoughts_go_back_to_the_family_that_had_them_and_to_no_other() -> None:
    kinds = [next(iter(block)) for block in replayed(whole(ANSWER), NOVA)]
    assert kinds == ["text", "toolUse"]
    assert replayed(whole(ANSWER), OPUS) == ANSWER["output"]["message"]["content"]


def test_thoughts_bound_to_an_account_stay_with_it() -> None:
    bound = "us.anthropic.claude-sonnet-5-5"
    mine, other = (Credential("bedrock", FIELDS, id, held=KEYS.held) for id in (7, 8))
    answer, _ = answered(BEDROCK.llm.complete(saying(model=bound), mine), reply(ANSWER))
    assert "reasoningContent" in replayed(answer, bound, mine)[0]
    assert "reasoningContent" not in replayed(answer, bound, other)[0]


def test_unsigned_thoughts_go_to_those_who_take_them() -> None:
    asked = saying(user("a"), assistant(Reasoning("hm"), "b"), user("c"), model="us.deepseek.r1-v1:0")
    assert body(asked)["messages"][1]["content"][0] == {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    assert (
        "reasoningContent"
        not in body(msgspec.structs.replace(asked, model=SONNET))["messages"][1]["content"][0]
    )


@pytest.mark.parametrize(
    ("model", "wish", "sent"),
    [
        (SONNET, ReasoningRequest(mode="on", budget_tokens=2048), {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (OPUS, ReasoningRequest(effort="high"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("us.amazon.nova-2-lite-v1:0", ReasoningRequest(effort="low"),
         {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        ("us.amazon.nova-2-lite-v1:0", ReasoningRequest(mode="off"), {"reasoningConfig": {"type": "disabled"}}),
        ("openai.gpt-oss-120b-1:0", ReasoningRequest(effort="minimal"), {"reasoning_effort": "low"}),
        ("qwen.qwen3-32b-v1:0", ReasoningRequest(effort="medium"), {"reasoning_config": "high"}),
        (LLAMA, ReasoningRequest(effort="high"), None),
    ],
)  # fmt: skip
def test_each_family_is_asked_to_reason_in_its_own_words(model, wish, sent) -> None:
    assert body(saying(model=model, reasoning=wish)).get("additionalModelRequestFields") == sent


def test_thinking_does_not_begin_amid_a_tool_loop() -> None:
    wish = ReasoningRequest(mode="on", budget_tokens=2048)
    asked = saying(*HISTORY, reasoning=wish)
    assert "thinking" not in body(asked).get("additionalModelRequestFields", {})
    signed = Reasoning("hm", signature=Opaque(SIGNATURE, "anthropic-claude-v1", Origin("bedrock", "claude")))
    again = saying(user("Weather?"), assistant(signed, CALL), RESULT, reasoning=wish)
    assert body(again)["additionalModelRequestFields"]["thinking"]["type"] == "enabled"


# --- caching -----------------------------------------------------------------------------------


def points(told: dict[str, Any]) -> list[str]:
    """Where a request has cache points: after which kind of block, and for how long."""
    lists = [told.get("toolConfig", {}).get("tools", []), told.get("system", [])]
    lists += [turn["content"] for turn in told["messages"]]
    return [
        f"{next(iter(before))} {block['cachePoint'].get('ttl')}"
        for blocks in lists
        for before, block in zip(blocks, blocks[1:], strict=False)
        if "cachePoint" in block
    ]


def test_what_is_marked_is_cached_tools_first() -> None:
    hour, brief = CacheHint("1h"), CacheHint()
    told = body(
        saying(
            Message(Role.SYSTEM, (Text("Be brief.", cache=hour),)),
            user(Text("long", cache=brief), "short"),
            tools=(msgspec.structs.replace(WEATHER, cache=hour), CLOCK),
        )
    )
    assert points(told) == ["toolSpec 1h", "text 1h", "text None"]


def test_a_document_can_be_cached_and_a_full_stop_stands_between() -> None:
    told = body(saying(user(document("A", cache=CacheHint()), "What is it?")))
    kinds = [next(iter(block)) for block in told["messages"][0]["content"]]
    assert kinds == ["document", "text", "cachePoint", "text"]


def test_a_request_has_four_cache_points_and_hours_come_before_minutes() -> None:
    marked = [user(Text(f"turn {n}", cache=CacheHint("1h" if n == 5 else None))) for n in range(6)]
    turns = [turn for one in marked for turn in (one, assistant("Go on"))][:-1]
    found = points(body(saying(*turns)))
    assert found == ["text None", "text None", "text None", "text 5m"]


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (SONNET, ["text 1h"]),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", ["text None"]),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", ["text None"]),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", ["text None"]),
        ("anthropic.claude-3-haiku-20240307-v1:0", []),
        ("anthropic.claude-v2", []),
        (NOVA, ["text None"]),
        (LLAMA, []),
    ],
)
def test_a_whole_prompt_is_cached_where_it_can_be(model, found) -> None:
    asked = saying(user("long"), model=model, cache=Cache(mode="auto", retention="24h"))
    assert points(body(asked)) == found
    if not found:
        with pytest.raises(Failure, match="caches no prompts"):
            body(msgspec.structs.replace(asked, strict=True))


# --- options -----------------------------------------------------------------------------------

GUARDRAIL = {"guardrailIdentifier": "abc123", "guardrailVersion": "1", "trace": "enabled"}
AROUND = {
    "guardrailConfig": {**GUARDRAIL, "streamProcessingMode": "async"},
    "performanceConfig": {"latency": "optimized"},
    "serviceTier": {"type": "flex"},
    "requestMetadata": {"team": "blue"},
}


def test_options_of_converse_go_where_converse_has_them() -> None:
    extras = {
        **AROUND,
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "inferenceConfig": {"topP": 0.5},
    }
    told = body(saying(max_output_tokens=5, extras=extras))
    assert {name: told[name] for name in AROUND} == AROUND
    assert told["inferenceConfig"] == {"maxTokens": 5, "topP": 0.5}
    assert told["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert body(saying(extras=extras), whole=True)["guardrailConfig"] == GUARDRAIL, (
        "how to stream is of no use there"
    )


def test_a_models_own_options_go_to_the_model() -> None:
    own = {"context_management": {"edits": []}, "betas": ["context-management-2025-06-27"], "api": "converse"}
    asked = saying(
        extras=own, headers=(("anthropic-beta", "a, b"),), reasoning=ReasoningRequest(budget_tokens=2048)
    )
    told = body(asked)
    assert told["additionalModelRequestFields"] == {
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "anthropic_beta": ["a", "b", "context-management-2025-06-27"],
        "context_management": {"edits": []},
    }
    assert set(told) <= {"messages", "inferenceConfig", "additionalModelRequestFields"}


@pytest.mark.parametrize("model", [SONNET, NOVA, "meta.llama3-8b-instruct-v1:0"])
def test_the_same_options_are_headers_of_invoke_model(model) -> None:
    asked = request(saying(model=model, extras={"api": "invoke", **AROUND}), whole=True)
    headers = dict(asked.headers)
    assert {name: value for name, value in headers.items() if name.startswith("x-amzn-bedrock-")} == {
        "x-amzn-bedrock-guardrailidentifier": "abc123",
        "x-amzn-bedrock-guardrailversion": "1",
        "x-amzn-bedrock-trace": "ENABLED",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-service-tier": "flex",
        "x-amzn-bedrock-request-metadata": '{"team":"blue"}',
    }
    assert not json.loads(asked.body).keys() & AROUND.keys()


@pytest.mark.parametrize("api", ["converse", "invoke"])
def test_who_asks_and_how_fast_is_said_either_way(api) -> None:
    asked = saying(
        end_user=EndUser(id="u1"), service_tier="priority", speed="fast", safety=Safety(guardrail=GUARDRAIL),
        model=NOVA, extras={"api": api},
    )  # fmt: skip
    sent = request(asked)
    told, headers = json.loads(sent.body), dict(sent.headers)
    if api == "converse":
        assert told["requestMetadata"] == {"user_id": "u1"}
        assert told["serviceTier"] == {"type": "priority"}
        assert told["performanceConfig"] == {"latency": "optimized"}
        assert told["guardrailConfig"] == GUARDRAIL
    else:
        assert headers["x-amzn-bedrock-request-metadata"] == '{"user_id":"u1"}'
        assert headers["x-amzn-bedrock-service-tier"] == "priority"
        assert headers["x-amzn-bedrock-guardrailidentifier"] == "abc123"


def test_a_profile_that_hides_its_model_is_told_what_it_runs() -> None:
    """Where nobody says, the careful guess about an unknown vendor holds."""
    asked = saying(
        model=PROFILE, sampling=Sampling(top_k=5), tools=(WEATHER,), tool_choice=ToolChoice("required")
    )
    guessed = body(asked)
    assert "additionalModelRequestFields" not in guessed
    assert guessed["toolConfig"]["toolChoice"] == {"auto": {}}
    known = Credential(
        "bedrock", {**FIELDS, "base_model": "anthropic.claude-sonnet-4-5-20250929-v1:0"}, held=KEYS.held
    )
    for told in (
        body(asked, known),
        body(msgspec.structs.replace(asked, extras={"base_model": SONNET})),
    ):
        assert told["additionalModelRequestFields"] == {"top_k": 5}
        assert told["toolConfig"]["toolChoice"] == {"any": {}}
        assert "base_model" not in told


def test_what_a_model_cannot_do_is_said_and_not_done() -> None:
    asked = saying(
        system("Be brief."), user("hello"), model="amazon.titan-text-express-v1", tools=(WEATHER,),
        sampling=Sampling(temperature=1.5, seed=7, top_k=3), parallel_tools=False,
    )  # fmt: skip
    answer = whole({"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn"}, asked)
    assert {(one.code, one.param) for one in answer.warnings} == {
        ("mapped", "messages"), ("dropped", "tools"), ("clamped", "temperature"), ("dropped", "seed"), ("dropped", "top_k"),
    }  # fmt: skip
    with pytest.raises(Failure, match="calls no tools"):
        body(msgspec.structs.replace(asked, strict=True))


def test_bedrock_fetches_nothing_from_the_web() -> None:
    with pytest.raises(Failure, match="send its content as a data: URL") as refused:
        body(saying(user(Media(kind="image", source=Url("https://example.com/cat.png")))))
    assert refused.value.kind is Kind.UNSUPPORTED
    stored = Media(
        kind="video",
        source=Url("s3://bucket/a.mp4"),
        mime="video/mp4",
        options={"bucketOwner": "123456789012"},
    )
    told = body(saying(user("What?", stored), model=NOVA))
    assert told["messages"][0]["content"][1]["video"] == {
        "format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/a.mp4", "bucketOwner": "123456789012"}},
    }  # fmt: skip


def test_a_picture_is_what_its_bytes_say() -> None:
    told = body(saying(user(Media(kind="image", source=Bytes(PIXEL), mime="image/jpeg"))))
    assert told["messages"][0]["content"][0]["image"]["format"] == "png"


def test_tokens_are_counted_for_what_would_be_sent() -> None:
    asked = saying(system("Be brief."), *HISTORY, user("So?"), tools=(WEATHER,), max_output_tokens=5)
    answer, (sent,) = answered(converse.count_tokens(asked, KEYS), reply({"inputTokens": 42}))
    assert answer == 42
    assert sent.url.endswith("/count-tokens")
    said = body(asked)
    assert json.loads(sent.body) == {
        "input": {"converse": {name: said[name] for name in ("messages", "system", "toolConfig")}}
    }
