"""Every body for Bedrock is one that Amazon's own SDK could have sent, to the very path."""

import json
from urllib.parse import urlsplit

import msgspec
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.providers import PROVIDERS
from integration_api.providers.bedrock import BEDROCK
from integration_api.transport.drive import Trace
from lab import Lab
from lab.bedrock.signature import SECRET
from tests.providers.aws import sent_by_botocore
from tests.providers.rendered import every, sent, validated
from tests.providers.unified import requests
from tests.transport.upstream import Held, transport

CREDENTIAL = Credential("bedrock", {"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE"})
MODELS = (
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "global.anthropic.claude-opus-5-5",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "us.amazon.nova-pro-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    "mistral.mistral-large-2407-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
    "amazon.titan-text-express-v1",
    "cohere.command-r-plus-v1:0",
    "us.deepseek.r1-v1:0",
    "openai.gpt-oss-120b-1:0",
    "qwen.qwen3-32b-v1:0",
    "us.writer.palmyra-x4-v1:0",
    "somebody.new-model-v1:0",
)


@pytest.mark.parametrize(("provider", "request_"), every(*(f"bedrock/{model}" for model in MODELS)))
def test_a_body_is_what_botocore_would_have_sent(provider, request_) -> None:
    asked = sent(provider, request_, CREDENTIAL)
    if asked is None:
        return
    path, body = sent_by_botocore("bedrock-runtime", "ConverseStream", asked.body, modelId=request_.model)
    assert body == json.loads(asked.body)
    assert path == urlsplit(asked.url).path
    whole = next(PROVIDERS[provider].llm.complete(request_, CREDENTIAL))
    sent_by_botocore("bedrock-runtime", "Converse", whole.body, modelId=request_.model)


INVOKED = (
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "meta.llama3-8b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
    "amazon.titan-text-express-v1",
    "cohere.command-r-plus-v1:0",
    "cohere.command-text-v14",
    "ai21.jamba-1-5-mini-v1:0",
)


@pytest.mark.parametrize(("provider", "request_"), every(*(f"bedrock/{model}" for model in INVOKED)))
def test_the_vendors_own_languages_keep_to_their_types(provider, request_) -> None:
    asked = sent(provider, msgspec.structs.replace(request_, extras={"api": "invoke"}), CREDENTIAL)
    if asked is None:
        return
    assert urlsplit(asked.url).path.endswith("/invoke-with-response-stream")
    body = json.loads(asked.body)
    if "claude" in request_.model:
        assert body.pop("anthropic_version") == "bedrock-2023-05-31"
        body.pop("anthropic_beta", None)
        plain = json.dumps({**body, "model": request_.model, "stream": True})
        assert validated(plain.encode(), MessageCreateParamsStreaming) <= {"temperature", "top_p", "top_k"}
    elif "nova" in request_.model:
        assert body.pop("schemaVersion") == "messages-v1"
        body.pop("reasoningConfig", None)
        body.get("inferenceConfig", {}).pop("topK", None)
        plain = json.dumps(body).encode()
        sent_by_botocore("bedrock-runtime", "ConverseStream", plain, modelId=request_.model)
    else:
        assert set(body) <= TEXT_FIELDS[request_.model.split("-")[0]]


TEXT_FIELDS = {
    "meta.llama3": {"prompt", "max_gen_len", "temperature", "top_p"},
    "mistral.mistral": {"prompt", "max_tokens", "temperature", "top_p", "top_k", "stop"},
    "amazon.titan": {"inputText", "textGenerationConfig"},
    "cohere.command": {
        "message", "chat_history", "preamble", "prompt", "max_tokens", "temperature", "p", "k", "stop_sequences",
    },
    "ai21.jamba": {"messages", "max_tokens", "temperature", "top_p", "stop"},
}  # fmt: skip
"""What the vendors' pages on Bedrock list; AWS has no types for these."""


@pytest.mark.parametrize(("provider", "request_"), every(*(f"bedrock/{model}" for model in MODELS)))
def test_a_conversation_is_one_that_converse_takes(provider, request_) -> None:
    """What is written in no type: turns alternate, nothing is empty, calls and results meet."""
    asked = sent(provider, request_, CREDENTIAL)
    if asked is None:
        return
    body = json.loads(asked.body)
    turns = body["messages"]
    assert turns
    assert turns[0]["role"] == "user" or "claude" in request_.model or "qwen" in request_.model
    assert all(one["role"] != other["role"] for one, other in zip(turns, turns[1:], strict=False))
    called: set[str] = set()
    names: list[str] = []
    for turn in body["messages"]:
        assert turn["content"]
        answered = {block["toolResult"]["toolUseId"] for block in turn["content"] if "toolResult" in block}
        assert answered == (called if turn["role"] == "user" else set()) or not called
        called = {block["toolUse"]["toolUseId"] for block in turn["content"] if "toolUse" in block}
        documents = [block["document"]["name"] for block in turn["content"] if "document" in block]
        assert not documents or any("text" in block for block in turn["content"])
        names += documents
        for block in turn["content"]:
            assert block.get("text", "something").strip()
    assert len(set(names)) == len(names)
    if any("toolUse" in block for turn in turns for block in turn["content"]):
        assert body["toolConfig"]["tools"]
    if "system" in body:
        assert body["system"]


@pytest.mark.parametrize(
    ("model", "extras"),
    [
        *((model, {}) for model in MODELS if not model.startswith("somebody")),
        *((model, {"api": "invoke"}) for model in INVOKED),
    ],
)
async def test_the_emulator_takes_every_request_signed_as_it_is_sent(model, extras) -> None:
    """It is as strict as the service; what a model cannot be shown it is right to refuse."""
    secrets = Held(secret_access_key=SECRET)
    async with Lab() as lab, transport() as over:
        fields = {"region": "eu-west-1", "access_key_id": "AKIALAB", "base_url": lab.url("bedrock", "")}
        account = Credential("bedrock", fields, held=frozenset({"secret_access_key"}))
        for what, request in requests(model):
            asked = msgspec.structs.replace(request, extras=extras)
            try:
                stream = BEDROCK.llm.stream(asked, account)
                async for _ in over.stream(stream, BEDROCK.fault, secrets, Trace(0.0), "account"):
                    pass
                whole = BEDROCK.llm.complete(asked, account)
                assert (await over.run(whole, BEDROCK.fault, secrets, Trace(0.0), "account")).candidates
            except ProviderError as refused:
                assert refused.kind is Kind.UNSUPPORTED, f"{what}: {refused.message}"
                assert "content block that you provided" in refused.message, what
                assert what.startswith(("media.", "tool_results.rich", "drawn_history", "cached_parts"))
            except Failure as refused:
                assert refused.kind in {Kind.UNSUPPORTED, Kind.INVALID_REQUEST}, what
    assert secrets.all_wiped
