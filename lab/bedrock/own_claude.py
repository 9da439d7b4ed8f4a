"""Claude's own messages behind InvokeModel
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html).
"""

from typing import Any

import msgspec

from lab.anthropic import messages, rules
from lab.anthropic.client import NEW, OLD
from lab.anthropic.traits import traits as of_claude
from lab.bedrock import claude
from lab.bedrock.client import refuse
from lab.bedrock.invoke import Answer
from lab.bedrock.traits import Traits
from lab.conversation import compose
from lab.http import Call, Refused

_VERSIONS = {"bedrock-2023-05-31": OLD, NEW: NEW}
_FIRST_NEW = (4, 7)


def speak(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """Answers as Claude does. Raises `Refused`."""
    asked = dict(body)
    version = _version(call, asked, trait)
    for name in ("model", "stream"):
        if name in asked:
            refuse(call, f"{name}: Extra inputs are not permitted")
    asked["model"] = trait.claude
    inner = claude.as_claude(call, asked, trait)
    try:
        own = rules.check(inner, asked, version)
    except Refused as refused:
        refuse(call, claude.words(refused))
    prompt, cached = messages.read(inner, asked, own)
    if prompt.tokens > own.window:
        refuse(call, f"prompt is too long: {prompt.tokens} tokens > {own.window} maximum")
    reply = compose(prompt, call.take(), provider="Bedrock")
    writer = messages.Writer(inner, asked, reply, own, cached)
    said = Answer(
        reply.input_tokens, reply.output_tokens, delay_ms=reply.delay_ms, gap_ms=reply.gap_ms, lazy=reply.lazy
    )
    if streamed:
        events = (_data(event) for event in writer.deltas())
        said.events = (event for event in events if event["type"] != "ping")
        said.ending = [_data(event) for event in writer.ending()]
    else:
        said.whole = writer.whole()
    return said


def _version(call: Call, asked: dict[str, Any], trait: Traits) -> str:
    given = asked.pop("anthropic_version", None)
    if given is None:
        refuse(call, "anthropic_version: Field required")
    version = _VERSIONS.get(given)
    if version is None or (version == NEW and of_claude(trait.claude).version < _FIRST_NEW):
        refuse(call, "Invalid API version")
    return version


def _data(event: bytes) -> dict[str, Any]:
    """What an event of Anthropic's says, its framing left behind."""
    said: dict[str, Any] = msgspec.json.decode(event.partition(b"data: ")[2])
    return said
