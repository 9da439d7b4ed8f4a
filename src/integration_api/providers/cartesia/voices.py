"""The voices an account may use. https://docs.cartesia.ai/api-reference/voices/list"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.tts import Voice
from integration_api.providers.cartesia import client, wire

PAGE = 100
"""The most that come at once."""
MOST_PAGES = 50
"""Enough for every public voice and thousands of an account's own."""


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    """Return all of them, page after page."""
    found: list[Voice] = []
    query: list[tuple[str, str | int | float]] = [("limit", PAGE), ("expand[]", "preview_file_url")]
    for _ in range(MOST_PAGES):
        after = [("starting_after", found[-1].id)] if found else []
        reply = yield client.get("/voices", [*query, *after], credential)
        page = decode(reply, wire.VOICES)
        found += [read(one) for one in page.data]
        if not page.has_more or not page.data:
            break
    return tuple(found)


def read(told: wire.Voice) -> Voice:
    languages = tuple(one.locale for one in told.locales) or ((told.language,) if told.language else ())
    return Voice(
        id=told.id,
        name=told.name,
        languages=languages,
        gender=told.gender,
        description=told.description or None,
        preview_url=told.preview_file_url,
    )
