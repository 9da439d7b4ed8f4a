"""Writes one reply in Gemini's shapes: each chunk of a stream is a whole answer with nothing but what is new."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec

from lab.conversation import Reply, ToolCall, mark
from lab.gemini.host import Host
from lab.gemini.signature import sign
from lab.gemini.traits import Traits
from lab.http import Call

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_CREATED = "2026-11-18T12:00:00.000001Z"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SOUND = "audio/L16;codec=pcm;rate=24000"
_STREAMED = 5  # characters of an argument in one streamed piece

Part = dict[str, Any]
Body = dict[str, Any]


class Writer:
    """Writes an answer whole (`whole`), or in chunks (`chunks`, then `last`)."""

    def __init__(
        self, call: Call, body: Body, reply: Reply, trait: Traits, host: Host, *, blocked: bool
    ) -> None:
        self.call = call
        self.reply = reply
        self.trait = trait
        self.host = host
        self.blocked = blocked
        config = body.get("generationConfig") or {}
        self.config = config
        self.shows_thoughts = bool((config.get("thinkingConfig") or {}).get("includeThoughts"))
        self.candidates = range(config.get("candidateCount", 1))
        self.speaks = "AUDIO" in (config.get("responseModalities") or ())
        self.draws = "IMAGE" in (config.get("responseModalities") or ())
        self.own = {name for tool in body.get("tools") or () for name in tool}
        calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        self.streams_arguments = bool(calling.get("streamFunctionCallArguments"))
        self.signs = self.trait.new or (bool(reply.calls) and self.trait.thinks and bool(reply.reasoning))
        if reply.refusal is not None:
            reply.text, reply.finish = [reply.refusal], "content_filter"
        self.finish = reply.native_finish or _FINISH[reply.finish]
        if not all(isinstance(_json(one.arguments), dict) for one in reply.calls):
            reply.calls, self.finish = [], "MALFORMED_FUNCTION_CALL"
        self.answered = max(reply.output_tokens - reply.reasoning_tokens, 0)
        self.said: list[str] = []
        self.envelope: Body = {"modelVersion": call.asked.base or call.model, "responseId": mark(call, 22)}
        if host.dates:
            self.envelope = {"createTime": _CREATED, **self.envelope}

    # --- whole and streamed --------------------------------------------------------------------

    def whole(self) -> Body:
        """The answer in one piece."""
        if self.blocked:
            return self.last()
        reply = self.reply
        text = "".join(reply.text)
        self.said = [text]
        parts = self._thoughts(["".join(reply.reasoning)] if reply.reasoning else [])
        parts += self._ran()
        if self.speaks:
            parts.append(_sound(text))
        elif text or not (parts or reply.calls):
            signed = self.trait.new and not reply.calls
            parts.append(self._signed({"text": text}, "text") if signed else {"text": text})
        parts += self._drawn()
        parts += [self._call(one, at) for at, one in enumerate(reply.calls)]
        told = []
        for index in self.candidates:
            candidate = {
                "content": {"role": "model", "parts": parts},
                "finishReason": self.finish,
                "index": index,
            }
            told.append({**candidate, **self._about(text), **self._logprobs(list(reply.text))})
        return {"candidates": told, "usageMetadata": self._usage(self.answered), **self.envelope}

    def chunks(self) -> Iterator[Body]:
        """All chunks but the last."""
        if self.blocked:
            return
        reply = self.reply
        for part in self._thoughts(reply.reasoning):
            yield self._chunk([part], 0)
        for part in self._ran():
            yield self._chunk([part], 0)
        for piece in reply.text:
            self.said.append(piece)
            part = _sound(piece) if self.speaks else {"text": piece}
            yield self._chunk([part], len(self.said), self._logprobs([piece]))
        for part in self._drawn():
            yield self._chunk([part], len(self.said))
        for at, one in enumerate(reply.calls):
            parts = self._argued(one, at) if self.streams_arguments else [self._call(one, at)]
            for part in parts:
                yield self._chunk([part], self.answered)

    def last(self) -> Body:
        """The last chunk: how it ended, what it rests on, and a signature of nothing but that."""
        if self.blocked:
            feedback = {"blockReason": "PROHIBITED_CONTENT"}
            tokens = self.reply.input_tokens
            usage = {"promptTokenCount": tokens, "totalTokenCount": tokens}
            return {"promptFeedback": feedback, "usageMetadata": usage, **self.envelope}
        text = "".join(self.said)
        part: Part = {"text": ""}
        if self.trait.new and not self.reply.calls:
            part = self._signed(part, "text")
        told = [
            {
                "content": {"role": "model", "parts": [part]},
                "finishReason": self.finish,
                "index": index,
                **self._about(text),
            }
            for index in self.candidates
        ]
        return {"candidates": told, "usageMetadata": self._usage(self.answered), **self.envelope}

    def _chunk(self, parts: list[Part], tokens: int, more: Body | None = None) -> Body:
        candidates = [
            {"content": {"role": "model", "parts": parts}, "index": index, **(more or {})}
            for index in self.candidates
        ]
        return {"candidates": candidates, "usageMetadata": self._usage(tokens), **self.envelope}

    # --- parts -----------------------------------------------------------------------------------

    def _thoughts(self, told: Any) -> list[Part]:
        return [{"text": piece, "thought": True} for piece in told] if self.shows_thoughts else []

    def _signed(self, part: Part, what: str) -> Part:
        return {**part, "thoughtSignature": sign(self.call, what)}

    def _call(self, one: ToolCall, at: int) -> Part:
        made: Body = {"name": one.name}
        if one.arguments != "{}":
            made["args"] = _json(one.arguments)
        if self.trait.new:
            made = {"id": one.id or mark(self.call, 8, f"call{at}").lower(), **made}
        part: Part = {"functionCall": made}
        return self._signed(part, f"call{at}") if self.signs and not at else part

    def _argued(self, one: ToolCall, at: int) -> list[Part]:
        """A call whose arguments come piece by piece, each at its place."""
        whole = self._call(one, at)
        head = {name: value for name, value in whole["functionCall"].items() if name != "args"}
        parts: list[Part] = [{**whole, "functionCall": {**head, "willContinue": True}}]
        for place, value in _leaves(_json(one.arguments), "$"):
            for piece in _pieces(value):
                argument = {"jsonPath": place, **piece}
                parts.append({"functionCall": {"partialArgs": [argument], "willContinue": True}})
        return [*parts, {"functionCall": {}}]

    def _drawn(self) -> list[Part]:
        if not self.draws:
            return []
        part: Part = {"inlineData": {"mimeType": "image/png", "data": _PNG}}
        return [self._signed(part, "image") if self.trait.new else part]

    def _ran(self) -> list[Part]:
        if "codeExecution" not in self.own or self.reply.calls:
            return []
        code = {"executableCode": {"language": "PYTHON", "code": "print(6 * 7)\n"}}
        return [
            self._signed(code, "code") if self.trait.new else code,
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}},
        ]

    # --- what is told about them ---------------------------------------------------------------

    def _about(self, text: str) -> Body:
        found: Body = {}
        if "googleSearch" in self.own and text and not self.reply.calls:
            # The first eight letters of an answer come from the first page; places are bytes.
            segment = {"endIndex": len(text[:8].encode()), "text": text[:8]}
            found["groundingMetadata"] = {
                "webSearchQueries": ["lab"],
                "searchEntryPoint": {"renderedContent": "<div>lab</div>"},
                "groundingChunks": [{"web": {"uri": "https://example.com/lab", "title": "example.com"}}],
                "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
            }
        if "urlContext" in self.own:
            fetched = {
                "retrievedUrl": "https://example.com/",
                "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS",
            }
            found["urlContextMetadata"] = {"urlMetadata": [fetched]}
        if self.finish == "SAFETY":
            rating = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}
            found["safetyRatings"] = [rating]
        return found

    def _logprobs(self, pieces: list[str]) -> Body:
        if not self.config.get("responseLogprobs"):
            return {}
        tokens = [{"token": piece, "tokenId": at, "logProbability": -0.25} for at, piece in enumerate(pieces)]
        told: Body = {"chosenCandidates": tokens}
        if self.config.get("logprobs"):
            told["topCandidates"] = [{"candidates": [one]} for one in tokens]
        return {"avgLogprobs": -0.25, "logprobsResult": told}

    def _usage(self, answered: int) -> Body:
        """The counts so far: the answer's own leave its thoughts out."""
        reply = self.reply
        thoughts = reply.reasoning_tokens
        usage: Body = {"promptTokenCount": reply.input_tokens}
        if reply.cached_tokens:
            usage["cachedContentTokenCount"] = reply.cached_tokens
        if answered:
            usage["candidatesTokenCount"] = answered
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        usage["totalTokenCount"] = reply.input_tokens + answered + thoughts
        usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": reply.input_tokens}]
        if self.host.dates:
            usage["trafficType"] = "ON_DEMAND"
        else:
            usage["serviceTier"] = "standard"
        return usage | reply.usage


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every value that is no container, and its JSON path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{at}]")
    else:
        yield place, value


def _pieces(value: Any) -> list[Part]:
    """A value as it is streamed: texts in pieces, of which the last says nothing more."""
    match value:
        case str():
            cut = [value[at : at + _STREAMED] for at in range(0, len(value), _STREAMED)]
            return [*({"stringValue": piece, "willContinue": True} for piece in cut), {"stringValue": ""}]
        case bool():
            return [{"boolValue": value}]
        case None:
            return [{"nullValue": "NULL_VALUE"}]
        case _:
            return [{"numberValue": value}]


def _sound(text: str) -> Part:
    return {"inlineData": {"mimeType": _SOUND, "data": b64encode(text.encode()).decode()}}
