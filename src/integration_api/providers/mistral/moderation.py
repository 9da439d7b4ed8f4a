"""Moderation by Mistral, in categories of its own. https://docs.mistral.ai/api/#tag/classifiers"""

from functools import partial

from integration_api.dialects import openai_moderation
from integration_api.providers.mistral import client

DIALECT = openai_moderation.ModerationDialect(
    provider=client.NAME,
    url=lambda credential: client.address("/moderations", credential),
    pictures=False,
)

moderate = partial(openai_moderation.moderate, DIALECT)
