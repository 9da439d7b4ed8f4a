"""Converse, whole and streamed, and CountTokens
(docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from lab import event_stream
from lab.anthropic import messages as anthropic
from lab.anthropic.signature import sign
from lab.anthropic.traits import Traits as ClaudeTraits
from lab.bedrock import claude, converse_rules, converse_shapes, shapes
from lab.bedrock.client import admit, answer, document, identity, refuse, stream_headers
from lab.bedrock.traits import Traits, named_by_profile, traits
from lab.conversation import Prompt, Reply, compose, mark
from lab.http import Call, Response

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}
_FAILED = "The system encountered an unexpected error during processing. Try your request again."
_BLOCKED = "Sorry, the model cannot answer this question."
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LATENCY_MS = 412


def complete(call: Call) -> Response:
    """POST /model/{model}/converse. Raises `Refused`."""
    admit(call, "InvokeModel")
    writer = _writer(call, streamed=False)
    response = answer(call, writer.whole())
    response.delay_ms = writer.reply.delay_ms
    return response


def stream(call: Call) -> Response:
    """POST /model/{model}/converse-stream. Raises `Refused`."""
    admit(call, "InvokeModelWithResponseStream")
    writer = _writer(call, streamed=True)
    events = (writer.framed(name, said) for name, said in writer.deltas())
    reply = writer.reply
    return Response(
        200,
        stream_headers(call),
        events=events if reply.lazy else list(events),
        ending=[writer.framed(name, said) for name, said in writer.ending()],
        error_event=event_stream.exception("modelStreamErrorException", {"message": _FAILED}),
        delay_ms=reply.delay_ms,
        gap_ms=reply.gap_ms,
        lazy=reply.lazy,
        spoil=event_stream.spoiled,
    )


def count_tokens(call: Call) -> Response:
    """POST /model/{model}/count-tokens. Raises `Refused`."""
    admit(call, "CountTokens")
    trait = model_of(call)
    body = document(call)
    shapes.check(call, body, converse_shapes.COUNTED)
    if not trait.counts_tokens:
        refuse(call, "The provided model doesn't support counting tokens.")
    if "converse" not in body["input"]:
        refuse(call, "The lab counts the tokens of Converse alone.")
    asked = body["input"]["converse"]
    converse_rules.check(call, asked, trait, streamed=False)
    return answer(call, {"inputTokens": read(call, asked, trait)[0].tokens})


def model_of(call: Call) -> Traits:
    """The rules of the model that the path names. Raises `Refused` when there is none."""
    call.model = call.params["model"]
    name = call.asked.base
    trait = traits(name)
    if trait is None:
        refuse(call, "The provided model identifier is invalid.")
    if trait.by_profile and not named_by_profile(name):
        refuse(
            call,
            f"Invocation of model ID {name} with on-demand throughput isn\u2019t supported. Retry your request with "
            "the ID or ARN of an inference profile that contains this model.",
        )
    return trait


def read(call: Call, body: dict[str, Any], trait: Traits) -> tuple[Prompt, anthropic.Cached, ClaudeTraits]:
    """The conversation in the lab's terms, and its cache. Raises `Refused` where Claude would not take it."""
    if trait.claude:
        call, asked, own = claude.check(call, body, trait)
    else:
        asked, own = claude.messages(body, trait), ClaudeTraits()
        call = claude.as_claude(call, asked, trait)
    prompt, cached = anthropic.read(call, asked, own)
    blocks = [block for message in body["messages"] for block in message["content"]]
    prompt.sounds = sum("audio" in block for block in blocks)
    if not trait.claude:
        prompt.effort = _effort(body, trait)
        prompt.schema = ((asked.get("output_config") or {}).get("format") or {}).get("schema")
    if prompt.tokens > trait.window:
        refuse(call, "Input is too long for requested model.")
    return prompt, cached, own


def _effort(body: dict[str, Any], trait: Traits) -> str:
    own = body.get("additionalModelRequestFields") or {}
    match trait.effort:
        case "nova":
            asked = own.get("reasoningConfig") or {}
            on = asked.get("type") == "enabled"
            return str(asked.get("maxReasoningEffort", "medium")) if on else ""
        case "gpt":
            return str(own.get("reasoning_effort", "medium"))
        case "qwen":
            return str(own.get("reasoning_config", ""))
        case _:
            return "low" if trait.reasons == "plain" else ""


def _writer(call: Call, *, streamed: bool) -> "Writer":
    trait = model_of(call)
    return written(call, document(call), trait, streamed=streamed)


def written(call: Call, body: dict[str, Any], trait: Traits, *, streamed: bool) -> "Writer":
    """The answer to a request that Converse would take. Raises `Refused`."""
    shape = converse_shapes.CONVERSE_STREAM if streamed else converse_shapes.CONVERSE
    shapes.check(call, body, shape)
    converse_rules.check(call, body, trait, streamed=streamed)
    prompt, cached, own = read(call, body, trait)
    reply = compose(prompt, call.take(), provider="Bedrock")
    if body.get("guardrailConfig") and "blocked" in prompt.text:
        reply = Reply(text=[_BLOCKED], native_finish="guardrail_intervened", input_tokens=prompt.tokens)
    return Writer(call, body, reply, trait, cached, own)


