"""Claude's own messages through InvokeModel.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
"""

import msgspec
from msgspec import DecodeError, Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Stream, decode, unreadable
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.dialects import anthropic_messages_answer as answer
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_payload import API_VERSION
from integration_api.dialects.anthropic_messages_payload import prepare as messages
from integration_api.dialects.anthropic_messages_reader import Reader
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock import client, invoke
from integration_api.providers.bedrock.options import AROUND, OURS, Body, base_model

VERSION = "bedrock-2023-05-31"
"""What every Claude on Bedrock speaks. From 4.7 on they also speak Anthropic's own newest version."""

_NOT_CLAUDES = (OURS | AROUND) - {"betas"}
"""Options that Claude's own language has no word for; its betas it has."""


class Prepared(Struct, frozen=True):
    body: Body
    beside: Body
    """What goes into headers."""
    reading: answer.Reading


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    prepared = prepare(ask, credential)
    reply = yield invoke.request(ask.model, prepared.body, prepared.beside, credential, stream=False)
    message = decode(reply, wire.MESSAGE)
    try:
        return answer.response(message, prepared.reading)
    except (DecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise unreadable(reply, error) from None


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    prepared = prepare(ask, credential)
    request = invoke.request(ask.model, prepared.body, prepared.beside, credential, stream=True)
    return Stream(request, invoke.ChunkFraming(), Reader(prepared.reading))


def prepare(ask: LlmRequest, credential: Credential) -> Prepared:
    """Render `ask` as Anthropic has it, without what the path and AWS's headers say."""
    plain = msgspec.structs.replace(
        ask,
        model=base_model(ask.model, ask.extras, credential.fields),
        extras={name: value for name, value in ask.extras.items() if name not in _NOT_CLAUDES},
        service_tier=None,
        speed=None,
        inference_geo=None,
        metadata=None,
        safety=msgspec.structs.replace(ask.safety, guardrail=None),
    )
    found = messages(plain, provider=client.NAME, credential_id=credential.id, automatic_cache=False)
    headers = {name.lower(): value for name, value in ask.headers}
    body: Body = {
        "anthropic_version": API_VERSION if headers.get("anthropic-version") == API_VERSION else VERSION
    }
    if found.betas:
        body["anthropic_beta"] = list(found.betas)
    body |= {name: value for name, value in found.body.items() if name != "model"}
    notes = Notes(strict=ask.strict)
    beside = invoke.around(ask, notes)
    if ask.inference_geo is not None:
        notes.cannot("inference_geo", "on Bedrock the model's id says where it runs")
    notices = (*found.reading.notices, *notes.all)
    return Prepared(body, beside, msgspec.structs.replace(found.reading, notices=notices))
