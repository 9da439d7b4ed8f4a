"""Conversations as the prompts that text models were trained on.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

import re
from collections.abc import Callable, Mapping

from integration_api.core.llm import (
    JsonValue,
    LlmRequest,
    Message,
    Part,
    RefusalText,
    Role,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.dialects.alternating_turns import BEGIN
from integration_api.dialects.anthropic_messages_blocks import rag_result
from integration_api.dialects.notes import Notes, unsupported
from integration_api.providers.bedrock.converse_options import refuse_the_rest
from integration_api.providers.bedrock.converse_output import output_form
from integration_api.providers.bedrock.options import Body

Said = list[tuple[str, str]]
"""Who said what: `user` and `assistant` in turn, the user first."""

_LLAMA_MARKS = re.compile(r"<\|([a-z_]+)\|>")
_MISTRAL_MARKS = re.compile(r"\[(/?INST)\]|<(/?s)>")
"""What structures a prompt: in a user's own words it would be taken for structure."""


def _llama(ask: LlmRequest, notes: Notes) -> Body:
    system, said = _conversation(ask, notes)
    plain = [(role, _LLAMA_MARKS.sub(r"< |\1| >", text)) for role, text in said]
    if system:
        plain.insert(0, ("system", system))
    turns = "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>" for role, text in plain)
    prompt = f"<|begin_of_text|>{turns}<|start_header_id|>assistant<|end_header_id|>\n\n"
    _cannot_stop(ask, notes)
    return {"prompt": prompt, **_sampling(ask, notes, "max_gen_len", top_p="top_p")}


def _titan(ask: LlmRequest, notes: Notes) -> Body:
    system, said = _conversation(ask, notes)
    names = {"user": "User", "assistant": "Bot"}
    lines = [*([system, ""] if system else []), *(f"{names[role]}: {text}" for role, text in said), "Bot:"]
    config = _sampling(ask, notes, "maxTokenCount", top_p="topP", stop="stopSequences")
    return {"inputText": "\n".join(lines), **({"textGenerationConfig": config} if config else {})}


def _mistral(ask: LlmRequest, notes: Notes) -> Body:
    system, said = _conversation(ask, notes)
    prompt = "<s>"
    for role, given in said:
        text = _MISTRAL_MARKS.sub(lambda mark: f"( {mark[1] or mark[2]} )", given)
        if role == "user":
            text = f"{system}\n\n{text}" if system else text
            system = ""
            prompt += f"[INST] {text} [/INST]"
        else:
            prompt += f" {text}</s>"
    return {
        "prompt": prompt,
        **_sampling(ask, notes, "max_tokens", top_p="top_p", top_k="top_k", stop="stop"),
    }


def _command(ask: LlmRequest, notes: Notes) -> Body:
    system, said = _conversation(ask, notes)
    if len(said) == 1:
        prompt = f"{system}\n\n{said[0][1]}" if system else said[0][1]
    else:
        names = {"user": "User", "assistant": "Chatbot"}
        lines = [f"{names[role]}: {text}" for role, text in said]
        prompt = "\n".join((*([system] if system else []), *lines, "Chatbot:"))
    return {
        "prompt": prompt,
        **_sampling(ask, notes, "max_tokens", top_p="p", top_k="k", stop="stop_sequences"),
    }


def _command_r(ask: LlmRequest, notes: Notes) -> Body:
    system, said = _conversation(ask, notes)
    names = {"user": "USER", "assistant": "CHATBOT"}
    body: Body = {"message": said[-1][1] if said[-1][0] == "user" else BEGIN}
    before = said[:-1] if said[-1][0] == "user" else said
    if before:
        body["chat_history"] = [{"role": names[role], "message": text} for role, text in before]
    if system:
        body["preamble"] = system
    return body | _sampling(ask, notes, "max_tokens", top_p="p", top_k="k", stop="stop_sequences")


