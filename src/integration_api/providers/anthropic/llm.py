"""Chat with Claude at its maker's. https://platform.claude.com/docs/en/api/messages"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, decode
from integration_api.core.llm import LlmRequest
from integration_api.core.relay import RawBody
from integration_api.dialects import anthropic_messages
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_payload import (
    API_VERSION,
    SAMPLING,
    SAMPLING_VERSION,
    Prepared,
    counted,
    prepare,
)
from integration_api.dialects.anthropic_messages_relay import relayed_body
from integration_api.providers.anthropic import client


def send(prepared: Prepared, stream: bool, credential: Credential) -> HttpRequest:
    """Address a prepared body."""
    body = prepared.body | {"stream": True} if stream else prepared.body
    return client.post("/v1/messages", body, credential, prepared.version, prepared.betas)


def pass_on(body: RawBody, model: str, stream: bool, credential: Credential) -> HttpRequest:
    """Address a caller's own body, its API version the account's or the one its fields need."""
    version = credential.fields.get("api_version") or (
        SAMPLING_VERSION if any(name in body for name in SAMPLING) else API_VERSION
    )
    return client.post("/v1/messages", relayed_body(body, model, stream=stream), credential, version)


def count_tokens(ask: LlmRequest, credential: Credential) -> Exchange[int]:
    """Ask how many tokens `ask` would take; free."""
    prepared = prepare(ask, credential_id=credential.id, version=credential.fields.get("api_version"))
    reply = yield client.post(
        "/v1/messages/count_tokens", counted(prepared.body), credential, prepared.version, prepared.betas
    )
    return decode(reply, wire.COUNT).input_tokens


LLM = anthropic_messages.llm(anthropic_messages.Dialect(provider=client.NAME, send=send, pass_on=pass_on))
