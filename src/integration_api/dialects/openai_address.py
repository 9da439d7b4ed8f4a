"""Where a server of OpenAI's language lives when a credential says where."""

import re

from integration_api.core.credential import Credential

VERSION = re.compile(r"/v\d[a-z0-9]*(/|$)")


def versioned(credential: Credential, default: str) -> str:
    """Return the address that paths such as `/chat/completions` are appended to.

    Callers give it with its version, as OpenAI's clients want it, or without: a
    base URL that names no version gets `/v1`.
    """
    base = credential.base_url(default)
    if base is default or VERSION.search(base):
        return base
    return f"{base}/v1"
