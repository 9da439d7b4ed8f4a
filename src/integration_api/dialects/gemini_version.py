"""Which version of Google's API an account speaks. https://ai.google.dev/gemini-api/docs/api-versions"""

import re

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind

FIELD = CredentialField("api_version", "API version", secret=False, required=False)

VERSIONED = re.compile(r"/v\d[a-z0-9]*$", re.ASCII)
"""Base URLs are given with their version or without."""
_VERSION = re.compile(r"v\d[a-z0-9]*", re.ASCII)


def version(credential: Credential, usual: str) -> str:
    """Return the account's own version, or the usual one. Raises `Failure` for what is none."""
    found = credential.fields.get(FIELD.name) or usual
    if not _VERSION.fullmatch(found):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{FIELD.name} must be a version of Google's API, such as {usual}",
            code="invalid_value",
            param=FIELD.name,
        )
    return found
