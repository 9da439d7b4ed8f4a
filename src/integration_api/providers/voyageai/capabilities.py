"""What Voyage's models do. https://docs.voyageai.com/docs/embeddings

A family is found by its whole name; a model newer than this table is like the newest in it.
"""

import re

MULTIMODAL = re.compile(r"voyage-multimodal-.+")
CONTEXT = re.compile(r"voyage-context-.+")

FIXED = re.compile(
    r"voyage-(2|3|3-lite|lite-.+|code-2|law-2|finance-2|large-2(-instruct)?|multilingual-2|multimodal-3)"
)
"""Models whose vectors have one size."""

OPEN = re.compile(r"voyage-\d+-nano")
"""Open models: served in one size, and trained so that the beginning of a vector says most of it."""


def takes_pictures(model: str) -> bool:
    return MULTIMODAL.fullmatch(model) is not None


def takes_chunks(model: str) -> bool:
    return CONTEXT.fullmatch(model) is not None
