"""InvokeModel, whole and streamed: each vendor's own language in AWS's envelope
(docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html).
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab import event_stream
from lab.bedrock.client import admit, document, headers, refuse, stream_headers
from lab.bedrock.converse import model_of
from lab.bedrock.traits import Traits
from lab.http import JSON, Call, Response, encode

COUNTS = "x-amzn-bedrock-input-token-count"
_PADDING = "abcdefghijklmnopqrstuvwxyz"
_LATENCY_MS = 287
_CHOICES = {
    "x-amzn-bedrock-trace": ("ENABLED", "DISABLED", "ENABLED_FULL"),
    "x-amzn-bedrock-performanceconfig-latency": ("standard", "optimized"),
    "x-amzn-bedrock-service-tier": ("priority", "default", "flex", "reserved"),
}
_FAILED = "The system encountered an unexpected error during processing. Try your request again."


@dataclass(slots=True)
class Answer:
    """What a vendor's model says: a whole document, or events and the ones that end them."""

    input_tokens: int
    output_tokens: int | None = None
    whole: dict[str, Any] = field(default_factory=dict)
    events: Iterable[dict[str, Any]] = ()
    ending: list[dict[str, Any]] = field(default_factory=list)
    delay_ms: float = 0
    gap_ms: float = 0
    lazy: bool = False


Vendor = Callable[[Call, dict[str, Any], Traits, bool], Answer]
"""Answers a body for a model, and is told whether in events."""


class Invoke:
    """The two operations over the vendors' languages."""

    def __init__(self, vendors: Mapping[str, Vendor]) -> None:
        self._vendors = vendors

    def complete(self, call: Call) -> Response:
        """POST /model/{model}/invoke. Raises `Refused`."""
        admit(call, "InvokeModel")
        said = self._answer(call, streamed=False)
        counted = [(COUNTS, str(said.input_tokens)), ("x-amzn-bedrock-invocation-latency", str(_LATENCY_MS))]
        if said.output_tokens is not None:
            counted.append(("x-amzn-bedrock-output-token-count", str(said.output_tokens)))
        return Response(200, [*headers(call), *counted], encode(said.whole), delay_ms=said.delay_ms)

    def stream(self, call: Call) -> Response:
        """POST /model/{model}/invoke-with-response-stream. Raises `Refused`."""
        admit(call, "InvokeModelWithResponseStream")
        said = self._answer(call, streamed=True)
        chunks = _chunks(said.events)
        metrics = {
            "inputTokenCount": said.input_tokens,
            "outputTokenCount": said.output_tokens or 0,
            "invocationLatency": _LATENCY_MS,
            "firstByteLatency": _LATENCY_MS // 3,
        }
        last = {**said.ending[-1], "amazon-bedrock-invocationMetrics": metrics}
        return Response(
            200,
            [*stream_headers(call), ("x-amzn-bedrock-content-type", JSON)],
            events=chunks if said.lazy else list(chunks),
            ending=list(_chunks([*said.ending[:-1], last])),
            error_event=event_stream.exception("modelStreamErrorException", {"message": _FAILED}),
            delay_ms=said.delay_ms,
            gap_ms=said.gap_ms,
            lazy=said.lazy,
            spoil=event_stream.spoiled,
        )

    def _answer(self, call: Call, *, streamed: bool) -> Answer:
        trait = model_of(call)
        for name, choices in _CHOICES.items():
            if call.header(name) and call.header(name) not in choices:
                refuse(call, f"Value '{call.header(name)}' at '{name}' failed to satisfy constraint: Member must "
                             f"satisfy enum value set: [{', '.join(choices)}]")  # fmt: skip
        vendor = self._vendors.get(trait.language)
        if vendor is None or (streamed and not trait.chats):
            refuse(call, "The model is not supported for this operation.")
        return vendor(call, document(call), trait, streamed)


def _chunks(said: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for place, one in enumerate(said):
        raw = b64encode(encode(one)).decode()
        yield event_stream.event("chunk", {"bytes": raw, "p": _PADDING[: 3 + place % 20]})


def malformed(call: Call, words: str) -> None:
    """Raises `Refused` as the schemas of the older languages do."""
    refuse(call, f"Malformed input request: {words}, please reformat your input and try again.")


def fields(call: Call, body: dict[str, Any], known: Mapping[str, Any], *needed: str) -> None:
    """Refuses missing fields, those that are not known, and numbers out of their range. Raises `Refused`."""
    for name in needed:
        if name not in body:
            malformed(call, f"#: required key [{name}] not found")
    for name, value in body.items():
        if name not in known:
            malformed(call, f"#: extraneous key [{name}] is not permitted")
        limits = known[name]
        if isinstance(limits, tuple):
            if isinstance(value, bool) or not isinstance(value, int | float):
                malformed(call, f"#/{name}: expected type: Number, found: {type(value).__name__}")
            if value < limits[0]:
                malformed(call, f"#/{name}: {value} is not greater or equal to {limits[0]}")
            if value > limits[1]:
                malformed(call, f"#/{name}: {value} is not less or equal to {limits[1]}")
        elif not isinstance(value, limits):
            malformed(call, f"#/{name}: expected type: {limits.__name__}, found: {type(value).__name__}")
