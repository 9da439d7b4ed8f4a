"""Vonage's SDK, pointed at the lab. It speaks TLS only: see `trusted`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from vonage import Auth, HttpClientOptions, Vonage

from lab import Lab
from lab.tls import made_up
from tests.lab.vonage_keys import API_KEY, API_SECRET, APPLICATION, keys, tokens


def sdk(
    lab: Lab, application: str = APPLICATION, private_key: str = "", api_secret: str = API_SECRET
) -> Vonage:
    host = lab.url("vonage", version="").removeprefix("https://")
    auth = Auth(
        api_key=API_KEY,
        api_secret=api_secret,
        application_id=application,
        private_key=private_key or keys()[0],
    )
    return Vonage(auth, HttpClientOptions(api_host=host, rest_host=host, max_retries=0))


@asynccontextmanager
async def trusted(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    """A lab over TLS, whose authority this process trusts: the SDK takes no other way to say it."""
    context, authority = made_up()
    bundle = folder / "authority.pem"
    bundle.write_bytes(authority)
    patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    async with Lab(tls=context) as lab:
        lab.carriers["vonage"].tokens |= tokens()
        yield lab
