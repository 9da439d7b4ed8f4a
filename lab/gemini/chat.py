"""Gemini's answers, whole and streamed, and token counts (ai.google.dev/api/generate-content).

Made up by themselves, answers are grounded when there is a search tool, run code when there is a tool for that, and
are blocked when the prompt has the word "jailbreak" in it.
"""

from collections.abc import Iterator
from typing import Any

from lab.conversation import IMAGE_TOKENS, Prompt, Tool, compose
from lab.gemini import rules
from lab.gemini.client import document, refuse, said
from lab.gemini.host import Host
from lab.gemini.parse import parse
from lab.gemini.traits import Traits
from lab.gemini.turn_rules import responses
from lab.gemini.writer import Writer
from lab.http import JSON, Call, Response, encode

_EFFORTS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
_FAILED = said(503, "The model is overloaded. Please try again later.")
_BLOCKED = "jailbreak"

Body = dict[str, Any]


def generate(host: Host, call: Call) -> Response:
    """POST …:generateContent. Raises `Refused`."""
    writer = _asked(host, call, "generateContent")
    response = Response(200, host.headers(call), encode(writer.whole()))
    response.delay_ms = writer.reply.delay_ms
    return response


def stream(host: Host, call: Call) -> Response:
    """POST …:streamGenerateContent: server-sent events if asked for, else one array. Raises `Refused`."""
    writer = _asked(host, call, "streamGenerateContent")
    reply = writer.reply
    if call.query.get("alt") != "sse":
        *first, last = [*writer.chunks(), writer.last()]
        pieces = [encode(one) for one in first]
        events = [b"[" + pieces[0], *(b",\r\n" + one for one in pieces[1:])] if pieces else [b"["]
        ending = [(b",\r\n" if pieces else b"") + encode(last) + b"\r\n]"]
        failed = b",\r\n" + encode(_FAILED) + b"\r\n]"
        response = Response(200, host.headers(call), events=events, ending=ending, error_event=failed)
    else:
        told: Iterator[bytes] = map(_event, writer.chunks())
        response = Response(
            200,
            host.stream_headers(call),
            events=told if reply.lazy else list(told),
            error_event=_event(_FAILED),
            lazy=reply.lazy,
        )
        response.ending = [_event(writer.last())]
    response.delay_ms, response.gap_ms = reply.delay_ms, reply.gap_ms
    return response


def count_tokens(host: Host, call: Call) -> Response:
    """POST …:countTokens. Raises `Refused`."""
    host.admit(call)
    trait = host.find(call, "countTokens")
    body = parse(call, document(call), "CountTokensRequest", host.name)
    whole = body.pop("generateContentRequest", None)
    if whole is not None and body:
        refuse(call, "contents and generate_content_request are mutually exclusive")
    asked = whole or body
    asked.pop("model", None)
    checked = rules.check(call, asked, trait, host.name)
    tokens = read(call, checked, trait).tokens
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    return Response(200, host.headers(call), encode({"totalTokens": tokens, "promptTokensDetails": details}))


def _asked(host: Host, call: Call, method: str) -> Writer:
    host.admit(call)
    trait = host.find(call, method)
    body = rules.check(call, document(call), trait, host.name)
    prompt = read(call, body, trait)
    if prompt.tokens > trait.window:
        refuse(
            call,
            f"The input token count ({prompt.tokens}) exceeds the maximum number of tokens allowed ({trait.window}).",
        )
    blocked = _BLOCKED in prompt.text
    reply = compose(prompt, None if blocked else call.take(), provider="Gemini")
    return Writer(call, body, reply, trait, host, blocked=blocked)


def _event(chunk: Body) -> bytes:
    return b"data: %b\r\n\r\n" % encode(chunk)


# --- what was asked --------------------------------------------------------------------------


def read(call: Call, body: Body, trait: Traits) -> Prompt:
    """The conversation in the lab's terms."""
    prompt = Prompt(shape=call.asked, tokens=2)
    for part in (body.get("systemInstruction") or {}).get("parts") or ():
        prompt.read(part["text"])
    for turn in body["contents"]:
        texts = [text for part in turn["parts"] if (text := _text(part, prompt))]
        if turn.get("role") == "model":
            prompt.continued, prompt.results = True, []
        elif answered := responses(turn):
            prompt.user_turn = False
            prompt.results = [_result(one) for one in answered]
        elif texts or prompt.user_turn:
            # What a tool shows comes behind its results, and nobody says anything with it.
            shown = bool(prompt.results) and texts[:1] and texts[0].startswith("Shown by")
            if not shown:
                prompt.text, prompt.user_turn, prompt.results = " ".join(texts), True, []
    for tool in body.get("tools") or ():
        for declared in tool.get("functionDeclarations") or ():
            schema = declared.get("parametersJsonSchema") or _json_schema(declared.get("parameters"))
            prompt.tools.append(Tool(declared["name"], schema))
        prompt.read(encode(tool).decode())
    _choose(prompt, (body.get("toolConfig") or {}).get("functionCallingConfig") or {})
    _generation(prompt, body.get("generationConfig") or {}, trait)
    return prompt


def _text(part: Body, prompt: Prompt) -> str:
    blob = part.get("inlineData") or part.get("fileData")
    if blob is not None:
        kind = blob.get("mimeType", JSON).partition("/")[0]
        prompt.images += kind in ("image", "video")
        prompt.sounds += kind == "audio"
        prompt.files += kind not in ("image", "video", "audio")
        prompt.tokens += IMAGE_TOKENS
        return ""
    if "text" not in part:
        prompt.read(encode(part).decode())
        return ""
    prompt.read(part["text"])
    return "" if part.get("thought") else str(part["text"])


def _result(answered: Body) -> str:
    response = answered["response"]
    said = response.get("output", response.get("error", response))
    return said if isinstance(said, str) else encode(said).decode()


def _json_schema(schema: Any) -> Any:
    """A schema of Google's as JSON Schema: its types are written small there."""
    if isinstance(schema, dict):
        told = {name: _json_schema(value) for name, value in schema.items()}
        return {**told, "type": told["type"].lower()} if isinstance(told.get("type"), str) else told
    return [_json_schema(one) for one in schema] if isinstance(schema, list) else schema


def _choose(prompt: Prompt, calling: Body) -> None:
    names = calling.get("allowedFunctionNames") or ()
    if names:
        prompt.tools = [tool for tool in prompt.tools if tool.name in names]
    prompt.choice = {"ANY": "required", "NONE": "none"}.get(calling.get("mode", "AUTO"), "auto")


def _generation(prompt: Prompt, config: Body, trait: Traits) -> None:
    prompt.max_tokens = config.get("maxOutputTokens")
    prompt.stop = config.get("stopSequences") or ()
    schema = config.get("responseJsonSchema")
    prompt.schema = _json_schema(config.get("responseSchema")) if schema is None else schema
    prompt.wants_json = config.get("responseMimeType") == JSON
    thinking = config.get("thinkingConfig") or {}
    if trait.levels:
        prompt.effort = _EFFORTS[thinking.get("thinkingLevel", "LOW")]
    elif trait.budget is not None and thinking.get("thinkingBudget") != 0:
        prompt.effort = "low"
