"""The openai SDK pointed at a service: one client for all who ask alike, closed when the tests are over."""

from functools import cache

from openai import OpenAI

from tests.e2e.service import ADMIN_KEY

_OPEN: list[OpenAI] = []


@cache
def openai_client(url: str, credential: str | None = None) -> OpenAI:
    """Return a client of the service at `url`, which asks by a stored credential where one is named."""
    client = OpenAI(
        base_url=f"{url}/v1",
        api_key=ADMIN_KEY,
        max_retries=0,
        default_headers=None if credential is None else {"x-credential-id": credential},
        timeout=300,
    )
    _OPEN.append(client)
    return client


def close_all() -> None:
    while _OPEN:
        _OPEN.pop().close()
