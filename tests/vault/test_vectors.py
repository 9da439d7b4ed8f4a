"""AES-256-GCM as the vault calls it, against NIST's and Wycheproof's vectors with 96-bit nonces.

https://csrc.nist.gov/Projects/cryptographic-algorithm-validation-program/CAVP-TESTING-BLOCK-CIPHER-MODES
https://github.com/C2SP/wycheproof
"""

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration_api.vault.aes_gcm import decrypt, encrypt
from integration_api.vault.errors import Tampered


def nist(name: str) -> Iterator[dict[str, str]]:
    """Yield the cases of a file whose nonce is 96 and whose tag is 128 bits long."""
    text = (files("cryptography_vectors") / "ciphers/AES/GCM" / name).read_text()
    group: dict[str, str] = {}
    for block in text.replace("\r", "").split("\n\n"):
        if block.startswith("["):
            group = dict(line.strip("[]").split(" = ") for line in block.splitlines())
        elif block.startswith("Count") and (group["IVlen"], group["Taglen"]) == ("96", "128"):
            lines = [line.partition(" = ") for line in block.splitlines()]
            yield {key.strip(" ="): value for key, _, value in lines}


def opened(key: bytes, nonce: bytes, ciphertext: bytes, tag: bytes, aad: bytes) -> bytes | None:
    try:
        return bytes(decrypt(AESGCM(key), nonce, ciphertext + tag, aad))
    except Tampered:
        return None


def test_nist_decrypt() -> None:
    cases = list(nist("gcmDecrypt256.rsp"))
    refused = 0
    for case in cases:
        key, nonce, ciphertext, aad, tag = (
            bytes.fromhex(case[name]) for name in ("Key", "IV", "CT", "AAD", "Tag")
        )
        expected = None if "FAIL" in case else bytes.fromhex(case["PT"])
        assert opened(key, nonce, ciphertext, tag, aad) == expected, case
        refused += expected is None
    assert len(cases) == 375
    assert 0 < refused < len(cases)


def test_nist_encrypt() -> None:
    cases = list(nist("gcmEncryptExtIV256.rsp"))
    for case in cases:
        key, nonce, plaintext, aad = (bytes.fromhex(case[name]) for name in ("Key", "IV", "PT", "AAD"))
        assert encrypt(AESGCM(key), nonce, plaintext, aad).hex() == case["CT"] + case["Tag"]
    assert len(cases) == 375


if REFERENCE := os.environ.get("REFERENCE_DIR"):
    WYCHEPROOF = [
        (test["tcId"], test)
        for group in json.loads((Path(REFERENCE) / "vectors/wycheproof_aes_gcm_test.json").read_text())[
            "testGroups"
        ]
        if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
        for test in group["tests"]
    ]

    @pytest.mark.parametrize("case", [case for _, case in WYCHEPROOF], ids=[str(id) for id, _ in WYCHEPROOF])
    def test_wycheproof(case: dict[str, str]) -> None:
        key, nonce, aad, plaintext, ciphertext, tag = (
            bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        if case["result"] == "valid":
            assert opened(key, nonce, ciphertext, tag, aad) == plaintext
            assert encrypt(AESGCM(key), nonce, plaintext, aad) == ciphertext + tag
        else:
            assert opened(key, nonce, ciphertext, tag, aad) is None

    def test_wycheproof_has_what_it_should() -> None:
        assert len(WYCHEPROOF) == 66
        assert {case["result"] for _, case in WYCHEPROOF} == {"valid", "invalid"}
