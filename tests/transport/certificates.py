"""Certificates that sign themselves, with their private keys, as a tool would write them into one file."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256


def self_signed(key: RSAPrivateKey, name: str) -> x509.Certificate:
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder(named, named, key.public_key(), 7)
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=700))
        .sign(key, SHA256())
    )


def certificate(name: str) -> str:
    """Return a new key and its certificate, in PEM."""
    key = generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + self_signed(key, name).public_bytes(serialization.Encoding.PEM)).decode()
