"""Reranking by a TEI server of one's own. https://huggingface.github.io/text-embeddings-inference/#/Text%20Embeddings%20Inference/rerank"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.reranking import Ranked, RerankingRequest, RerankingResponse
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_payload import merge
from integration_api.dialects.ranking import rank
from integration_api.providers.huggingface import client
from integration_api.providers.huggingface.embedding import MOST_INPUTS, computed


class Rank(Struct, gc=False):
    index: int
    score: float


DECODER = msgspec.json.Decoder(list[Rank])


def rerank(ask: RerankingRequest, credential: Credential) -> Exchange[RerankingResponse]:
    """Rank the documents, in as many requests as are needed for them. Raises `Failure`."""
    if client.kind(credential) == "router":
        raise unsupported(
            "model", "Hugging Face's router does not rerank; a TEI server does, whose address is the base_url"
        )
    notes = Notes(strict=ask.strict)
    options: dict[str, Any] = {}
    if ask.max_tokens_per_document is not None:
        options["truncate"] = True
        notes.cannot("max_tokens_per_doc", "documents are cut where the model's window ends", "degraded")
    if ask.instruction is not None:
        notes.cannot("instruction", f"{client.NAME} does not know instructions")
    notes.strange(ask.unknown, client.NAME)

    def one(documents: Sequence[str]) -> Exchange[RerankingResponse]:
        body: dict[str, Any] = {"query": ask.query, "texts": documents, **options}
        merge(body, ask.extras)
        reply = yield client.post(f"{client.root(credential)}/rerank", body, credential)
        return RerankingResponse(
            model=ask.model,
            results=tuple(Ranked(found.index, found.score) for found in decode(reply, DECODER)),
            usage=computed(reply),
            warnings=notes.all,
        )

    return (yield from rank(ask, one, most=MOST_INPUTS, too_much=client.too_much))
