"""What each vendor's models take and refuse on Bedrock, as data.

https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

import re
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct

from integration_api.core.models import UNKNOWN as NOTHING
from integration_api.core.models import Capabilities
from integration_api.dialects.openai_chat_ids import IdForm

ANY_ID = IdForm(re.compile(r"[a-zA-Z0-9_.:-]{1,64}", re.ASCII), prefix="tooluse_", length=22)
MISTRAL_ID = IdForm(re.compile(r"[a-zA-Z0-9]{9}", re.ASCII), prefix="", length=9)


class Family(Struct, frozen=True, kw_only=True):
    """One vendor's kind of models. The defaults are the careful guess about a vendor nobody knows."""

    name: str = ""
    """What an opaque value of theirs is kept under."""
    system: bool = True
    """Whether there is a place for instructions; otherwise they open the user's first turn."""
    tools: bool = True
    forced: frozenset[str] = frozenset()
    """Which ways of demanding a tool call it knows: `any` and `tool`."""
    ids: IdForm = ANY_ID
    leading_assistant: bool = False
    """Whether a conversation may begin with the assistant."""
    lone_results: bool = False
    """Whether nothing else may stand in a turn with tool results."""
    result_status: bool = True
    """Whether a tool result may say that it failed."""
    structured: bool = False
    """Whether `outputConfig.textFormat` and strict tools are held to."""
    caches: bool = False
    caches_tools: bool = False
    cache_ttl: bool = False
    search_results: bool = False
    """Whether passages can be given as such, and be cited."""
    thinking: Literal["claude", "nova", "qwen", "effort"] | None = None
    """Whose words ask it to reason; None where nothing does."""
    replays: Literal["signed", "any"] | None = None
    """Which of its earlier reasoning it takes back."""
    top_k: tuple[str, ...] = ()
    """Where in the additional fields `top_k` goes."""
    invoke: Literal["claude", "nova", "llama", "titan", "mistral", "command", "command-r", "jamba"] | None = (
        None
    )
    """The language InvokeModel speaks to it."""


UNKNOWN = Family()

_BOTH = frozenset({"any", "tool"})

CLAUDE = Family(
    name="claude",
    forced=_BOTH,
    leading_assistant=True,
    structured=True,
    caches=True,
    caches_tools=True,
    cache_ttl=True,
    search_results=True,
    thinking="claude",
    replays="signed",
    top_k=("top_k",),
    invoke="claude",
)
"""What Claude's generations differ in wherever they run is in `dialects.anthropic_messages_rules`."""

_EARLY_CLAUDE = msgspec.structs.replace(CLAUDE, caches=False, caches_tools=False, cache_ttl=False)
_CLAUDE_FOR_MINUTES = msgspec.structs.replace(CLAUDE, cache_ttl=False)

NOVA = Family(name="nova", forced=_BOTH, caches=True, top_k=("inferenceConfig", "topK"), invoke="nova")

_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"anthropic\.claude-(v2|instant)", msgspec.structs.replace(_EARLY_CLAUDE, tools=False)),
    (r"anthropic\.claude-3-((opus|sonnet|haiku)-|5-sonnet-20240620)", _EARLY_CLAUDE),
    (r"anthropic\.claude-(3-|(opus|sonnet)-4-(1-)?20)", _CLAUDE_FOR_MINUTES),
    (r"anthropic\.", CLAUDE),
    (
        r"amazon\.nova-2-",
        Family(
            name="nova",
            forced=_BOTH,
            caches=True,
            thinking="nova",
            replays="signed",
            top_k=("inferenceConfig", "topK"),
            invoke="nova",
        ),
    ),
    (r"amazon\.nova-", NOVA),
    (r"amazon\.titan-", Family(name="titan", system=False, tools=False, invoke="titan")),
    (r"meta\.llama(2|3-(8|70)b)", Family(name="llama", tools=False, invoke="llama")),
    (r"meta\.", Family(name="llama", lone_results=True, invoke="llama")),
    (
        r"mistral\.(mistral-7b|mixtral)",
        Family(name="mistral", system=False, tools=False, ids=MISTRAL_ID, invoke="mistral"),
    ),
    (
        r"mistral\.(mistral-(large-24|small-24)|pixtral)",
        Family(
            name="mistral",
            forced=frozenset({"any"}),
            ids=MISTRAL_ID,
            lone_results=True,
            top_k=("top_k",),
            invoke="mistral",
        ),
    ),
    (
        r"mistral\.",
        Family(
            name="mistral",
            forced=frozenset({"any"}),
            ids=MISTRAL_ID,
            lone_results=True,
            structured=True,
            invoke="mistral",
        ),
    ),
    (r"cohere\.command-r", Family(name="command-r", top_k=("k",), invoke="command-r")),
    (r"cohere\.command", Family(name="command", system=False, tools=False, invoke="command")),
    (r"ai21\.jamba", Family(name="jamba", invoke="jamba")),
    (r"ai21\.", Family(name="j2", system=False, tools=False)),
    (r"deepseek\.r1", Family(name="deepseek", tools=False, replays="any")),
    (r"deepseek\.", Family(name="deepseek", structured=True, replays="any")),
    (r"openai\.", Family(name="gpt-oss", structured=True, thinking="effort")),
    (r"qwen\.", Family(name="qwen", structured=True, thinking="qwen", leading_assistant=True)),
    (r"zai\.", Family(name="glm", structured=True, leading_assistant=True)),
    (r"moonshot(ai)?\.", Family(name="kimi", structured=True, leading_assistant=True)),
    (r"(google|minimax|nvidia)\.", Family(structured=True)),
    (r"writer\.", Family(name="palmyra", lone_results=True, result_status=False)),
)

_COMPILED = tuple((re.compile(pattern), family) for pattern, family in _FAMILIES)

_GEOGRAPHY = re.compile(r"(us|eu|apac|jp|au|ca|sa|me|af|global|us-gov)\.")
_TELLING_ARN = re.compile(r"arn:[\w-]+:bedrock:[^/]*:(foundation-model|inference-profile)/(.+)", re.ASCII)


def bare(model: str) -> str:
    """Return an id without geography and ARN, such as `anthropic.claude-haiku-4-5-20251001-v1:0`.

    ARNs of other kinds (application profiles, provisioned, custom and imported models, prompt
    routers) do not tell what they run, and come back as they are.
    """
    arn = _TELLING_ARN.fullmatch(model)
    found = arn[2] if arn else model
    return found if found.startswith("arn:") else _GEOGRAPHY.sub("", found, count=1)


@lru_cache(maxsize=1024)
def family(model: str, known: Capabilities = NOTHING) -> Family:
    """Return the family that `model` belongs to, and over it what is `known` of the model itself."""
    id = bare(model)
    found = next((found for pattern, found in _COMPILED if pattern.match(id)), UNKNOWN)
    said = {
        "tools": known.tools,
        "structured": known.structured_output,
        "forced": {True: _BOTH, False: frozenset[str](), None: None}[known.forced_tools],
    }
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    return msgspec.structs.replace(found, **changes) if changes else found
