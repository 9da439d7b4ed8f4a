"""A JWT signed with a private key, of which no copy stays behind.

The key goes from its PEM text through buffers that are wiped into OpenSSL, which clears its own numbers; no
`str` or `bytes` of it is made.

https://www.rfc-editor.org/rfc/rfc7519 and https://www.rfc-editor.org/rfc/rfc7518#section-3
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from integration_api.core.secret import wipe
from integration_api.transport.signing import base64_encoded

KEY_BITS = range(2048, 4097)
"""Google's keys have 2048. A longer one than 4096 would hold up everybody while it signs."""

Algorithm: TypeAlias = Literal["RS256", "PS256"]

_PADDING = {"RS256": PKCS1v15(), "PS256": PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH)}


class NotAKey(ValueError):
    """A text holds no key that can sign. Its words say why, of something that `it` stands for."""


def jwt(
    algorithm: Algorithm, header: Mapping[str, Any], claims: Mapping[str, Any], pem: bytearray
) -> bytearray:
    """Return a signed JWT. Takes a millisecond. `pem` stays the caller's to wipe.

    Raises `NotAKey` when there is no RSA key in `pem`.
    """
    head = msgspec.json.encode({"alg": algorithm, "typ": "JWT", **header})
    said = segment(head) + b"." + segment(msgspec.json.encode(claims))
    key = _private_key(pem)
    return said + b"." + segment(key.sign(bytes(said), _PADDING[algorithm], SHA256()))


def segment(raw: bytes) -> bytearray:
    """Write bytes as base64 for URLs, without padding."""
    return base64_encoded(bytearray(raw), _BASE64_URL).rstrip(b"=")


def _private_key(pem: bytearray) -> RSAPrivateKey:
    der = _der(pem)
    try:
        # Its primes are not tested: that takes 40 ms, and a key that is none only fails to sign.
        key = load_der_private_key(memoryview(der), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotAKey("is not a key") from None
    finally:
        wipe(der)
    if not isinstance(key, RSAPrivateKey) or key.key_size not in KEY_BITS:
        raise NotAKey("is not an RSA key of 2048 to 4096 bits")
    return key


_PEM = re.compile(rb"-----BEGIN (?:RSA )?PRIVATE KEY-----([A-Za-z0-9+/=\\\s]*)-----END ", re.ASCII)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64_URL = _BASE64[:-2] + b"-_"
_SIX = {letter: value for value, letter in enumerate(_BASE64)}
_BACKSLASH = 0x5C


def _der(pem: bytearray) -> bytearray:
    """Return what a PEM key holds. The standard decoders return `bytes`, which nobody could wipe."""
    found = _PEM.search(pem)
    if found is None:
        raise NotAKey("is not in PEM")
    at, end = found.span(1)
    del found  # It lends `pem`, which is to be wiped.
    der = bytearray((end - at) * 3 // 4)
    written, held, bits = 0, 0, 0
    while at < end:
        byte = pem[at]
        at += 1
        if byte == _BACKSLASH:  # A line break that was escaped once too often.
            at += 1
            continue
        six = _SIX.get(byte)
        if six is None:
            continue
        held = (held << 6 | six) & 0xFFFF
        bits += 6
        if bits >= 8:
            bits -= 8
            der[written] = held >> bits & 0xFF
            written += 1
    exact = der[:written]
    wipe(der)
    return exact
