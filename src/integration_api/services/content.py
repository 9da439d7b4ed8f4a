"""What was asked and answered, kept beside the audit record of its call where the operator has it kept.

A document is JSON, compressed, and sealed with AES-256-GCM before it leaves this file, under a key of
its organization's that is derived from a secret of the installation; it opens for the one project,
record and part it was sealed for. It travels with its record: on disk before the caller is told the end.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from integration_api.core.errors import Failure
from integration_api.core.json import Json, decode_any
from integration_api.core.llm import LlmEvent, TextDelta
from integration_api.core.llm_fold import LlmFold
from integration_api.core.secret import wipe
from integration_api.core.tenant import Tenant
from integration_api.vault.aes_gcm import KEY as KEY_BYTES
from integration_api.vault.aes_gcm import NONCE, decrypt, encrypt
from integration_api.vault.errors import Tampered

KEY = "audit-content"
"""The vault's name for the installation secret that keys are derived from."""
REQUEST, RESPONSE = "request", "response"
LONGEST = 4 << 20
"""Bytes of a passing stream that are heard: memory stays bounded, whatever a provider sends."""
_LEFT_OUT = frozenset({"known", "vectors"})
"""Fields that are no content: what we know of the model, and numbers by the thousand."""
_EMPTY: tuple[Any, ...] = (None, "", (), [], {})


class Transcript:
    """Hears a streamed answer: all of it, or of one that broke off what was said."""

    def __init__(self) -> None:
        self._fold = LlmFold()
        self._said: list[str] = []

    def hear(self, events: Sequence[LlmEvent]) -> None:
        for event in events:
            self._fold.feed(event)
            if type(event) is TextDelta:
                self._said.append(event.text)

    def told(self) -> Any:
        try:
            return self._fold.close()
        except Failure:
            return {"said": "".join(self._said)} if self._said else None


class ByteTranscript:
    """Hears a streamed answer that passes through as bytes, up to `LONGEST`."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def hear(self, chunk: bytes) -> None:
        if len(self._heard) < LONGEST:
            self._heard += chunk

    def told(self) -> Any:
        return self._heard.decode("utf-8", "replace") or None


class Content:
    """Makes documents and opens them."""

    def __init__(self, secret: bytes, *, most: int) -> None:
        self._most = most
        self._cipher = lru_cache(maxsize=1024)(lambda organization_id: _cipher(secret, organization_id))

    def documents(
        self, tenant: Tenant, event_id: str, asked: Any, answered: Any, error: Failure | None
    ) -> Mapping[str, bytes]:
        """Return both parts of a call, sealed."""
        told = None if error is None else f"{error.code}: {error.message}"
        return {
            REQUEST: self.seal(tenant, event_id, REQUEST, _plain(asked)),
            RESPONSE: self.seal(tenant, event_id, RESPONSE, {"result": _plain(answered), "error": told}),
        }

    def seal(self, tenant: Tenant, event_id: str, part: str, document: Json) -> bytes:
        text = _encoded(document)
        if len(text) > self._most:
            text = _encoded({"bytes": len(text), "beginning": text[: self._most].decode("utf-8", "ignore")})
        nonce = os.urandom(NONCE)
        packed = zlib.compress(text, 1)
        cipher = self._cipher(tenant.organization_id)
        return nonce + encrypt(cipher, nonce, packed, _place(tenant, event_id, part))

    def open(self, tenant: Tenant, event_id: str, part: str, sealed: bytes) -> Json:
        """Return a document. Raises `Tampered` when it is not one that was sealed here for this place."""
        cipher = self._cipher(tenant.organization_id)
        packed = decrypt(cipher, sealed[:NONCE], memoryview(sealed)[NONCE:], _place(tenant, event_id, part))
        try:
            return decode_any(zlib.decompress(packed))
        except (zlib.error, msgspec.DecodeError):
            raise Tampered from None
        finally:
            wipe(packed)


def _cipher(secret: bytes, organization_id: int) -> AESGCM:
    info = b"audit-content" + organization_id.to_bytes(8, "big")
    return AESGCM(HKDF(SHA256(), KEY_BYTES, None, info).derive(secret))


def _place(tenant: Tenant, event_id: str, part: str) -> bytes:
    return f"{tenant.organization_id}/{tenant.project_id}/{event_id}/{part}".encode()


def _plain(value: Any) -> Any:
    """Return what a document says: without what we know of models, without vectors, without what says nothing."""
    if isinstance(value, Transcript | ByteTranscript):
        value = value.told()
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if not isinstance(value, msgspec.Struct):
        return value  # The caller's own JSON is kept to the letter.
    config = value.__struct_config__
    told = {name: getattr(value, name) for name in value.__struct_fields__ if name not in _LEFT_OUT}
    bare = {name: _plain(one) for name, one in told.items() if one not in _EMPTY}
    return bare if config.tag is None else {str(config.tag_field): config.tag, **bare}


def _encoded(document: Any) -> bytes:
    try:
        return msgspec.json.encode(document)
    except (TypeError, ValueError, UnicodeEncodeError, OverflowError, RecursionError) as error:
        return msgspec.json.encode({"unreadable": type(error).__name__})