def _jamba(ask: LlmRequest, notes: Notes) -> Body:
    system, said = _conversation(ask, notes)
    turns = [*([("system", system)] if system else []), *said]
    return {
        "messages": [{"role": role, "content": text} for role, text in turns],
        **_sampling(ask, notes, "max_tokens", top_p="top_p", stop="stop"),
    }


LANGUAGES: Mapping[str, Callable[[LlmRequest, Notes], Body]] = {
    "llama": _llama,
    "titan": _titan,
    "mistral": _mistral,
    "command": _command,
    "command-r": _command_r,
    "jamba": _jamba,
}


def _conversation(ask: LlmRequest, notes: Notes) -> tuple[str, Said]:
    """Return the instructions and what was said. Raises `Failure` for media."""
    if ask.tools:
        notes.cannot("tools", "this language of InvokeModel has no tools: use Converse")
    if ask.reasoning.mode not in {"default", "off"} or ask.reasoning.effort not in {None, "none"}:
        notes.cannot("reasoning", "this language of InvokeModel has no reasoning: use Converse")
    refuse_the_rest(ask, notes)
    _, form = output_form(ask, notes, structured=False)
    system: list[str] = []
    said: Said = []
    for place, message in enumerate(ask.messages):
        text = _text(message, f"messages[{place}]", notes)
        if message.role in {Role.SYSTEM, Role.DEVELOPER}:
            system.append(text)
            continue
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        if not text.strip():
            continue
        if said and said[-1][0] == role:
            said[-1] = (role, f"{said[-1][1]}\n{text}")
        else:
            said.append((role, text))
    if ask.documents:
        known = "\n\n".join(_passage(rag_result(document)) for document in ask.documents)
        system.append(known)
    if form:
        system.append(form)
    if not said and system:
        said = [("user", "\n\n".join(system))]
        system = []
    if not said or said[0][0] != "user":
        said.insert(0, ("user", BEGIN))
    return "\n\n".join(filter(None, system)), said


def _text(message: Message, where: str, notes: Notes) -> str:
    return "\n".join(filter(None, (_part(part, where, notes) for part in message.parts)))


def _part(part: Part | JsonValue, where: str, notes: Notes) -> str:
    match part:
        case Text(text=text) | RefusalText(text=text) | JsonValue(text=text):
            return text
        case SearchResult():
            return _passage(part)
        case ToolCall(name=name, arguments=arguments):
            return f"[called {name} with {arguments}]"
        case ToolResult(content=content):
            said = " ".join(_part(inner, where, notes) for inner in content)
            return f"[the tool answered: {said}]"
        case _ if type(part).__name__ == "Media":
            raise unsupported(where, "this language of InvokeModel takes text alone: use Converse")
        case _:
            notes.note("dropped", where, f"{type(part).__name__} has no place in a prompt")
            return ""


def _passage(part: SearchResult) -> str:
    return "\n".join((f"{part.title} ({part.source})", *part.content))


def _sampling(
    ask: LlmRequest,
    notes: Notes,
    max_tokens: str,
    *,
    top_p: str,
    top_k: str | None = None,
    stop: str | None = None,
) -> Body:
    sampling = ask.sampling
    found: Body = {}
    if ask.max_output_tokens is not None:
        found[max_tokens] = ask.max_output_tokens
    if sampling.temperature is not None:
        found["temperature"] = min(max(sampling.temperature, 0.0), 1.0)
        if found["temperature"] != sampling.temperature:
            notes.note(
                "clamped", "temperature", f"this model's temperature is 0 to 1: {found['temperature']:g}"
            )
    if sampling.top_p is not None:
        found[top_p] = sampling.top_p
    if sampling.top_k is not None:
        if top_k is None:
            notes.cannot("top_k", "this model takes no top_k here")
        else:
            found[top_k] = sampling.top_k
    if sampling.stop and stop is not None:
        found[stop] = list(sampling.stop)
    return found


def _cannot_stop(ask: LlmRequest, notes: Notes) -> None:
    if ask.sampling.stop:
        notes.cannot("stop", "Llama on InvokeModel takes no stop sequences")
