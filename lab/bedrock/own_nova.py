"""Nova's own language behind InvokeModel: Converse's, a little apart
(docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html).
"""

from collections.abc import Iterator
from typing import Any

from lab.bedrock.converse import Writer, written
from lab.bedrock.invoke import Answer, malformed
from lab.bedrock.traits import Traits
from lab.http import Call

_FIELDS = frozenset(
    {
        "schemaVersion",
        "messages",
        "system",
        "inferenceConfig",
        "toolConfig",
        "reasoningConfig",
        "outputConfig",
    }
)


def speak(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """Answers as Nova does. Raises `Refused`."""
    if body.get("schemaVersion", "messages-v1") != "messages-v1":
        malformed(call, "#/schemaVersion: not a valid enum value")
    for name in body:
        if name not in _FIELDS:
            malformed(call, f"#: extraneous key [{name}] is not permitted")
    writer = written(call, _as_converse(body), trait, streamed=streamed)
    reply = writer.reply
    said = Answer(
        reply.input_tokens, reply.output_tokens, delay_ms=reply.delay_ms, gap_ms=reply.gap_ms, lazy=reply.lazy
    )
    if streamed:
        said.events = _pieces(writer)
        said.ending = [{name: told} for name, told in writer.ending()]
    else:
        said.whole = writer.whole()
    return said


def _as_converse(body: dict[str, Any]) -> dict[str, Any]:
    """The request as Converse has it: what is Nova's alone goes where Converse keeps a model's own."""
    found = {name: value for name, value in body.items() if name not in ("schemaVersion", "reasoningConfig")}
    own: dict[str, Any] = {}
    config = dict(found.get("inferenceConfig") or {})
    if "topK" in config:
        own["inferenceConfig"] = {"topK": config.pop("topK")}
    if "inferenceConfig" in found:
        found["inferenceConfig"] = config
    if "reasoningConfig" in body:
        own["reasoningConfig"] = body["reasoningConfig"]
    return {**found, "additionalModelRequestFields": own} if own else found


def _pieces(writer: Writer) -> Iterator[dict[str, Any]]:
    """Each event under its name. Nova ends a text after each piece of it and counts on."""
    shift, last = 0, ""
    for name, said in writer.deltas():
        place = said.get("contentBlockIndex")
        if place is None:
            yield {name: said}
            continue
        if name == "contentBlockStop" and last == "text":
            shift -= 1
            continue
        yield {name: {**said, "contentBlockIndex": place + shift}}
        last = next(iter(said.get("delta", {"": None})))
        if last == "text":
            yield {"contentBlockStop": {"contentBlockIndex": place + shift}}
            shift += 1
