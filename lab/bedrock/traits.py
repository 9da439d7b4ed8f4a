"""What each model on Bedrock allows, by its vendor and line
(docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from lab.anthropic.traits import traits as claude

Language = Literal[
    "claude", "nova", "llama", "titan", "mistral", "command", "command-r", "jamba", "converse-only",
    "titan-embed", "titan-image", "cohere-embed", "nova-embed", "cohere-rerank", "amazon-rerank",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Traits:
    """A model's rules. `id` is the model behind a profile; `claude` is Anthropic's own name for it."""

    id: str = ""
    language: Language = "converse-only"
    claude: str = ""
    by_profile: bool = False
    system: bool = True
    tools: bool = True
    streams_tools: bool = True
    choices: tuple[str, ...] = ("auto",)
    media: tuple[str, ...] = ()
    caches: bool = False
    caches_tools: bool = False
    long_cache: bool = False
    begins_anyhow: bool = False
    lone_results: bool = False
    result_status: bool = True
    short_ids: bool = False
    schemas: bool = False
    effort: str = ""
    reasons: Literal["", "signed", "plain"] = ""
    counts_tokens: bool = False
    most: int = 8192
    window: int = 128_000

    @property
    def chats(self) -> bool:
        """Whether it takes part in conversations."""
        return not self.language.endswith(("-embed", "-image", "-rerank"))


_ANY = ("auto", "any")
_ALL = ("auto", "any", "tool")
_PAPERS = ("document",)
_SEES = ("image", "document")
_NOVA = Traits(
    language="nova", choices=_ALL, media=(*_SEES, "video"), caches=True, most=10_000, window=300_000
)
_LLAMA = Traits(language="llama", media=_PAPERS, lone_results=True)
_PROMPTED = Traits(tools=False, media=_PAPERS)
_MISTRAL = Traits(language="mistral", choices=_ANY, media=_PAPERS, lone_results=True, short_ids=True)
_OPEN = Traits(schemas=True, most=64_000)

_LINES: tuple[tuple[str, Traits], ...] = (
    (r"amazon\.nova-2-multimodal-embeddings-.*", Traits(language="nova-embed")),
    (
        r"amazon\.nova-2-.*",
        replace(_NOVA, by_profile=True, effort="nova", reasons="signed", most=64_000, window=1_000_000),
    ),
    (r"amazon\.nova-micro-.*", replace(_NOVA, media=())),
    (r"amazon\.nova-premier-.*", replace(_NOVA, by_profile=True)),
    (r"amazon\.nova-(lite|pro)-.*", _NOVA),
    (r"amazon\.titan-embed-(text|g1)-.*", Traits(language="titan-embed")),
    (r"amazon\.titan-embed-image-.*", Traits(language="titan-image")),
    (r"amazon\.titan-t(ext|g1)-.*", replace(_PROMPTED, language="titan", system=False, most=8000)),
    (r"amazon\.rerank-.*", Traits(language="amazon-rerank")),
    (r"meta\.llama3-(8|70)b-.*", replace(_PROMPTED, language="llama", window=8000)),
    (r"meta\.llama3-[12]-.*", replace(_LLAMA, streams_tools=False)),
    (r"meta\.llama4-.*", replace(_LLAMA, by_profile=True, media=_SEES)),
    (r"meta\.llama3-3-.*", replace(_LLAMA, by_profile=True)),
    (r"mistral\.(mistral-7b|mixtral)-.*", replace(_PROMPTED, language="mistral", system=False)),
    (r"mistral\.pixtral-.*", replace(_MISTRAL, by_profile=True, media=_SEES)),
    (r"mistral\..*", _MISTRAL),
    (r"cohere\.command-r-.*", Traits(language="command-r", media=_PAPERS)),
    (r"cohere\.command-.*", replace(_PROMPTED, language="command", system=False)),
    (r"cohere\.embed-.*", Traits(language="cohere-embed")),
    (r"cohere\.rerank-.*", Traits(language="cohere-rerank")),
    (r"ai21\.jamba-.*", Traits(language="jamba", media=_PAPERS, streams_tools=False)),
    (r"deepseek\.r1-.*", replace(_PROMPTED, by_profile=True, reasons="plain", most=32_768)),
    (r"deepseek\..*", replace(_OPEN, choices=_ALL, reasons="plain")),
    (r"openai\.gpt-oss-.*", replace(_OPEN, effort="gpt", reasons="plain")),
    (r"qwen\..*", replace(_OPEN, choices=_ALL, effort="qwen", begins_anyhow=True)),
    (r"(moonshot(ai)?|zai)\..*", replace(_OPEN, choices=_ALL, reasons="plain", begins_anyhow=True)),
    (r"(google|minimax|nvidia)\..*", _OPEN),
    (r"writer\..*", Traits(by_profile=True, lone_results=True, result_status=False, media=_PAPERS)),
)
_COMPILED = tuple((re.compile(form), line) for form, line in _LINES)
_CLAUDE = re.compile(r"anthropic\.(claude-.*?)(-v\d+)?(:\d+\w*)?")
_OLDEST = re.compile(r"claude-(instant|v2).*")
_CACHED_EARLY = ("claude-3-5-haiku-20241022", "claude-3-5-sonnet-20241022")
_AREA = re.compile(r"(us|eu|apac|jp|au|ca|global|us-gov)\.")
_ARN = re.compile(r"arn:aws[\w-]*:bedrock:([a-z0-9-]*):(\d{12})?:([a-z-]+)/(.+)")

APPLICATION_PROFILES = {
    "labclaude001": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "labnova00001": "us.amazon.nova-2-lite-v1:0",
    "labtitan0001": "amazon.titan-embed-text-v2:0",
}
"""Profiles an account has made itself: their ARNs do not tell what is behind them."""


@lru_cache(1024)
def traits(model: str) -> Traits | None:
    """The rules of a model by its id, its profile's id, or an ARN of either; None when there is no such
    model. A name with nothing in it (only directives) is Claude Sonnet 4.5.
    """
    if not model:
        return traits("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    if arn := _ARN.fullmatch(model):
        match arn[3]:
            case "foundation-model" | "inference-profile":
                return traits(arn[4])
            case "application-inference-profile" if arn[4] in APPLICATION_PROFILES:
                return traits(APPLICATION_PROFILES[arn[4]])
            case _:
                return None
    id = _AREA.sub("", model, count=1)
    if hit := _CLAUDE.fullmatch(id):
        return _of_claude(id, hit[1])
    found = next((line for form, line in _COMPILED if form.fullmatch(id)), None)
    return found and replace(found, id=id)


def named_by_profile(model: str) -> bool:
    """Whether a name is that of an inference profile, or of something else that is not a bare model."""
    return model.startswith("arn:") or not model or _AREA.match(model) is not None


def _of_claude(id: str, name: str) -> Traits | None:
    trait = claude(name)
    oldest = _OLDEST.fullmatch(name) is not None
    if not trait.known and not oldest:
        return None
    new = trait.version >= (3, 7) and not oldest
    return Traits(
        id=id,
        language="claude",
        claude="claude-3-haiku-20240307" if oldest else name,
        by_profile=new,
        tools=not oldest,
        choices=_ALL,
        media=_SEES,
        caches=new or name in _CACHED_EARLY,
        caches_tools=new or name in _CACHED_EARLY,
        long_cache=new and trait.version >= (4, 5),
        begins_anyhow=True,
        schemas=trait.version >= (4, 5) and not oldest,
        reasons="signed" if trait.thinks and not oldest else "",
        counts_tokens=not oldest,
        most=trait.most,
        window=trait.window,
    )
