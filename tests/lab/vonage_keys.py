"""What an application at Vonage signs by, and what Vonage signs by for it."""

import hashlib
import hmac
import json
import time
import uuid
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

APPLICATION = "bbbbbbbb-bbbb-4ccc-8ddd-0123456789ab"
SIGNATURE_SECRET = "qwertyuiopasdfghjklzxcvbnm123456"
API_KEY, API_SECRET = "b2c3d4e5", "Abcdefgh1234"


@cache
def keys() -> tuple[str, str]:
    """The application's private and public key, in PEM."""
    private = generate_private_key(65_537, 2_048)
    return (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def tokens() -> dict[str, str]:
    """What the lab is told of the application."""
    return {
        APPLICATION: SIGNATURE_SECRET,
        f"{APPLICATION}/public_key": keys()[1],
        f"{APPLICATION}/api_key": API_KEY,
        API_KEY: API_SECRET,
    }


def bearer(payload: bytes, secret: str = SIGNATURE_SECRET, **claims: Any) -> str:
    """The header of a webhook that says `payload`."""
    said = {
        "iat": int(time.time()), "jti": str(uuid.uuid4()), "iss": "Vonage", "api_key": API_KEY,
        "application_id": APPLICATION, "payload_hash": hashlib.sha256(payload).hexdigest(), **claims,
    }  # fmt: skip
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(said)}"
    return f"Bearer {signed}.{_base64(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def _part(said: dict[str, Any]) -> str:
    return _base64(json.dumps(said).encode())


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
