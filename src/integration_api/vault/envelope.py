"""A sealed credential: its byte layout, and the only code that makes or opens one.

    offset  bytes
         0      2   "IV"
         2      1   format, 1
         3      1   suite, 1: AES-256-GCM with HKDF-SHA256 key commitment
         4     16   id of the key-encryption key (KEK)
        20      4   version of the KEK, big-endian
        24     12   nonce of the wrap
        36     48   data key (DEK) wrapped by the KEK: 32 bytes and the tag
        84     32   commitment to the DEK
       116     12   nonce of the data
       128     64n  secret fields, padded, encrypted with Ke
       128+64n 16   tag

Ke and the commitment are HKDF-SHA256(DEK, salt = nonce of the data, info = "iv1" || suite), 32
bytes each. GCM alone would let one ciphertext open under two keys; the commitment forbids it,
and is compared before anything is decrypted. A DEK is made for one seal and encrypts once, so
its nonce can not repeat; nobody can pass a nonce in. What `binding` says is authenticated.

The plaintext is padded as ISO/IEC 7816-4 says, 0x80 and then zeros, to full buckets of 64
bytes, so that a length does not tell which provider's key it is.
"""

import hmac
import os
from dataclasses import dataclass
from struct import Struct as Layout
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from integration_api.core.secret import wipe
from integration_api.vault.aes_gcm import KEY, NONCE, TAG, decrypt, encrypt
from integration_api.vault.binding import Binding, data_aad, wrap_aad
from integration_api.vault.errors import KeyUnavailable, Tampered, UnknownFormat

BUCKET = 64
MAGIC = b"IV"
FORMAT = 1
SUITE = 1

_PREFIX = MAGIC + bytes([FORMAT, SUITE])
_KEY = Layout(">16sI")
_HEADER = Layout(">4s16sI12s48s32s12s")
HEADER = _HEADER.size
_COMMITMENT = 84
_MARK = 0x80
_INFO = b"iv1" + bytes([SUITE])
_SHA256 = SHA256()


@dataclass(frozen=True, slots=True)
class Kek:
    """One version of an organization's key-encryption key, ready for use."""

    id: bytes
    version: int
    cipher: AESGCM


def key_of(sealed: bytes) -> tuple[bytes, int]:
    """Return the id and version of the KEK that `sealed` names. Raises `UnknownFormat`."""
    if sealed[:4] != _PREFIX or len(sealed) < HEADER + BUCKET + TAG:
        raise UnknownFormat
    id, version = _KEY.unpack_from(sealed, 4)
    return id, version


def seal(plaintext: bytearray, to: Binding, kek: Kek) -> bytes:
    """Return `plaintext` sealed for one place with a data key of its own; `plaintext` is wiped."""
    padded = _pad(plaintext)
    dek = bytearray(os.urandom(KEY))
    keys = None
    try:
        wrap_nonce, data_nonce = os.urandom(NONCE), os.urandom(NONCE)
        wrapped = encrypt(kek.cipher, wrap_nonce, dek, wrap_aad(to, FORMAT, SUITE, kek.id, kek.version))
        keys = _expand(dek, data_nonce)
        header = _HEADER.pack(
            _PREFIX, kek.id, kek.version, wrap_nonce, wrapped, bytes(keys[KEY:]), data_nonce
        )
        return header + encrypt(AESGCM(keys[:KEY]), data_nonce, padded, data_aad(to, FORMAT, SUITE))
    finally:
        wipe(padded)
        wipe(dek)
        if keys is not None:
            wipe(keys)


class Envelope(NamedTuple):
    """A sealed credential taken apart, with what it is bound to: still nothing but ciphertext."""

    kek: Kek
    wrap_nonce: bytes
    wrapped: bytes
    wrap_aad: bytes
    commitment: bytes
    data_nonce: bytes
    data: bytes
    data_aad: bytes


def envelope(sealed: bytes, to: Binding, kek: Kek) -> Envelope:
    """Take `sealed` apart. Raises `UnknownFormat`, or `KeyUnavailable` when `kek` is not the key it names."""
    if len(sealed) < HEADER + BUCKET + TAG:
        raise UnknownFormat
    prefix, kek_id, kek_version, wrap_nonce, wrapped, commitment, data_nonce = _HEADER.unpack_from(sealed)
    if prefix != _PREFIX:
        raise UnknownFormat
    if kek_version != kek.version or kek_id != kek.id:
        raise KeyUnavailable
    return Envelope(
        kek,
        wrap_nonce,
        wrapped,
        wrap_aad(to, FORMAT, SUITE, kek_id, kek_version),
        commitment,
        data_nonce,
        sealed[HEADER:],
        data_aad(to, FORMAT, SUITE),
    )


def unseal(sealed: Envelope) -> bytearray:
    """Return the plaintext, its padding still on, in a buffer the caller owns and must wipe.

    Raises `Tampered`.
    """
    kek, wrap_nonce, wrapped, wrap_aad, commitment, data_nonce, data, data_aad = sealed
    dek = decrypt(kek.cipher, wrap_nonce, wrapped, wrap_aad)
    keys = _expand(dek, data_nonce)
    try:
        with memoryview(keys) as view:
            if not hmac.compare_digest(view[KEY:], commitment):
                raise Tampered
            cipher = AESGCM(view[:KEY])
        return decrypt(cipher, data_nonce, data, data_aad)
    finally:
        wipe(dek)
        wipe(keys)


def rewrap(sealed: bytes, to: Binding, old: Kek, new: Kek) -> bytes:
    """Return `sealed` with its data key wrapped by `new`; commitment and ciphertext are untouched.

    Raises as `unseal` does, without looking at the secret fields.
    """
    if key_of(sealed) != (old.id, old.version):
        raise KeyUnavailable
    _, _, _, wrap_nonce, wrapped, _, _ = _HEADER.unpack_from(sealed)
    dek = decrypt(old.cipher, wrap_nonce, wrapped, wrap_aad(to, FORMAT, SUITE, old.id, old.version))
    try:
        nonce = os.urandom(NONCE)
        wrapped = encrypt(new.cipher, nonce, dek, wrap_aad(to, FORMAT, SUITE, new.id, new.version))
    finally:
        wipe(dek)
    return _PREFIX + _KEY.pack(new.id, new.version) + nonce + wrapped + sealed[_COMMITMENT:]


def unpadded(plaintext: bytearray) -> int:
    """Return where the padding of what `unseal` returned begins. Raises `Tampered`."""
    end = plaintext.rfind(_MARK)
    if end < 0 or not 0 < len(plaintext) - end <= BUCKET or any(plaintext[end + 1 :]):
        raise Tampered
    return end


def _pad(plaintext: bytearray) -> bytearray:
    """Move `plaintext` into full buckets."""
    size = len(plaintext)
    padded = bytearray((size // BUCKET + 1) * BUCKET)
    with memoryview(padded) as out:
        out[:size] = plaintext
    padded[size] = _MARK
    wipe(plaintext)
    return padded


def _expand(dek: bytearray, nonce: bytes) -> bytearray:
    """Return Ke and the commitment, one after the other."""
    keys = bytearray(2 * KEY)
    HKDF(_SHA256, 2 * KEY, nonce, _INFO).derive_into(dek, keys)
    return keys
