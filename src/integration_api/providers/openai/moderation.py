"""Moderation by OpenAI. https://platform.openai.com/docs/api-reference/moderations"""

from functools import partial

from integration_api.dialects import openai_moderation
from integration_api.providers.openai import client

DIALECT = openai_moderation.ModerationDialect(
    provider=client.NAME,
    url=lambda credential: client.address("/moderations", credential),
    headers=client.headers,
)

moderate = partial(openai_moderation.moderate, DIALECT)
