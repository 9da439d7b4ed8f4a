"""What Mistral refuses in a chat request: unknown fields above all (docs.mistral.ai/api, chat)."""

from typing import Any

from lab.http import Call
from lab.mistral import message_rules
from lab.mistral.client import refuse
from lab.mistral.traits import Traits, traits
from lab.mistral.values import Findings, Place

_FIELDS = frozenset(
    [
        "frequency_penalty",
        "guardrails",
        "logprobs",
        "max_tokens",
        "messages",
        "metadata",
        "min_tokens",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_logprobs",
        "prompt_mode",
        "random_seed",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "safe_prompt",
        "service_tier",
        "stop",
        "stream",
        "temperature",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "top_prompt_logprobs",
    ]
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_RANGES: dict[str, tuple[float | None, float | None, bool]] = {
    "temperature": (0, 1.5, False),
    "top_p": (0, 1, False),
    "top_k": (0, None, True),
    "presence_penalty": (-2, 2, False),
    "frequency_penalty": (-2, 2, False),
    "max_tokens": (0, None, True),
    "min_tokens": (0, None, True),
    "random_seed": (0, None, True),
    "n": (1, None, True),
}
_ARGUMENTS = "invalid_request_invalid_args"


def check(call: Call, body: dict[str, Any]) -> Traits:
    """The model's traits, if Mistral would take the request. Raises `Refused`."""
    findings = Findings()
    findings.known(body, _FIELDS)
    model = findings.required(body, "model")
    if model is not None:
        findings.typed(model, str, "string", ("model",))
    messages = findings.required(body, "messages")
    if "messages" in body:
        message_rules.validate(findings, messages)
    for name, (low, high, whole) in _RANGES.items():
        if body.get(name) is not None:
            findings.between(body[name], low, high, (name,), whole=whole)
    for name in ("stream", "safe_prompt", "parallel_tool_calls"):
        if body.get(name) is not None:
            findings.typed(body[name], bool, "bool", (name,))
    if body.get("reasoning_effort") is not None:
        findings.one_of(body["reasoning_effort"], _EFFORTS, ("reasoning_effort",))
    if body.get("prompt_mode") is not None:
        findings.one_of(body["prompt_mode"], ("reasoning",), ("prompt_mode",))
    _tools(findings, body)
    _format(findings, body.get("response_format"))
    findings.close(call)
    trait = traits(call.asked.base)
    if not trait.known or not trait.chat:
        refuse(call, f"Invalid model: {model}", "invalid_model", "1500")
    message_rules.check(call, messages)
    _agreeing(call, body, trait)
    return trait


def _tools(findings: Findings, body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if tools is not None and findings.typed(tools, list, "list", ("tools",)):
        for number, tool in enumerate(tools):
            _tool(findings, tool, ("tools", number))
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        findings.known(choice, frozenset({"type", "function"}), ("tool_choice",))
        function = findings.required(choice, "function", ("tool_choice",))
        if isinstance(function, dict):
            findings.required(function, "name", ("tool_choice", "function"))
    elif choice is not None:
        findings.one_of(choice, ("auto", "none", "any", "required"), ("tool_choice",))


def _tool(findings: Findings, tool: Any, place: Place) -> None:
    if not findings.typed(tool, dict, "dict", place) or tool.get("type", "function") != "function":
        return
    findings.known(tool, frozenset({"type", "function"}), place)
    function = findings.required(tool, "function", place)
    place = (*place, "function")
    if function is None or not findings.typed(function, dict, "dict", place):
        return
    findings.known(function, frozenset({"name", "description", "parameters", "strict"}), place)
    findings.required(function, "name", place)
    parameters = findings.required(function, "parameters", place)
    if parameters is not None:
        findings.typed(parameters, dict, "dict", (*place, "parameters"))


def _format(findings: Findings, wanted: Any) -> None:
    place: Place = ("response_format",)
    if wanted is None or not findings.typed(wanted, dict, "dict", place):
        return
    findings.known(wanted, frozenset({"type", "json_schema"}), place)
    findings.one_of(wanted.get("type"), ("text", "json_object", "json_schema"), (*place, "type"))
    if wanted.get("type") == "json_schema":
        schema = findings.required(wanted, "json_schema", place)
        place = (*place, "json_schema")
        if isinstance(schema, dict):
            findings.known(schema, frozenset({"name", "schema", "strict", "description"}), place)
            findings.required(schema, "name", place)
            findings.required(schema, "schema", place)


def _agreeing(call: Call, body: dict[str, Any], trait: Traits) -> None:
    """Fields that have to fit one another and the model."""
    names = []
    for tool in body.get("tools") or ():
        if "function" in tool:
            names.append(tool["function"]["name"])
            message_rules.function_name(call, names[-1])
    choice = body.get("tool_choice")
    if choice is not None and not isinstance(choice, dict) and choice in ("any", "required") and not names:
        refuse(call, f"Tool choice '{choice}' needs tools.", _ARGUMENTS, "3051")
    if isinstance(choice, dict) and choice["function"]["name"] not in names:
        refuse(call, f"Tool '{choice['function']['name']}' is not among the tools.", _ARGUMENTS, "3051")
    if body.get("logprobs") or body.get("top_logprobs"):
        refuse(call, "Logprobs are not enabled for this model", _ARGUMENTS, "3051")
    if body.get("temperature") == 0 and body.get("top_p") not in (None, 1):
        refuse(call, "top_p must be 1 when using greedy sampling.", _ARGUMENTS, "3054")
    effort = body.get("reasoning_effort")
    if effort is not None and effort not in trait.efforts:
        text = f"reasoning_effort '{effort}' is not supported for model {call.model}"
        refuse(call, text, _ARGUMENTS, "3051")
    if body.get("prompt_mode") and not trait.reasons:
        refuse(call, f"prompt_mode is not supported for model {call.model}", _ARGUMENTS, "3051")
