"""Voyage's models. There is no list to ask for: this is the vendor's page.

https://docs.voyageai.com/docs/embeddings
"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.models import Capabilities, ModelInfo

WINDOW = 32_000
SHORT_WINDOW = 16_000
QUERY_AND_DOCUMENT = 32_000
OLDER_QUERY_AND_DOCUMENT = 16_000

EMBEDDING = (
    "voyage-4-large", "voyage-4", "voyage-4-lite", "voyage-3.5", "voyage-3.5-lite", "voyage-3-large",
    "voyage-code-3", "voyage-finance-2", "voyage-multimodal-3.5", "voyage-multimodal-3", "voyage-context-4",
)  # fmt: skip
SHORT = ("voyage-law-2", "voyage-code-2")
RERANK = ("rerank-3", "rerank-3-lite", "rerank-2.5", "rerank-2.5-lite")
OLDER_RERANK = ("rerank-2", "rerank-2-lite")

MODELS = tuple(
    ModelInfo(id=id, kinds=(kind,), known=Capabilities(context_window=window))
    for kind, ids, window in (
        ("embedding", EMBEDDING, WINDOW),
        ("embedding", SHORT, SHORT_WINDOW),
        ("rerank", RERANK, QUERY_AND_DOCUMENT),
        ("rerank", OLDER_RERANK, OLDER_QUERY_AND_DOCUMENT),
    )
    for id in ids
)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List what Voyage publishes; nobody is asked."""
    yield from ()
    return MODELS
