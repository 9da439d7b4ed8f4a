"""A tenant's account with a provider, as the floors above the vault may see it.

Providers see a `Credential`: its plain fields only. Secret fields are reached
by name, by the transport alone, through `Secrets`.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from integration_api.core.errors import Failure, Kind


class CredentialField(Struct, frozen=True):
    """One field of a provider's credential, as a form would ask for it."""

    name: str
    title: str
    secret: bool = True
    required: bool = True
    aliases: tuple[str, ...] = ()
    """Other names that the platform's callers give it by."""
    marks: tuple[str, ...] = ()
    """Beginnings of a secret that tell which service it is for. The one it has becomes a plain field."""

    @property
    def mark_name(self) -> str:
        """The plain field that keeps the mark."""
        return f"{self.name}_mark"

    def mark_of(self, secret: memoryview) -> str | None:
        """Return the mark that a secret begins with, copying no more of it than that."""
        return next((mark for mark in self.marks if bytes(secret[: len(mark)]) == mark.encode()), None)


KEY = CredentialField("key", "API key")
BASE_URL = CredentialField("base_url", "Base URL", secret=False, required=False)
"""Every provider takes it: scheme, host, optional port and path prefix in place of its own address."""


class Credential(Struct, frozen=True):
    """What a provider may know of a credential: everything that is not secret."""

    provider: str
    fields: Mapping[str, str] = {}
    id: int = 0
    """0 for a credential that came with the request and is not stored."""
    version: int = 0
    held: frozenset[str] = frozenset()
    """Names of the secret fields it has: which way of signing is possible."""
    connection: str = ""
    """How the caller of one call wants the provider reached, in the platform's words; "" where it does not say."""

    def base_url(self, default: str) -> str:
        """Return the address this credential's provider lives at, without a trailing slash."""
        return self.fields.get("base_url", default).rstrip("/")


class Secrets(Protocol):
    """The secret fields of one credential, opened one at a time for one request."""

    def reveal(self, field: str) -> bytearray:
        """Return the plaintext of `field` in a buffer the caller owns and must wipe.

        Raises `Failure` when the field is missing or the ciphertext does not open.
        """
        ...


def unusable(field: str, why: str) -> Failure:
    """Build the failure for a credential one of whose fields is of no use, or missing."""
    return Failure(
        Kind.CREDENTIAL_INVALID,
        f"the credential's {field} cannot be used: {why}",
        code="credential_invalid",
        param=field,
    )
