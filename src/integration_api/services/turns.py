"""What a model said in a turn that called tools, kept for callers whose protocol cannot carry all of it.

Some models want their thoughts back, signed and unaltered, with the results of the tools they
called; the unified service has no field for them. So a turn is kept for a while, sealed under a
key that only this installation has, for the one tenant and the one tool call it belongs to.
A turn that is not there any more is no error: the model then goes on without its thoughts.
"""

import os
from collections.abc import Sequence
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration_api.cache.interface import Cache
from integration_api.core.llm import Message, Part, Reasoning, RefusalText, Role, Text, ToolCall
from integration_api.core.secret import wipe
from integration_api.core.tenant import Tenant
from integration_api.vault.aes_gcm import NONCE, decrypt, encrypt
from integration_api.vault.errors import Tampered

KEY = "kept-turns"
"""The vault's name for the installation secret that turns are sealed with."""
KEPT_SECONDS = 3600.0
"""Tools answer in seconds, people in minutes."""
MOST_BYTES = 256 << 10
"""A longer turn is not kept: few thoughts are, and the cache is everybody's."""
MOST_TURNS = 16
"""Tool calls in a row that are looked up; the earliest go without."""


class Turns:
    def __init__(self, key: bytes, cache: Cache) -> None:
        self._key = AESGCM(key)
        self._cache = cache
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoder = msgspec.msgpack.Decoder(tuple[Part, ...])

    async def keep(self, tenant: Tenant, parts: Sequence[Part]) -> None:
        """Keep an answer, if it called tools and holds what a caller could not send back."""
        call = next((part for part in parts if isinstance(part, ToolCall)), None)
        if call is None or not any(map(_signed, parts)):
            return
        plain = self._encode(parts)
        if len(plain) > MOST_BYTES:
            return
        name = _name(tenant, call.id)
        nonce = os.urandom(NONCE)
        await self._cache.set(name, nonce + encrypt(self._key, nonce, plain, name.encode()), KEPT_SECONDS)

    async def restore(self, tenant: Tenant, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return the conversation with the answers since the user last spoke as they were given.

        Only those matter: no model asks for the thoughts of a turn that is over.
        """
        restored = list(messages)
        looked = 0
        for place in range(len(restored) - 1, -1, -1):
            message = restored[place]
            if message.role is Role.USER or looked == MOST_TURNS:
                break
            if message.role is Role.ASSISTANT and any(isinstance(part, ToolCall) for part in message.parts):
                looked += 1
                restored[place] = await self._restored(tenant, message)
        return tuple(restored) if looked else messages

    async def _restored(self, tenant: Tenant, message: Message) -> Message:
        call = next(part for part in message.parts if isinstance(part, ToolCall))
        name = _name(tenant, call.id)
        sealed = await self._cache.get(name)
        if sealed is None:
            return message
        try:
            plain = decrypt(self._key, sealed[:NONCE], memoryview(sealed)[NONCE:], name.encode())
        except Tampered:
            return message
        try:
            parts = self._decoder.decode(plain)
        except msgspec.DecodeError:
            return message  # Kept by another version.
        finally:
            wipe(plain)
        return msgspec.structs.replace(message, parts=parts) if _same(parts, message.parts) else message


def _signed(part: Part) -> bool:
    match part:
        case Reasoning(signature=signature, encrypted=encrypted):
            return signature is not None or encrypted is not None
        case ToolCall(signature=signature) | Text(signature=signature):
            return signature is not None
        case _:
            return False


def _same(kept: Sequence[Part], given: Sequence[Part]) -> bool:
    """Whether the caller sends back what the model said: a turn that was edited is the caller's own."""
    return _said(kept) == _said(given)


def _said(parts: Sequence[Part]) -> tuple[str, list[tuple[str, str, str]]]:
    return (
        "".join(part.text for part in parts if isinstance(part, Text | RefusalText)),
        [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)],
    )


def _name(tenant: Tenant, call_id: str) -> str:
    digest = sha256(call_id.encode("utf-8", "replace")).hexdigest()
    return f"turn:{tenant.organization_id}:{tenant.project_id}:{digest}"
