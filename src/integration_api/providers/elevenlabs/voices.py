"""The voices an account can speak with. https://elevenlabs.io/docs/api-reference/voices/search"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.tts import Voice
from integration_api.providers.elevenlabs import client, wire

PAGE = 100
"""The most it gives at once."""
MOST_PAGES = 100
"""A list that never ends is left there."""


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    """Return all of them, page by page."""
    found: list[Voice] = []
    token: str | None = None
    for _ in range(MOST_PAGES):
        query: list[tuple[str, str | int | float | bool]] = [("page_size", PAGE)]
        if token:
            query.append(("next_page_token", token))
        page = decode((yield client.get("/v2/voices", query, credential)), wire.VOICES)
        found += [_read(one) for one in page.voices]
        token = page.next_page_token
        if not page.has_more or not token:
            break
    return tuple(found)


def _read(one: wire.Voice) -> Voice:
    labels = one.labels or {}
    languages = [spoken.locale or spoken.language for spoken in one.verified_languages or ()]
    if not languages and (language := labels.get("language")):
        languages = [language]
    return Voice(
        id=one.voice_id,
        name=one.name or one.voice_id,
        languages=tuple(dict.fromkeys(languages)),
        gender=labels.get("gender"),
        description=one.description or labels.get("description"),
        preview_url=one.preview_url,
    )
