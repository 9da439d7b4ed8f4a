"""The models an account can use, and what is known of each.

What a model takes is told by four voices. The operator knows best, then the provider's own list of models
as this account sees it, then the catalogue that is shipped, and last the rules of the model's family, which
its dialect has. The first three speak one language, `Capabilities`, and are laid over one another here; a
dialect lays the result over its rules. So each field has its own voice: a list that tells no more of a model
than its longest answer changes that alone.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Modality = Literal["text", "image", "audio", "video", "document", "embedding"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Parameter = Literal[
    "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "metadata", "min_p", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "repetition_penalty", "response_format", "seed", "service_tier", "stop",
    "store", "temperature", "tool_choice", "top_k", "top_logprobs", "top_p", "user", "verbosity",
]  # fmt: skip
"""Parameters of a request by OpenAI's names, where it has one."""


class Capabilities(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, cache_hash=True
):
    """What one model takes and gives. None: this voice does not say, and the next one is asked."""

    context_window: Annotated[int, Meta(ge=1)] | None = None
    """Tokens of question and answer together, or of the question where its host tells only that."""
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Most tokens of one answer, its thoughts included."""
    inputs: tuple[Modality, ...] | None = None
    outputs: tuple[Modality, ...] | None = None
    streaming: bool | None = None
    tools: bool | None = None
    forced_tools: bool | None = None
    """Whether it can be made to call a tool."""
    structured_output: bool | None = None
    """Whether an answer can be held to a JSON Schema."""
    reasoning: bool | None = None
    efforts: tuple[Effort, ...] | None = None
    """How hard it can be asked to think, in words; () where it knows no such words."""
    default_effort: Effort | None = None
    """How hard it thinks unasked."""
    reasoning_adaptive: bool | None = None
    """Whether it can be left to it how much it thinks."""
    reasoning_budget: bool | None = None
    """Whether it can be told how many tokens to think."""
    reasoning_off: tuple[Literal["disabled", "between_tools"], ...] | None = None
    """The ways its thinking can be turned off; () where it can not be."""
    sampling: bool | None = None
    """Whether temperature, top_p and top_k are heeded."""
    max_temperature: Annotated[float, Meta(ge=0)] | None = None
    takes: tuple[Parameter, ...] = ()
    """Parameters it takes, whatever a voice below this one says."""
    refuses: tuple[Parameter, ...] = ()
    """Parameters it does not take."""

    def over(self, below: "Capabilities") -> "Capabilities":
        """Return what is known when `below` is asked only where this says nothing."""
        if below is UNKNOWN:
            return self
        if self is UNKNOWN:
            return below
        said = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        said["takes"] = _joined(self.takes, below.takes, self.refuses)
        said["refuses"] = _joined(self.refuses, below.refuses, self.takes)
        return msgspec.structs.replace(below, **said)


LONGEST_NAME = 2048
"""Of a model: as long as Amazon lets an ARN be. What is longer is no model's, and must not fill our memory of names."""

UNKNOWN = Capabilities()
"""Nothing is known; there is one of it."""


def _joined(
    above: tuple[Parameter, ...], below: tuple[Parameter, ...], denied: tuple[Parameter, ...]
) -> tuple[Parameter, ...]:
    return above + tuple(name for name in below if name not in above and name not in denied)


def modalities(words: Iterable[str] | None) -> tuple[Modality, ...] | None:
    """Read a provider's words for kinds of content, of which it may have more than we; None for none."""
    found = {_MODALITIES[word.lower()] for word in words or () if word.lower() in _MODALITIES}
    return tuple(sorted(found, key=_ORDER.index)) or None


_ORDER: tuple[Modality, ...] = ("text", "image", "audio", "video", "document", "embedding")
_MODALITIES: Mapping[str, Modality] = {word: word for word in _ORDER} | {
    "file": "document", "pdf": "document", "speech": "audio",
}  # fmt: skip


class ModelInfo(Struct, frozen=True, kw_only=True):
    """One model, as its provider lists it."""

    id: str
    created: int = 0
    """Unix seconds; 0 where the provider does not say."""
    title: str | None = None
    kinds: tuple[str, ...] = ()
    """chat, embedding, rerank, … where the provider says."""
    lifecycle: str | None = None
    known: Capabilities = UNKNOWN
    routes: Mapping[str, Capabilities] = {}
    """What is known of it on one of several ways, by the full name that asks for that way."""
    native: Mapping[str, Any] = {}
    """What the provider says of it in words of its own."""
