"""Embeddings in OpenAI's language: texts or tokens in, float32 buffers out.

https://platform.openai.com/docs/api-reference/embeddings
"""

import binascii
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Auth, Exchange, HttpRequest, HttpResponse, decode
from integration_api.core.llm import Text, Usage
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import bearer, no_headers
from integration_api.dialects.openai_chat_payload import merge

PACKED = {"int8": "b", "uint8": "B", "binary": "b", "ubinary": "B"}
"""How the numbers of a narrower type are packed: binary is eight dimensions a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingDialect:
    """How one provider's embeddings differ from OpenAI's own."""

    provider: str
    url: Callable[[str, Credential], str]
    auth: Callable[[Credential], Auth | None] = bearer
    headers: Callable[[Credential], tuple[tuple[str, str], ...]] = no_headers
    encoding: str | None = "base64"
    """What is asked for: base64 is a quarter of the work of reading numbers. None: it does not know the field."""
    fields: frozenset[str] = frozenset({"dimensions", "user"})
    """Fields it knows beyond model, input and encoding, by its own names."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    tokens: bool = True
    """Whether inputs may be token ids."""
    most_inputs: int = 2048
    too_much: frozenset[str] = frozenset()
    """Its codes for a batch that is too large as a whole: half of it may pass."""


class Item(Struct, gc=False):
    embedding: str | list[float]
    index: int | None = None


class Tokens(Struct, gc=False):
    prompt_tokens: int | None = None


class Embeddings(Struct, gc=False):
    data: list[Item]
    model: str | None = None
    usage: Tokens | None = None


DECODER = msgspec.json.Decoder(Embeddings)


def embed(
    dialect: EmbeddingDialect, ask: EmbeddingRequest, credential: Credential
) -> Exchange[EmbeddingResponse]:
    """Embed every input, in as many requests as the provider needs for them.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    notes = Notes(strict=ask.strict)
    options = _options(dialect, ask, notes)
    vectors: list[bytes] = []
    model, counted = ask.model, None
    waiting = list(_batches(_inputs(dialect, ask), dialect.most_inputs))
    while waiting:
        batch = waiting.pop(0)
        body: dict[str, Any] = {"model": ask.model, "input": batch, **options}
        merge(body, ask.extras)
        try:
            reply = yield HttpRequest(
                method="POST",
                url=dialect.url(ask.model, credential),
                headers=(("content-type", "application/json"), *dialect.headers(credential)),
                body=msgspec.json.encode(body),
                auth=dialect.auth(credential),
            )
        except ProviderError as refusal:
            if refusal.refusal.code not in dialect.too_much or len(batch) == 1:
                raise
            half = len(batch) // 2
            waiting[:0] = [batch[:half], batch[half:]]
            continue
        answer = decode(reply, DECODER)
        vectors += _vectors(dialect, answer, len(batch), ask.dtype, reply)
        model = answer.model or model
        if answer.usage is not None and answer.usage.prompt_tokens is not None:
            counted = (counted or 0) + answer.usage.prompt_tokens
    return EmbeddingResponse(
        model=model, vectors=tuple(vectors), usage=Usage(input_total=counted), warnings=notes.all
    )


def _options(dialect: EmbeddingDialect, ask: EmbeddingRequest, notes: Notes) -> dict[str, Any]:
    options: dict[str, Any] = {} if dialect.encoding is None else {"encoding_format": dialect.encoding}
    for name, value in (
        ("dimensions", ask.dimensions),
        ("dtype", None if ask.dtype == "float" else ask.dtype),
        ("input_type", ask.input_type),
        ("title", ask.title),
        ("truncate", None if ask.truncate in (None, "none") else ask.truncate),
        ("normalize", None if ask.normalize is None or ask.normalize else False),
        ("user", ask.user),
    ):
        if value is None:
            continue
        spelled = dialect.spelling.get(name, name)
        if spelled in dialect.fields:
            options[spelled] = value
        elif name == "dtype":
            raise unsupported("dtype", f"{dialect.provider} gives float vectors only")
        else:
            notes.cannot(name, f"{dialect.provider} does not know {name}")
    return options


def _inputs(dialect: EmbeddingDialect, ask: EmbeddingRequest) -> list[str | list[int]]:
    written = [_input(dialect, one) for one in ask.inputs]
    if len({type(one) for one in written}) > 1:
        raise unsupported("input", "texts and token ids cannot be mixed in one request")
    return written


def _input(dialect: EmbeddingDialect, one: EmbeddingInput) -> str | list[int]:
    if isinstance(one, str):
        return one
    texts: list[str] = []
    tokens: list[int] = []
    for part in one:
        if isinstance(part, int):
            tokens.append(part)
        elif isinstance(part, Text):
            texts.append(part.text)
        else:
            raise unsupported("input", f"{dialect.provider} embeds text only")
    if not tokens:
        return "\n".join(texts)
    if not dialect.tokens:
        message = (
            f"{dialect.provider} does not take token ids; send text"
            " (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))"
        )
        raise unsupported("input", message)
    return tokens


def _batches(inputs: Sequence[str | list[int]], most: int) -> Iterator[Sequence[str | list[int]]]:
    for start in range(0, len(inputs), most):
        yield inputs[start : start + most]


def _vectors(
    dialect: EmbeddingDialect, answer: Embeddings, asked: int, dtype: str, reply: HttpResponse
) -> list[bytes]:
    found: dict[int, bytes] = {}
    for place, item in enumerate(answer.data):
        found[place if item.index is None else item.index] = vector(item.embedding, dtype)
    try:
        if len(found) == asked:
            return [found[place] for place in range(asked)]
    except KeyError:
        pass
    raise ProviderError(
        Kind.BAD_RESPONSE,
        f"the provider gave {len(answer.data)} vectors for {asked} inputs",
        provider=dialect.provider,
        code="bad_upstream_response",
    )


def vector(embedding: str | list[float], dtype: str) -> bytes:
    """Return a vector as packed bytes: little-endian float32, or as `dtype` says.

    Raises `ProviderError` (BAD_RESPONSE) for one that is not what was asked for.
    """
    try:
        if isinstance(embedding, str):
            return binascii.a2b_base64(embedding, strict_mode=True)
        if dtype != "float":
            return array(PACKED[dtype], [int(number) for number in embedding]).tobytes()
        numbers = array("f", embedding)
    except (ValueError, OverflowError) as error:
        raise ProviderError(
            Kind.BAD_RESPONSE,
            f"the provider's vector could not be read: {type(error).__name__}",
            code="bad_upstream_response",
        ) from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
