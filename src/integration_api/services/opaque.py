"""The part of a carrier's URL that only the carrier knows: what it is for, sealed with AES-SIV.

It is the same for the same place, so that an address that was once given to a carrier stays good; it carries no
credential, can not be guessed, and changed in any character it opens nothing. https://www.rfc-editor.org/rfc/rfc5297
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import IntEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from integration_api.core.tenant import Tenant

KEY = "telephony-paths"
"""The vault's name for the key."""
_LAYOUT = struct.Struct(">BQQQI")
LENGTH = (_LAYOUT.size + 16) * 4 // 3
"""Characters: 29 bytes and the 16 that make them unforgeable fill base64url without a bit to spare."""


class Place(IntEnum):
    """What a path is for; each is good for nothing else."""

    ROUTE = 1
    """Asking what to do with the calls that come in on a route, and telling of them."""
    CALL = 2
    """Telling how a call stands."""
    MEDIA = 3
    """The sound of a call, once."""


class Opened(NamedTuple):
    place: Place
    tenant: Tenant
    id: int
    """Of the route, or the call."""
    generation: int = 0
    """Of a media path: which of the call's sockets."""


class Opaques:
    """Seals places and opens them."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, place: Place, tenant: Tenant, id: int, generation: int = 0) -> str:
        plain = _LAYOUT.pack(place, tenant.organization_id, tenant.project_id, id, generation)
        return urlsafe_b64encode(self._cipher.encrypt(plain, None)).decode()

    def open(self, text: str) -> Opened | None:
        """Return what was sealed, or None for everything else."""
        if len(text) != LENGTH or not text.isascii():
            return None
        try:
            sealed = urlsafe_b64decode(text)
            if urlsafe_b64encode(sealed).decode() != text:
                return None  # It is read leniently, and must be good in one spelling only.
            plain = self._cipher.decrypt(sealed, None)
        except (InvalidTag, ValueError):
            return None
        place, organization_id, project_id, id, generation = _LAYOUT.unpack(plain)
        return Opened(Place(place), Tenant(organization_id, project_id), id, generation)
