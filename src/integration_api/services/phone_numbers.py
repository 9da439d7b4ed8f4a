"""Telephone numbers, and who calls them: what one call and a batch of them ask for alike."""

import re

from integration_api.core.errors import Failure, Kind
from integration_api.core.provider import Provider
from integration_api.providers import find

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
"""https://www.itu.int/rec/T-REC-E.164: at most fifteen digits, of which the first is not 0."""


def check(number: str, param: str) -> str:
    """Return a number that is E.164. Raises `Failure` (INVALID_REQUEST)."""
    if not _E164.fullmatch(number):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{param} must be a number in E.164, with the plus sign and no spaces, as in +4930123456",
            code="invalid_number",
            param=param,
        )
    return number


def carrier(name: str) -> Provider:
    """Return the carrier of this name. Raises `Failure` (INVALID_REQUEST or UNSUPPORTED)."""
    provider = find(name)
    if provider is None:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"there is no provider named {name[:64]!r}; GET /v1/providers lists them",
            code="unknown_provider",
            param="provider",
        )
    if provider.telephony is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"{provider.name} makes no telephone calls; GET /v1/providers lists who does",
            code="unsupported_operation",
            param="provider",
        )
    return provider
