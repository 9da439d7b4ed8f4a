import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    Bytes,
    CacheHint,
    FileRef,
    Media,
    Opaque,
    Origin,
    Reasoning,
    RefusalText,
    Role,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from integration_api.dialects.openai_surface_json import DEPTH, KEYS
from integration_api.dialects.openai_surface_request import peek, read_chat


def body(**fields):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def ask(**fields):
    return read_chat(body(**fields)).request


def turns(*messages):
    return read_chat(json.dumps({"model": "m", "messages": list(messages)}).encode()).request.messages


def refusal(raw):
    with pytest.raises(Failure) as caught:
        read_chat(raw)
    assert caught.value.kind is Kind.INVALID_REQUEST
    return caught.value


# --- envelope ------------------------------------------------------------------------------------


def test_a_glance_reads_only_what_routing_needs():
    raw = body(
        model="openai/gpt-x",
        stream=True,
        stream_options={"include_usage": True},
        provider={"name": "openai", "credential": "12", "options": {"a": 1}},
        messages="not looked at",
    )
    seen = peek(bytearray(raw))
    assert (seen.model, seen.stream, seen.include_usage) == ("openai/gpt-x", True, True)
    assert seen.provider is not None
    assert (seen.provider.name, seen.provider.credential, seen.provider.options) == ("openai", "12", {"a": 1})
    assert bytes(seen.raw["messages"]) == b'"not looked at"'


def test_usage_is_only_promised_to_streams():
    assert peek(body(stream_options={"include_usage": True})).include_usage is False
    assert read_chat(body(stream_options={"include_usage": True})).include_usage is False
    assert read_chat(body(stream=True, stream_options={"include_usage": True})).include_usage is True
    assert read_chat(body(stream=None)).stream is False


def test_the_model_is_renamed_and_the_callers_name_kept():
    read = read_chat(body(model="openai/gpt-x"), model="gpt-x")
    assert (read.model, read.request.model) == ("openai/gpt-x", "gpt-x")


def test_what_is_said_outside_the_body_is_added():
    read = read_chat(body())
    assert read.with_() is read.request
    said = read.with_(headers=(("anthropic-beta", "x"),), strict=True)
    assert said.strict
    assert said.headers == (("anthropic-beta", "x"),)


def test_unknown_fields_are_kept_and_known_ones_are_not_among_them():
    request = ask(web_search_options={"search_context_size": "low"}, temperature=1, frobnicate=[1])
    assert request.unknown == {"web_search_options": {"search_context_size": "low"}, "frobnicate": [1]}


def test_native_options_travel_apart():
    assert ask(provider={"options": {"topK": 3}}).extras == {"topK": 3}


# --- parameters ----------------------------------------------------------------------------------


def test_sampling_and_limits():
    request = ask(
        temperature=0,
        top_p=0.5,
        top_k=4,
        min_p=0.1,
        seed=7,
        stop="END",
        presence_penalty=1,
        frequency_penalty=-1,
        repetition_penalty=1.1,
        logit_bias={"50256": -100},
        n=2,
        logprobs=True,
        top_logprobs=3,
        max_tokens=5,
        max_completion_tokens=9,
    )
    sampling = request.sampling
    assert sampling.stop == ("END",)
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p) == (0, 0.5, 4, 0.1)
    assert (sampling.seed, sampling.n, sampling.logprobs, sampling.top_logprobs) == (7, 2, True, 3)
    assert sampling.logit_bias == {"50256": -100}
    assert request.max_output_tokens == 9
    assert ask(max_tokens=5).max_output_tokens == 5
    assert ask(stop=["a", "b"]).sampling.stop == ("a", "b")
    assert ask(random_seed=3).sampling.seed == 3


def test_three_ways_to_ask_for_reasoning():
    assert ask(reasoning_effort="high").reasoning.effort == "high"
    wanted = ask(reasoning={"effort": "low", "max_tokens": 100, "exclude": True, "enabled": True}).reasoning
    assert (wanted.effort, wanted.budget_tokens, wanted.include, wanted.mode) == ("low", 100, "none", "on")
    thinking = ask(thinking={"type": "enabled", "budget_tokens": 2048}).reasoning
    assert (thinking.mode, thinking.budget_tokens) == ("on", 2048)
    assert ask(thinking={"type": "disabled"}).reasoning.mode == "off"
    assert ask(thinking={"type": "adaptive"}, reasoning_effort="max").reasoning.effort == "max"
    assert ask(reasoning={"enabled": False}).reasoning.mode == "off"


