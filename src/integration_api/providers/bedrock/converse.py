"""Chat by Converse and ConverseStream: one language for every model.

https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html
"""

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Stream, decode, unreadable
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.dialects.aws_event_stream import AwsEventStream
from integration_api.providers.bedrock import client, converse_answer
from integration_api.providers.bedrock import converse_wire as wire
from integration_api.providers.bedrock.converse_payload import Prepared, prepare
from integration_api.providers.bedrock.converse_reader import Reader


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    prepared = _prepared(ask, credential)
    reply = yield client.ask(ask.model, "converse", _whole(prepared), credential)
    answer = decode(reply, wire.ANSWER)
    try:
        return converse_answer.response(answer, reply.headers.get("x-amzn-requestid", ""), prepared.reading)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(reply, error) from None


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    prepared = _prepared(ask, credential)
    framing = AwsEventStream()
    reader = Reader(prepared.reading, framing)
    request = client.ask(ask.model, "converse-stream", prepared.body, credential)
    return Stream(request, framing, reader, reader.opened)


def count_tokens(ask: LlmRequest, credential: Credential) -> Exchange[int]:
    """Ask how many tokens `ask` would take; free, and known of a few models only."""
    body = _prepared(ask, credential).body
    asked = {name: body[name] for name in ("messages", "system", "toolConfig") if name in body}
    reply = yield client.ask(ask.model, "count-tokens", {"input": {"converse": asked}}, credential)
    return decode(reply, wire.COUNT).input_tokens


def _prepared(ask: LlmRequest, credential: Credential) -> Prepared:
    return prepare(ask, credential_id=credential.id, fields=credential.fields)


def _whole(prepared: Prepared) -> dict[str, object]:
    """Return the body without what is about streams alone."""
    guardrail = prepared.body.get("guardrailConfig")
    if guardrail is None or "streamProcessingMode" not in guardrail:
        return prepared.body
    kept = {name: value for name, value in guardrail.items() if name != "streamProcessingMode"}
    return prepared.body | {"guardrailConfig": kept}
