"""What Google's embeddings have in common: tasks, contents, vectors, batches.

https://ai.google.dev/gemini-api/docs/embeddings and
https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse
from integration_api.core.llm import Media, Text, Usage
from integration_api.dialects.gemini_media import inline
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.vectors import shortened, vector

TASKS = {
    "query": "RETRIEVAL_QUERY",
    "search_query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "search_document": "RETRIEVAL_DOCUMENT",
    "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "qa": "QUESTION_ANSWERING",
    "fact": "FACT_VERIFICATION",
    "code_query": "CODE_RETRIEVAL_QUERY",
}
"""What vectors are for, as callers say it and as Google does."""

PREFIXES = {
    "RETRIEVAL_QUERY": "task: search result | query: ",
    "QUESTION_ANSWERING": "task: question answering | query: ",
    "FACT_VERIFICATION": "task: fact checking | query: ",
    "CODE_RETRIEVAL_QUERY": "task: code retrieval | query: ",
    "CLASSIFICATION": "task: classification | query: ",
    "CLUSTERING": "task: clustering | query: ",
    "SEMANTIC_SIMILARITY": "task: sentence similarity | query: ",
}
"""How newer models are told in words what older ones have a field for, which they ignore."""

DOCUMENT = "RETRIEVAL_DOCUMENT"

NEWER = re.compile(r"gemini-embedding-(?!001|exp)")
"""Models that take pictures and are told their task in words."""

UNEVEN = re.compile(r"gemini-embedding-(001|exp).*")
"""Shortened vectors of these have not the length of 1 that callers expect."""
WHOLE = 3072
"""Dimensions of a vector that was not shortened."""

TOO_MUCH = re.compile(
    r"(?i)\b(instances?|batch|requests?|tokens?|inputs?)\b.*\b(exceeds?|most|max\w*|limit|only|one|up to)\b"
)
"""What Google says of a batch that is too large as a whole: half of it may pass."""

Vectors: TypeAlias = tuple[list[bytes], int | None]
"""The vectors of one answer, and how many tokens were counted."""


class Plan(Struct, frozen=True):
    """What every batch of one request has in common."""

    ask: EmbeddingRequest
    task: str | None
    """For the field of that name; None where the texts say it, or nobody asked."""
    evens: bool
    """Whether vectors must be brought to the length of 1 here."""


def plan(ask: EmbeddingRequest, notes: Notes, *, model: str, truncates: bool) -> Plan:
    """Read what is asked for beside the inputs. Raises `Failure` for numbers Google does not give."""
    if ask.dtype != "float":
        raise unsupported("dtype", "Google gives float vectors only")
    if ask.user is not None:
        notes.cannot("user", "Google's embeddings take no user")
    if ask.truncate is not None and not truncates and ask.truncate != "end":
        notes.cannot("truncate", "Gemini's API cuts texts that are too long at their end, and cannot be told")
    task = _task(ask, notes)
    if ask.title is not None and task != DOCUMENT:
        notes.cannot("title", "only a document has a title: ask with input_type document")
    shortened = ask.dimensions is not None and ask.dimensions < WHOLE
    return Plan(
        ask,
        None if NEWER.match(model) else task,
        bool(UNEVEN.fullmatch(model)) and shortened and ask.normalize is not False,
    )


def _task(ask: EmbeddingRequest, notes: Notes) -> str | None:
    given = ask.input_type
    if given is None or given == "image":
        return None
    if given.upper() in {*TASKS.values()}:
        return given.upper()
    if given not in TASKS:
        notes.cannot("input_type", f"Google has no task {given}")
    return TASKS.get(given)


def text_of(one: EmbeddingInput, provider: str) -> str:
    """Return an input as text. Raises `Failure` for token ids and pictures."""
    if isinstance(one, str):
        return one
    texts = []
    for part in one:
        if isinstance(part, int):
            raise tokens_refused(provider)
        if not isinstance(part, Text):
            raise unsupported("input", "this model embeds text only; gemini-embedding-2 takes pictures")
        texts.append(part.text)
    return "\n".join(texts)


def parts_of(one: EmbeddingInput, ask: EmbeddingRequest, provider: str) -> list[dict[str, Any]]:
    """Return an input as the parts of a content, its task in words where the model reads them there."""
    if isinstance(one, str):
        return [{"text": told(one, ask) if NEWER.search(ask.model) else one}]
    if not NEWER.search(ask.model):
        return [{"text": text_of(one, provider)}]
    parts: list[dict[str, Any]] = []
    for part in one:
        match part:
            case int():
                raise tokens_refused(provider)
            case Text(text=text):
                parts.append({"text": told(text, ask)})
            case Media():
                parts.append(inline(part, "input", provider))
    return parts


def told(text: str, ask: EmbeddingRequest) -> str:
    """Return a text with its task before it."""
    task = TASKS.get(ask.input_type or "", (ask.input_type or "").upper())
    if task == DOCUMENT:
        return f"title: {ask.title or 'none'} | text: {text}"
    return PREFIXES.get(task, "") + text


def tokens_refused(provider: str) -> Exception:
    return unsupported(
        "input",
        f"{provider} does not take token ids; send text"
        " (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
    )


def packed(values: list[float], *, evened: bool) -> bytes:
    """Return a vector as little-endian float32, of length 1 where it is to be evened."""
    told = vector(values, "float")
    return shortened(told, len(values)) if evened else told


def embed(
    ask: EmbeddingRequest,
    notes: Notes,
    *,
    provider: str,
    most: int,
    alone: bool = False,
    request: Callable[[Sequence[EmbeddingInput]], HttpRequest],
    read: Callable[[HttpResponse], Vectors],
) -> Exchange[EmbeddingResponse]:
    """Embed every input, in as many requests as it takes; their order is kept.

    A batch that is refused as too large is halved, and what follows it comes in no larger ones. `alone` is for
    a model that may take but one input at a time, which it says in no word of its own: then one by one.
    """
    vectors: list[bytes] = []
    counted: int | None = None
    at = 0
    while at < len(ask.inputs):
        batch = ask.inputs[at : at + most]
        try:
            reply = yield request(batch)
        except ProviderError as refusal:
            if len(batch) == 1 or not (
                _too_much(refusal) or (alone and refusal.kind is Kind.INVALID_REQUEST)
            ):
                raise
            most = 1 if alone else len(batch) // 2
            continue
        found, tokens = read(reply)
        if len(found) != len(batch):
            raise ProviderError(
                Kind.BAD_RESPONSE,
                f"the provider gave {len(found)} vectors for {len(batch)} inputs",
                provider=provider,
                code="bad_upstream_response",
            )
        vectors += found
        counted = counted if tokens is None else (counted or 0) + tokens
        at += len(batch)
    return EmbeddingResponse(
        model=ask.model, vectors=tuple(vectors), usage=Usage(input_total=counted), warnings=notes.all
    )


def _too_much(refusal: ProviderError) -> bool:
    return refusal.kind in {Kind.TOO_LARGE, Kind.CONTEXT_LENGTH} or (
        refusal.kind is Kind.INVALID_REQUEST and TOO_MUCH.search(refusal.message) is not None
    )
