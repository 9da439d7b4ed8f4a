"""Vonage's SDK, pointed at the lab, and the keys of an application. The SDK speaks TLS only: see `trusted`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from vonage import Auth, HttpClientOptions, Vonage

from lab import Lab
from lab.tls import made_up

APPLICATION = "bbbbbbbb-bbbb-4ccc-8ddd-0123456789ab"
SIGNATURE_SECRET = "qwertyuiopasdfghjklzxcvbnm123456"
API_KEY, API_SECRET = "b2c3d4e5", "Abcdefgh1234"


@cache
def keys() -> tuple[str, str]:
    """The application's private and public key, in PEM."""
    private = generate_private_key(65_537, 2_048)
    return (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def tokens() -> dict[str, str]:
    """What the lab is told of the application."""
    return {
        APPLICATION: SIGNATURE_SECRET,
        f"{APPLICATION}/public_key": keys()[1],
        f"{APPLICATION}/api_key": API_KEY,
        API_KEY: API_SECRET,
    }


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