def test_caching_safety_and_identity():
    request = ask(
        prompt_cache_key="k",
        prompt_cache_options={"mode": "implicit", "ttl": "30m"},
        cache_control={"type": "ephemeral", "ttl": "1h"},
        safety_settings=[{"category": "x", "threshold": "y"}],
        moderation={"model": "omni"},
        safe_prompt=True,
        user="u",
        safety_identifier="s",
        metadata={"a": "b"},
        store=False,
        service_tier="flex",
        prediction={"type": "content", "content": "x"},
        verbosity="low",
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "wav"},
    )
    cache = request.cache
    assert (cache.key, cache.mode, cache.retention, cache.hint) == ("k", "auto", "30m", CacheHint("1h"))
    assert request.safety.settings == ({"category": "x", "threshold": "y"},)
    assert request.safety.safe_prompt is True
    assert (request.end_user.id, request.end_user.safety_identifier) == ("u", "s")
    assert request.metadata == {"a": "b"}
    assert request.store is False
    assert request.output.verbosity == "low"
    assert request.output.modalities == ("text", "audio")
    assert request.output.audio == {"voice": "alloy", "format": "wav"}
    assert ask(prompt_cache_retention="24h").cache.retention == "24h"


def test_output_form():
    schema = {"type": "object", "properties": {}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    output = ask(response_format=form).output
    assert (output.kind, output.name, output.schema, output.strict) == ("json_schema", "n", schema, True)
    assert ask(response_format={"type": "json_object"}).output.kind == "json_object"
    wrong = refusal(body(response_format={"type": "json_schema"}))
    assert wrong.param == "response_format.json_schema"


def test_tools_of_every_kind():
    tools = ask(
        tools=[
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "d",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
            {"function": {"name": "g"}},
        ],
        functions=[{"name": "old"}],
    ).tools
    assert [(tool.name, tool.kind) for tool in tools] == [
        ("f", "function"),
        ("c", "custom"),
        ("web_search", "provider"),
        ("g", "function"),
        ("old", "function"),
    ]
    assert tools[0].strict is True
    assert tools[0].cache == CacheHint()
    assert tools[1].grammar == {"type": "text"}
    assert tools[2].native == {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", ("f",))),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("named", ("c",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ToolChoice("allowed", ("f",), "required"),
        ),
        (None, None),
    ],
)
def test_tool_choice(given, choice):
    assert ask(tool_choice=given).tool_choice == choice


def test_legacy_functions():
    assert ask(function_call={"name": "f"}).tool_choice == ToolChoice("named", ("f",))
    said = turns(
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "12"},
        {"role": "user", "content": "y"},
    )
    call = said[1].parts[0]
    assert isinstance(call, ToolCall)
    assert said[2].role is Role.TOOL
    assert said[2].parts == (ToolResult(call.id, (Text("12"),), "f"),)


# --- messages --------------------------------------------------------------------------------------


def test_user_parts():
    (message,) = turns(
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "image_url", "image_url": "https://example.com/a.png"},
                {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,CCCC", "filename": "a.pdf"},
                    "prompt_cache_breakpoint": {"mode": "explicit"},
                },
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "video_url", "video_url": {"url": "gs://bucket/a.mp4"}},
                {"type": "document_url", "document_url": "https://example.com/a.pdf"},
            ],
        }
    )
    assert message.name == "ann"
    assert message.parts == (
        Text("a", (), CacheHint("1h")),
        Media(kind="image", source=Bytes("AAAA"), mime="image/png", detail="low"),
        Media(kind="image", source=Url("https://example.com/a.png")),
        Media(kind="audio", source=Bytes("BBBB"), mime="audio/mpeg"),
        Media(
            kind="document",
            source=Bytes("CCCC"),
            mime="application/pdf",
            filename="a.pdf",
            cache=CacheHint(),
        ),
        Media(kind="document", source=FileRef("file-1")),
        Media(kind="video", source=Url("gs://bucket/a.mp4")),
        Media(kind="document", source=Url("https://example.com/a.pdf")),
    )


