"""Nova's own language through InvokeModel: Converse's, a little apart.

https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Frame, HttpRequest, Stream, decode, unreadable
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.providers.bedrock import converse_answer, invoke
from integration_api.providers.bedrock import converse_wire as wire
from integration_api.providers.bedrock.converse_payload import Prepared, prepare
from integration_api.providers.bedrock.converse_reader import Reader
from integration_api.providers.bedrock.options import AROUND, Body, merged
from integration_api.providers.bedrock.refusals import unreadable_event

SCHEMA = "messages-v1"

_NAMED = msgspec.json.Decoder(dict[str, Raw])


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    prepared = _prepared(ask, credential)
    reply = yield _request(ask, prepared, credential, stream=False)
    answer = decode(reply, wire.ANSWER)
    try:
        return converse_answer.response(answer, reply.headers.get("x-amzn-requestid", ""), prepared.reading)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(reply, error) from None


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    prepared = _prepared(ask, credential)
    framing = _Framing()
    reader = Reader(prepared.reading, framing.events)
    request = _request(ask, prepared, credential, stream=True)
    return Stream(request, framing, reader, reader.opened)


def body(prepared: Prepared) -> Body:
    """Return Nova's body: the fields Converse has for each model's own are at home here."""
    found = {name: value for name, value in prepared.body.items() if name not in AROUND}
    additional = found.pop("additionalModelRequestFields", {})
    return merged({"schemaVersion": SCHEMA, **found}, additional)


def _prepared(ask: LlmRequest, credential: Credential) -> Prepared:
    return prepare(ask, credential_id=credential.id, fields=credential.fields)


def _request(ask: LlmRequest, prepared: Prepared, credential: Credential, *, stream: bool) -> HttpRequest:
    beside = {name: prepared.body[name] for name in AROUND & prepared.body.keys()}
    return invoke.request(ask.model, body(prepared), beside, credential, stream=stream)


class _Framing(invoke.ChunkFraming):
    """Names each event by the key it stands under."""

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        for frame in super().feed(chunk):
            try:
                said = _NAMED.decode(frame.data)
            except msgspec.DecodeError:
                raise unreadable_event() from None
            for name, event in said.items():
                if not name.startswith("amazon-bedrock-"):
                    yield Frame(name, bytes(event))