class Writer:
    """Writes one reply in Converse's shapes."""

    def __init__(
        self,
        call: Call,
        body: dict[str, Any],
        reply: Reply,
        trait: Traits,
        cached: anthropic.Cached,
        own: ClaudeTraits,
    ) -> None:
        self.call = call
        self.body = body
        self.reply = reply
        self.trait = trait
        self.cached = cached
        self.own = own
        if reply.refusal is not None:
            reply.text, reply.finish = [reply.refusal], "content_filter"
        display = ((body.get("additionalModelRequestFields") or {}).get("thinking") or {}).get("display")
        self.shows = not trait.claude or (display == "summarized" if display else not own.hides_thinking)
        self._padding = 0

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        reply = self.reply
        content: list[dict[str, Any]] = []
        if reply.redacted is not None:
            content.append({"reasoningContent": {"redactedContent": reply.redacted}})
        if reply.reasoning:
            text, signature = self._thought()
            signed = {"signature": signature} if signature else {}
            content.append({"reasoningContent": {"reasoningText": {"text": text, **signed}}})
        if text := "".join(reply.text):
            citations = self._citations(text)
            cited = {"citationsContent": {"content": [{"text": text}], "citations": citations}}
            content.append(cited if citations else {"text": text})
        content += [
            {"toolUse": {**self._use(place), "input": msgspec.json.decode(one.arguments or "{}")}}
            for place, one in enumerate(reply.calls)
        ]
        message = {"role": "assistant", "content": content}
        return {"output": {"message": message}, **self._stopped(), **self._told()}

    def deltas(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The stream's events up to its ending. A text begins without being announced."""
        reply = self.reply
        yield "messageStart", {"role": "assistant"}
        index = 0
        if reply.redacted is not None:
            yield _delta(index, {"reasoningContent": {"redactedContent": reply.redacted}})
            yield _stop(index)
            index += 1
        if reply.reasoning:
            _, signature = self._thought()
            for piece in reply.reasoning if self.shows else ():
                yield _delta(index, {"reasoningContent": {"text": piece}})
            if signature:
                yield _delta(index, {"reasoningContent": {"signature": signature}})
            yield _stop(index)
            index += 1
        said: list[str] = []
        for piece in reply.text:
            if not reply.lazy:
                said.append(piece)
            yield _delta(index, {"text": piece})
        if said or reply.lazy:
            for cited in self._citations("".join(said)):
                yield _delta(index, {"citation": cited})
            yield _stop(index)
            index += 1
        for place, one in enumerate(reply.calls):
            start = {"toolUse": self._use(place)}
            yield "contentBlockStart", {"start": start, "contentBlockIndex": index}
            for piece in [""] if one.arguments == "{}" else one.pieces():
                yield _delta(index, {"toolUse": {"input": piece}})
            yield _stop(index)
            index += 1

    def ending(self) -> list[tuple[str, dict[str, Any]]]:
        """The events that end the stream: what it cost comes last."""
        return [("messageStop", self._stopped()), ("metadata", self._told())]

    def framed(self, name: str, said: dict[str, Any]) -> bytes:
        """An event on the wire, padded so that its length tells nothing."""
        self._padding = (self._padding + 17) % len(_PADDING)
        return event_stream.event(name, {**said, "p": _PADDING[: self._padding]})

    def _thought(self) -> tuple[str, str]:
        """What is shown of the reasoning, and its signature."""
        text = "".join(self.reply.reasoning) if self.shows else ""
        return text, sign(text, self.own) if self.trait.reasons == "signed" else ""

    def _use(self, place: int) -> dict[str, str]:
        one = self.reply.calls[place]
        short = mark(self.call, 9, f"call{place}") if self.trait.short_ids else ""
        return {
            "toolUseId": one.id or short or f"tooluse_{mark(self.call, 22, f'call{place}')}",
            "name": one.name,
        }

    def _citations(self, text: str) -> list[dict[str, Any]]:
        """The first words come from the first document that may be cited."""
        documents = [
            block["document"]
            for message in self.body["messages"]
            for block in message["content"]
            if "document" in block
        ]
        for place, one in enumerate(documents):
            if (one.get("citations") or {}).get("enabled") and text:
                where = {"documentChar": {"documentIndex": place, "start": 0, "end": 8}}
                return [{"title": one["name"], "sourceContent": [{"text": text[:8]}], "location": where}]
        return []

    def _stopped(self) -> dict[str, Any]:
        reply = self.reply
        stop = reply.native_finish or ("stop_sequence" if reply.stopped_by else _STOPS[reply.finish])
        stopped: dict[str, Any] = {"stopReason": stop}
        if "/stop_sequence" in (self.body.get("additionalModelResponseFieldPaths") or ()):
            stopped["additionalModelResponseFields"] = {"stop_sequence": reply.stopped_by}
        return stopped

    def _told(self) -> dict[str, Any]:
        reply, cached, body = self.reply, self.cached, self.body
        fresh = max(reply.input_tokens - cached.read - cached.written, 0)
        usage: dict[str, Any] = {
            "inputTokens": fresh,
            "outputTokens": reply.output_tokens,
            "totalTokens": reply.input_tokens + reply.output_tokens,
        }
        if self.trait.caches:
            usage |= {"cacheReadInputTokens": cached.read, "cacheWriteInputTokens": cached.written}
            if cached.written:
                usage["cacheDetails"] = [{"ttl": cached.ttl, "inputTokens": cached.written}]
        told: dict[str, Any] = {"usage": usage | reply.usage, "metrics": {"latencyMs": _LATENCY_MS}}
        told |= {name: body[name] for name in ("performanceConfig", "serviceTier") if body.get(name)}
        guardrail = body.get("guardrailConfig") or {}
        if guardrail.get("trace") in ("enabled", "enabled_full"):
            action = "Guardrail blocked." if reply.native_finish else "No action."
            told["trace"] = {"guardrail": {"actionReason": action, "modelOutput": [identity(self.call)]}}
        return told


def _delta(index: int, delta: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"delta": delta, "contentBlockIndex": index}


def _stop(index: int) -> tuple[str, dict[str, Any]]:
    return "contentBlockStop", {"contentBlockIndex": index}