def test_tool_messages_of_one_turn_become_one():
    said = turns(
        {"role": "user", "content": "x"},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                {"id": "b", "function": {"name": "g", "arguments": {"y": 2}}},
                {"id": "c", "type": "custom", "custom": {"name": "h", "input": "raw"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [
                {"type": "text", "text": "2"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": ""},
    )
    assert said[1].parts == (
        ToolCall("a", "f", '{"x": 1}'),
        ToolCall("b", "g", '{"y":2}'),
        ToolCall("c", "h", "raw", "custom"),
    )
    assert len(said) == 3
    assert said[2].role is Role.TOOL
    assert [part.call_id for part in said[2].parts if isinstance(part, ToolResult)] == ["a", "b", "c"]
    assert said[2].parts[1] == ToolResult(
        "b", (Text("2"), Media(kind="image", source=Bytes("AA=="), mime="image/png"))
    )


def test_instructions_and_cache_marks_on_messages():
    said = turns(
        {"role": "system", "content": "s", "cache_control": {"type": "ephemeral"}},
        {"role": "developer", "content": [{"type": "text", "text": "d"}, {"type": "text", "text": "e"}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "cache_control": {"type": "ephemeral"},
        },
    )
    assert said[0].parts == (Text("s", (), CacheHint()),)
    assert said[1].role is Role.DEVELOPER
    assert said[2].parts == (Text("a"), Text("b", (), CacheHint()))


def test_assistant_history_with_thoughts_and_signatures():
    (said,) = turns(
        {
            "role": "assistant",
            "content": "hello",
            "refusal": "no",
            "audio": {"id": "audio_1"},
            "reasoning_content": "because",
            "reasoning_details": [
                {"type": "reasoning.text", "index": 0, "signature": "SIG", "format": "anthropic-claude-v1"}
            ],
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "GSIG"}},
                }
            ],
        }
    )
    assert said.parts == (
        Reasoning("because", "full", Opaque("SIG", "anthropic-claude-v1", Origin("", "claude"))),
        Text("hello"),
        RefusalText("no"),
        Media(kind="audio", source=FileRef("audio_1"), id="audio_1"),
        ToolCall("a", "f", "{}", "function", Opaque("GSIG", "google-gemini-v1", Origin("", "gemini"))),
    )


def test_thoughts_in_content_as_other_clients_send_them():
    (said,) = turns(
        {
            "role": "assistant",
            "content": [
                {
                    "type": "thinking",
                    "thinking": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
                {"type": "text", "text": "c"},
            ],
        }
    )
    assert said.parts == (Reasoning("ab"), Text("c"))


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": True}, "n", "invalid_value"),
        ({"max_tokens": -1}, "max_tokens", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [{"function": {}}]}, "tools[0].function.name", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "nope"}]}]},
            "messages[0].content[0].image_url",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "telepathy"}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
            "messages[0].tool_calls[0].id",
            "missing_required_parameter",
        ),
        ({"metadata": {"a": 1}}, "metadata.*", "invalid_value"),
    ],
)
def test_a_refusal_names_the_field(fields, param, code):
    error = refusal(body(**fields))
    assert (error.param, error.code) == (param, code)
    assert error.message.startswith(param)


def test_the_model_must_be_named():
    with pytest.raises(Failure) as caught:
        peek(b'{"messages": []}')
    assert (caught.value.param, caught.value.code) == ("model", "missing_required_parameter")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b'{"model":NaN}',
        b'{"model":"m","messages":[],"x":Infinity}',
        b'{"model":"m","x":"\xff"}',
        b'{"model":"m","x":"\\ud800"}',
        b'{"model":"m","x":"\\udc00 and more"}',
        b'{"model":"m","x":"\\ud800\\u0041"}',
        b'{"model":"m","x":1e999}',
        b'{"model":"m","x":' + b"[" * 100_000,
        b"[" * 100_000,
        b'{"model":"m","x":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
        b'{"model":"m","x":' + b'{"a":' * DEPTH + b"1" + b"}" * DEPTH + b"}",
        b'{"model":"m","x":{' + b",".join(b'"k%d":1' % n for n in range(KEYS + 1)) + b"}}",
        b'{"model":"m"}}',
        b'{"model":"m",}',
    ],
    ids=lambda raw: repr(raw[:32]),
)
def test_hostile_bodies_are_refused_and_nothing_else(raw):
    error = refusal(raw)
    assert len(error.message) < 300


