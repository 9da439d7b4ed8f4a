"""Which bodies go to OpenAI as they are: those that translating would not change a word of."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from integration_api.core.errors import Failure
from integration_api.core.models import UNKNOWN, Capabilities
from integration_api.dialects import openai_surface_request as surface
from integration_api.dialects.openai_chat_passing import OTHERS, passes
from integration_api.dialects.openai_chat_payload import render
from integration_api.providers.openai.llm import DIALECT

MODELS = ("gpt-4o", "gpt-3.5-turbo", "gpt-5", "gpt-5.1", "gpt-5.4", "gpt-5.5", "gpt-5-chat-latest", "o3", "o1-mini",
          "gpt-4o-search-preview", "gpt-6", "ft:gpt-4o:me::1", "somebody-elses")  # fmt: skip
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
VALUES: dict[str, list[Any]] = {
    "temperature": [0.5], "top_p": [0.5], "presence_penalty": [0.5], "frequency_penalty": [0.5], "logprobs": [True],
    "logit_bias": [{"1": 2}], "stop": ["a", ["a", "b"]], "seed": [1], "n": [2], "top_k": [4], "min_p": [0.1],
    "repetition_penalty": [1.2], "reasoning_effort": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
    "reasoning": [{"effort": "low"}], "verbosity": ["low"], "max_tokens": [50, 5_000_000],
    "max_completion_tokens": [50, 5_000_000], "tools": [[TOOL]], "response_format": [{"type": "json_object"}],
    "prediction": [{"type": "content", "content": "x"}], "user": ["u"], "metadata": [{"a": "b"}], "store": [True],
    "service_tier": ["flex"], "random_seed": [3], "safe_prompt": [True], "brand_new_field": [{"x": 1}],
}  # fmt: skip
KNOWN = (
    UNKNOWN,
    Capabilities(max_output_tokens=100),
    Capabilities(tools=False),
    Capabilities(refuses=("seed", "stop", "max_tokens")),
    Capabilities(efforts=("low", "high"), sampling=True, takes=("stop",)),
    Capabilities(reasoning=False),
    Capabilities(sampling=False, structured_output=False, max_temperature=0.4),
    Capabilities(inputs=("text",)),
)
bodies = st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=4).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in names})
)


def peeked(model: str, **fields: Any) -> tuple[bytes, Any]:
    body = json.dumps(
        {"model": model, "messages": fields.pop("messages", [{"role": "user", "content": "hi"}]), **fields}
    ).encode()
    return body, surface.peek(body).raw


def translated(body: bytes, known: Capabilities) -> tuple[dict[str, Any], list[str]]:
    request = replace(surface.read_chat(body).request, known=known)
    rendered = render(DIALECT, request, stream=False)
    return msgspec.json.decode(rendered.body), [notice.param for notice in rendered.notices]


@settings(deadline=None)
@given(model=st.sampled_from(MODELS), known=st.sampled_from(KNOWN), fields=bodies)
def test_what_passes_would_be_translated_to_itself(
    model: str, known: Capabilities, fields: dict[str, Any]
) -> None:
    body, raw = peeked(model, **fields)
    if not passes(DIALECT, raw, model, known):
        return
    written, told = translated(body, known)
    assert told == []
    if "max_tokens" in fields:
        fields.setdefault("max_completion_tokens", fields.pop("max_tokens"))
    given_ = {"model": model, **fields}
    got = {name: value if name != "stop" or len(value) > 1 else value[0] for name, value in written.items()}
    assert {name: got.get(name) for name in given_} == given_


@settings(deadline=None)
@given(model=st.sampled_from(MODELS), known=st.sampled_from(KNOWN), fields=bodies)
def test_what_does_not_pass_is_changed_with_a_word(
    model: str, known: Capabilities, fields: dict[str, Any]
) -> None:
    body, raw = peeked(model, **fields)
    if passes(DIALECT, raw, model, known):
        return
    try:
        written, told = translated(body, known)
    except Failure as error:
        assert error.param is not None
        return
    # Three kinds of things may change without a word: a name, a place, and how a schema or a temperature is said.
    renamed = {"max_tokens", "random_seed", "reasoning", "temperature", "response_format"} & fields.keys()
    assert told or renamed or any(written.get(name) != value for name, value in fields.items())


@pytest.mark.parametrize(("model", "fields", "passed"), [
    ("gpt-4o", {"temperature": 0.5, "max_tokens": 5}, True),
    ("gpt-4o", {"reasoning_effort": "low"}, False),
    ("o3", {"max_tokens": 5}, False),
    ("o3", {"max_completion_tokens": 5, "reasoning_effort": "low"}, True),
    ("gpt-5.1", {"temperature": 0.5}, True),
    ("gpt-5.1", {"temperature": 0.5, "reasoning_effort": "none"}, True),
    ("gpt-5.1", {"temperature": 0.5, "reasoning_effort": "low"}, False),
    ("gpt-5.5", {"temperature": 0.5}, False),
    ("gpt-5.5", {"temperature": 0.5, "reasoning_effort": "none"}, True),
    ("gpt-4o", {"reasoning_effort": None}, True),
    ("ft:gpt-4o:me::1", {"temperature": 0.5, "reasoning_effort": "low", "max_tokens": 5}, True),
    ("gpt-4o", {"brand_new_field": 1}, True),
    *(("gpt-4o", {name: 1}, False) for name in sorted(OTHERS)),
])  # fmt: skip
def test_a_body_passes_unless_its_model_is_known_to_refuse_it(model: str, fields: Any, passed: bool) -> None:
    _, raw = peeked(model, **fields)
    assert passes(DIALECT, raw, model, UNKNOWN) is passed


def test_limits_and_sight_are_looked_at_where_they_are_known() -> None:
    known = Capabilities(max_output_tokens=100, inputs=("text",))
    for asked, passed in ((100, True), (101, False), (10**30, True), ("x", True), (1.5, True), (None, True)):
        _, raw = peeked("gpt-4", max_tokens=asked)
        assert passes(DIALECT, raw, "gpt-4", known) is passed, asked
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    _, raw = peeked("gpt-4", messages=picture)
    assert not passes(DIALECT, raw, "gpt-4", known)
    assert passes(DIALECT, raw, "gpt-4", UNKNOWN)
