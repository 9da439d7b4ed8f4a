"""Every way the vault can refuse, each a `Failure` that is safe to show.

RootKeyError     no usable root key: the operator's to repair
KeyUnavailable   the key that sealed a credential is not at hand
KeyRetired       that key may no longer open anything
UnknownFormat    sealed by a newer release, or not sealed at all
Tampered         does not open: altered, or moved from where it was sealed
"""

from integration_api.core.errors import Failure, Kind


class RootKeyError(Failure):
    """The root key is missing, unsafe or malformed; one line that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(Kind.INTERNAL, message, code="root_key")


class KeyUnavailable(Failure):
    """The store does not know the key-encryption key a credential names, even when asked anew."""

    def __init__(self) -> None:
        super().__init__(
            Kind.OVERLOADED,
            "the key that sealed this credential is not available; try again, then restore the vault's keys",
            code="vault_key_unavailable",
            retry_after=1.0,
        )


class KeyRetired(Failure):
    """The key-encryption key a credential names has been replaced for good."""

    def __init__(self) -> None:
        super().__init__(
            Kind.INTERNAL,
            "this credential is sealed with a retired key; read it again from the store, or store it again",
            code="vault_key_retired",
        )


class UnknownFormat(Failure):
    """The bytes are not in a format this release opens; there is no fallback."""

    def __init__(self) -> None:
        super().__init__(
            Kind.INTERNAL,
            "the stored credential is in a format this release does not know; run the release that stored it",
            code="vault_unknown_format",
        )


class Tampered(Failure):
    """The bytes do not open for the credential they came with."""

    def __init__(self) -> None:
        super().__init__(
            Kind.INTERNAL,
            "the stored credential does not open: it was altered, or belongs elsewhere; store it again",
            code="vault_tampered",
        )