def test_surrogate_pairs_escapes_and_brackets_in_strings_are_fine():
    raw = b'{"model":"m","messages":[{"role":"user","content":"\\ud83d\\ude00 \\\\ud800 %s"}]}' % (
        b"[{" * 500
    )
    (message,) = read_chat(raw).request.messages
    assert message.parts == (Text("\U0001f600 \\ud800 " + "[{" * 500),)


def test_depth_is_counted_in_nesting_not_in_brackets():
    wide = [{"type": "text", "text": "x"}] * 500
    assert len(turns({"role": "user", "content": wide})[0].parts) == 500
    ok = b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":%s}' % (
        b"[" * (DEPTH - 1) + b"]" * (DEPTH - 1)
    )
    assert "x" in read_chat(ok).request.unknown


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=12,
)


@unhurried
@given(raw=st.binary(max_size=200))
def test_garbage_is_refused(raw):
    for read in (peek, read_chat):
        try:
            read(raw)
        except Failure as error:
            assert error.kind is Kind.INVALID_REQUEST


KEYS_SEEN = [
    "messages",
    "tools",
    "stop",
    "provider",
    "stream_options",
    "reasoning",
    "tool_choice",
    "functions",
]


@unhurried
@given(
    fields=st.dictionaries(st.sampled_from(KEYS_SEEN), json_values, max_size=4),
    message=st.dictionaries(
        st.sampled_from(
            ["role", "content", "tool_calls", "reasoning_details", "provider_extra", "annotations", "audio"]
        ),
        json_values,
    ),
    role=st.sampled_from(["user", "assistant", "tool", "system", "function"]),
)
def test_wrong_shapes_are_refused_with_a_field(fields, message, role):
    whole = {
        "model": "m",
        "messages": [{"content": "x", "tool_call_id": "t", **message, "role": role}],
        **fields,
    }
    try:
        read = read_chat(msgspec.json.encode(whole))
    except Failure as error:
        assert error.kind is Kind.INVALID_REQUEST
        assert error.param
    else:
        assert read.request.messages


@unhurried
@given(value=json_values)
def test_what_python_reads_as_json_is_judged_alike(value):
    text = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "zz": value})
    try:
        read = read_chat(text.encode())
    except Failure:
        assert "\\ud" in text or "e+" in text or any(len(w) > 300 for w in text.split())
    else:
        assert read.request.unknown["zz"] == value


if REFERENCE := os.environ.get("REFERENCE_DIR"):
    CHATS = [
        path
        for provider in ("openai", "mistral", "azure-openai")
        for path in sorted(Path(REFERENCE, "traffic", provider).glob("*/*.json"))
        if not path.parent.name.startswith(("responses", "legacy", "error"))
    ]

    def test_every_recorded_request_can_be_read():
        seen = 0
        for path in CHATS:
            recorded = json.loads(path.read_text())
            sent = (recorded.get("request") or {}).get("body")
            if not isinstance(sent, dict) or "messages" not in sent:
                continue
            seen += 1
            sent["model"] = sent.get("model") or "in-the-path"
            raw = json.dumps(sent).encode()
            ask = read_chat(raw)
            assert ask.stream is bool(sent.get("stream")), path
            told = [m for m in sent["messages"] if m["role"] != "tool"]
            heard = [m for m in ask.request.messages if m.role is not Role.TOOL]
            assert [m["role"] for m in told] == [m.role.value for m in heard], path
            assert len(ask.request.tools) == len(sent.get("tools") or ()), path
            assert set(ask.request.unknown) <= {"web_search_options", "prompt_mode", "guardrails"}, path
        assert seen > 250
