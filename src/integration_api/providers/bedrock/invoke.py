"""Chat by InvokeModel: each vendor's own language, inside AWS's envelope.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html

Converse is what a chat uses: one language for every vendor, and tools, documents, guardrails and cache
points that InvokeModel has for some of them only. InvokeModel is used for chats when a request asks for it
(`{"api": "invoke"}` among its options): for what a vendor has in its own language alone (Claude's server
tools and betas), and for custom and imported models that Converse does not know. Vectors and ranks have no
other way. An answer reads the same either way, as far as the vendor says the same.
"""

from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Frame, HttpRequest
from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest
from integration_api.dialects.aws_event_stream import AwsEventStream
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock import client
from integration_api.providers.bedrock.converse_options import options
from integration_api.providers.bedrock.options import AROUND, Body, merged
from integration_api.providers.bedrock.refusals import stream_fault, unreadable_event

JSON_ANSWER: client.Headers = (*client.JSON_BODY, ("accept", "application/json"))
JSON_EVENTS: client.Headers = (*client.JSON_BODY, ("x-amzn-bedrock-accept", "application/json"))


class Chunk(Struct, gc=False):
    """One event: the vendor's own, in base64. Its padding `p` is nobody's business."""

    bytes: str = ""


CHUNK = msgspec.json.Decoder(Chunk)


class ChunkFraming:
    """Takes a vendor's events out of AWS's: frames are unnamed and hold the vendor's JSON."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events = AwsEventStream()

    @property
    def events(self) -> AwsEventStream:
        return self._events

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Yield the events that are whole by now. Raises `ProviderError` for a damaged one or an exception."""
        for frame in self._events.feed(chunk):
            if frame.name == "chunk":
                try:
                    yield Frame("", a2b_base64(CHUNK.decode(frame.data).bytes, strict_mode=True))
                except (msgspec.DecodeError, NotBase64, ValueError):
                    raise unreadable_event() from None
            elif ":" in frame.name:
                raise stream_fault(frame)


def around(ask: LlmRequest, notes: Notes) -> Body:
    """Return what Converse would have around the conversation; here it goes into headers."""
    return merged(options(ask, notes), {name: ask.extras[name] for name in AROUND & ask.extras.keys()})


def request(model: str, body: Body, beside: Body, credential: Credential, *, stream: bool) -> HttpRequest:
    """Address a vendor's body, with what Converse would have `around` it `beside`."""
    operation = "invoke-with-response-stream" if stream else "invoke"
    headers = (*(JSON_EVENTS if stream else JSON_ANSWER), *_spelled(beside))
    return client.ask(model, operation, body, credential, headers)


def _spelled(beside: Body) -> client.Headers:
    guardrail = beside.get("guardrailConfig", {})
    trace, metadata = guardrail.get("trace"), beside.get("requestMetadata")
    found = {
        "x-amzn-bedrock-guardrailidentifier": guardrail.get("guardrailIdentifier"),
        "x-amzn-bedrock-guardrailversion": guardrail.get("guardrailVersion"),
        "x-amzn-bedrock-trace": None if trace is None else str(trace).upper(),
        "x-amzn-bedrock-service-tier": beside.get("serviceTier", {}).get("type"),
        "x-amzn-bedrock-performanceconfig-latency": beside.get("performanceConfig", {}).get("latency"),
        "x-amzn-bedrock-request-metadata": None if metadata is None else encode_text(metadata),
    }
    return tuple((name, str(value)) for name, value in found.items() if value is not None)
