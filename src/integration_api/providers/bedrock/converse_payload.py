"""Our request as the body of Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from integration_api.core.llm import LlmRequest, Origin, ToolCall, ToolResult
from integration_api.dialects.anthropic_messages_rules import rules_for
from integration_api.dialects.fitting import fitted
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_ids import map_ids, map_names
from integration_api.providers.bedrock import client, converse_cache
from integration_api.providers.bedrock.converse_answer import Reading
from integration_api.providers.bedrock.converse_blocks import Blocks
from integration_api.providers.bedrock.converse_options import options, refuse_the_rest
from integration_api.providers.bedrock.converse_output import output_form
from integration_api.providers.bedrock.converse_reasoning import in_words, reasoning_for, unbroken
from integration_api.providers.bedrock.converse_sampling import inference, max_tokens, top_k
from integration_api.providers.bedrock.converse_tools import toolbox
from integration_api.providers.bedrock.converse_turns import add_documents, say_calls, turns
from integration_api.providers.bedrock.families import family
from integration_api.providers.bedrock.options import Body, base_model, merged, of_converse


class Prepared(Struct, frozen=True):
    """A request in Converse's words, and what reading its answer takes."""

    body: Body
    reading: Reading


def prepare(ask: LlmRequest, *, credential_id: int = 0, fields: Mapping[str, str] = {}) -> Prepared:
    """Render `ask`; the same request always gives the same body.

    `fields` are the account's plain fields. Raises `Failure` for what no rendering can save: media
    that cannot be taken, arguments that are not JSON, and, where the caller is strict, anything
    unsupported.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    base = base_model(ask.model, ask.extras, fields)
    kind = family(base, ask.known)
    rules = rules_for(base, ask.known) if kind.thinking == "claude" else None
    names = map_names(_names(ask))
    ids = map_ids(_ids(ask), kind.ids)
    most = max_tokens(ask, rules, notes)
    reasoning = reasoning_for(ask, kind, rules, most, notes)
    blocks = Blocks(
        notes, kind, names, ids, credential_id=credential_id, replay_reasoning=not reasoning.is_off
    )
    system, conversation = turns(
        ask,
        blocks,
        kind,
        notes,
        system_turns=rules is not None and rules.system_turns,
        prefill=rules is None or rules.prefill,
    )
    reasoning = unbroken(reasoning, conversation, notes)
    structured = kind.structured and (rules is None or rules.structured)
    if not kind.tools:
        say_calls(conversation, notes)
    tools = toolbox(
        ask,
        names,
        kind,
        notes,
        may_force=rules is None or (rules.forced_tools and not reasoning.is_budgeted),
        structured=structured,
    )
    output, instruction = output_form(ask, notes, structured=structured)
    said = [{"text": text} for text in (instruction, tools.instruction) if text]
    if kind.system:
        system += said
    else:
        conversation[0]["content"][:0] = said
    add_documents(ask, conversation, blocks)
    converse_cache.mark_all(ask, kind, conversation[-1]["content"], notes)

    body: Body = {"messages": conversation}
    if system:
        body["system"] = system
    if settings := inference(ask, kind, rules, reasoning, most, notes):
        body["inferenceConfig"] = settings
    if tools.config is not None:
        body["toolConfig"] = tools.config
    body |= options(ask, notes)
    if output:
        body["outputConfig"] = output
    additional = in_words(reasoning, kind)
    if rules is not None and (betas := _betas(ask)):
        additional["anthropic_beta"] = betas
    additional |= top_k(ask, kind, rules, reasoning, notes)
    if additional:
        body["additionalModelRequestFields"] = additional
    converse_cache.limit(body, notes)
    refuse_the_rest(ask, notes)
    return Prepared(
        merged(body, of_converse(ask.extras)),
        Reading(
            model=ask.model,
            origin=Origin(
                client.NAME, kind.name, ask.model, credential_id if rules and rules.account_bound else 0
            ),
            notices=notes.all,
            names={sent: name for name, sent in names.items()},
            custom=frozenset(tool.name for tool in ask.tools if tool.kind == "custom"),
        ),
    )


def _names(ask: LlmRequest) -> Iterable[str]:
    yield from (tool.name for tool in ask.tools if tool.kind != "provider")
    for message in ask.messages:
        yield from (part.name for part in message.parts if isinstance(part, ToolCall))


def _ids(ask: LlmRequest) -> Iterable[str]:
    for message in ask.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                yield part.id
            elif isinstance(part, ToolResult):
                yield part.call_id


def _betas(ask: LlmRequest) -> list[str]:
    headers = {name.lower(): value for name, value in ask.headers}
    given = ask.extras.get("betas", ())
    betas = [
        *headers.get("anthropic-beta", "").split(","),
        *(given.split(",") if isinstance(given, str) else given),
    ]
    return list(dict.fromkeys(beta.strip() for beta in betas if beta.strip()))
