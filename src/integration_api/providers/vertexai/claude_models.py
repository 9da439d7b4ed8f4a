"""Claude on Vertex AI: Anthropic's language, the model in the path and the version in the body.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, decode
from integration_api.core.llm import LlmRequest
from integration_api.core.relay import RawBody
from integration_api.dialects import anthropic_messages, google_cloud
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_payload import (
    API_VERSION,
    SAMPLING,
    SAMPLING_VERSION,
    Prepared,
    counted,
    prepare,
)
from integration_api.providers.vertexai import client
from integration_api.providers.vertexai.naming import named

VERSIONS = {SAMPLING_VERSION: "vertex-2023-10-16"}
"""What Vertex AI calls Anthropic's versions, where it has a name of its own for one."""


def send(prepared: Prepared, stream: bool, credential: Credential) -> HttpRequest:
    """Address a prepared body."""
    body = {**prepared.body, "stream": True} if stream else prepared.body
    return _post(body, prepared.version, prepared.betas, stream, credential)


def pass_on(body: RawBody, model: str, stream: bool, credential: Credential) -> HttpRequest:
    """Address a caller's own body, its API version the one its fields need."""
    version = SAMPLING_VERSION if any(name in body for name in SAMPLING) else API_VERSION
    sent: dict[str, Any] = {**body, "model": model}
    sent.pop("stream", None)
    if stream:
        sent["stream"] = True
    return _post(sent, version, (), stream, credential)


def count_tokens(ask: LlmRequest, credential: Credential) -> Exchange[int]:
    """Ask how many tokens `ask` would take; free. Here the model stays in the body."""
    prepared = prepare(ask, provider=client.NAME, credential_id=credential.id, automatic_cache=False)
    body = {**counted(prepared.body), "model": named(ask.model).model}
    url = client.located("publishers/anthropic/models/count-tokens:rawPredict", credential)
    body["anthropic_version"] = VERSIONS.get(prepared.version, prepared.version)
    reply = yield google_cloud.post(url, body, credential)
    return decode(reply, wire.COUNT).input_tokens


def _post(
    body: dict[str, Any], version: str, betas: tuple[str, ...], stream: bool, credential: Credential
) -> HttpRequest:
    model = named(str(body["model"])).model
    sent: dict[str, Any] = {"anthropic_version": VERSIONS.get(version, version)}
    sent |= {name: value for name, value in body.items() if name != "model"}
    if betas:
        sent["anthropic_beta"] = list(betas)
    method = "streamRawPredict" if stream else "rawPredict"
    # Claude is found in v1 alone; whatever the account says is about Google's own API.
    path = f"publishers/anthropic/models/{client.segment(model, 'model')}:{method}"
    return google_cloud.post(client.located(path, credential, version_="v1"), sent, credential)


LLM = anthropic_messages.llm(
    anthropic_messages.Dialect(
        provider=client.NAME,
        send=send,
        pass_on=pass_on,
        automatic_cache=False,
        version=lambda credential: None,
    )
)
