"""What a model said in a turn that called tools, kept for callers who do not carry all of it themselves.

Some models want their thoughts back, signed and unaltered, with the results of the tools they
called, and many a client builds its history anew from texts and calls alone. So a turn is kept for
a while, sealed under a key that only this installation has, for the one tenant and the one tool
call it belongs to. A turn that is not there any more is no error: the model then goes on without its thoughts.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration_api.cache.interface import Cache
from integration_api.core.llm import LlmEvent, Message, Part, Role, ToolCall
from integration_api.core.llm_fold import LlmFold
from integration_api.core.secret import wipe
from integration_api.core.tenant import Tenant
from integration_api.dialects.unified_carried import carried, plain, uncarried
from integration_api.vault.aes_gcm import NONCE, decrypt, encrypt
from integration_api.vault.errors import Tampered

KEY = "kept-turns"
"""The vault's name for the installation secret that turns are sealed with."""
KEPT_SECONDS = 3600.0
"""Tools answer in seconds, people in minutes."""
MOST_BYTES = 256 << 10
"""A longer turn is not kept: few thoughts are, and the cache is everybody's."""
MOST_TURNS = 64
"""Tool calls in a row that are looked up; the earliest go without."""


class Turns:
    def __init__(self, key: bytes, cache: Cache) -> None:
        self._key = AESGCM(key)
        self._cache = cache

    async def keep(self, tenant: Tenant, parts: Sequence[Part]) -> None:
        """Keep an answer, if it called tools and holds what a caller may not send back."""
        call = _call(parts)
        if call is None or not call.id:
            return
        packed = carried(parts)
        if not packed or len(packed) > MOST_BYTES:
            return
        name = _name(tenant, call.id)
        nonce = os.urandom(NONCE)
        await self._cache.set(name, nonce + encrypt(self._key, nonce, packed, name.encode()), KEPT_SECONDS)

    async def keeping(
        self, tenant: Tenant, events: AsyncGenerator[list[LlmEvent], None]
    ) -> AsyncGenerator[list[LlmEvent], None]:
        """Pass an answer on, and keep it once it is whole and before that is told."""
        fold = LlmFold()
        try:
            async for read in events:
                for event in read:
                    fold.feed(event)
                yield read
        finally:
            await events.aclose()
        answer = fold.close()
        if answer.candidates:
            await self.keep(tenant, answer.candidates[0].parts)

    async def restore(self, tenant: Tenant, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return the conversation with the answers since the user last spoke as they were given.

        Only those matter: no model asks for the thoughts of a turn that is over.
        """
        calls: dict[int, ToolCall] = {}
        for place in range(len(messages) - 1, -1, -1):
            message = messages[place]
            if message.role is Role.USER or len(calls) == MOST_TURNS:
                break
            call = _call(message.parts)
            if message.role is Role.ASSISTANT and call is not None and plain(message.parts):
                calls[place] = call
        if not calls:
            return messages
        found = await asyncio.gather(
            *(self._restored(tenant, messages[place], call) for place, call in calls.items())
        )
        restored = list(messages)
        for place, message in zip(calls, found, strict=True):
            restored[place] = message
        return tuple(restored)

    async def _restored(self, tenant: Tenant, message: Message, call: ToolCall) -> Message:
        name = _name(tenant, call.id)
        sealed = await self._cache.get(name)
        if sealed is None:
            return message
        try:
            packed = decrypt(self._key, sealed[:NONCE], memoryview(sealed)[NONCE:], name.encode())
        except Tampered:
            return message
        try:
            parts = uncarried(packed, message.parts)
        except msgspec.DecodeError:
            return message  # Kept by another version.
        finally:
            wipe(packed)
        return message if parts is None else msgspec.structs.replace(message, parts=parts)


def _call(parts: Sequence[Part]) -> ToolCall | None:
    return next((part for part in parts if isinstance(part, ToolCall)), None)


def _name(tenant: Tenant, call_id: str) -> str:
    digest = sha256(call_id.encode("utf-8", "replace")).hexdigest()
    return f"turn:{tenant.organization_id}:{tenant.project_id}:{digest}"
