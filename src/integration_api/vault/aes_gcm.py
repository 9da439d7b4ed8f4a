"""AES-256-GCM with 96-bit nonces and 128-bit tags: the one cipher, and the one place it is called.

https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration_api.core.secret import wipe
from integration_api.vault.errors import Tampered

KEY = 32
NONCE = 12
TAG = 16


def encrypt(key: AESGCM, nonce: bytes, plaintext: bytes | bytearray, aad: bytes) -> bytes:
    """Return ciphertext and tag. A nonce must never meet the same key twice."""
    return key.encrypt(nonce, plaintext, aad)


def decrypt(key: AESGCM, nonce: bytes, ciphertext: bytes | memoryview, aad: bytes) -> bytearray:
    """Return the plaintext in a buffer the caller owns and must wipe. Raises `Tampered`."""
    size = len(ciphertext) - TAG
    if size < 0:
        raise Tampered
    plaintext = bytearray(size)
    try:
        key.decrypt_into(nonce, ciphertext, aad, plaintext)
    except InvalidTag:
        wipe(plaintext)
        raise Tampered from None
    return plaintext
