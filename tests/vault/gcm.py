"""One ciphertext for two AES-GCM keys, made as an attacker would who knows both.

GHASH is linear in every block of ciphertext, so one block can be solved for such that both keys
give the same tag. https://eprint.iacr.org/2019/016 (section 3.2)
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_R = 0xE1 << 120


def collision(one: bytes, other: bytes, nonce: bytes, aad: bytes, *, blocks: int) -> bytes:
    """Return `blocks` blocks and a tag that AES-GCM accepts under both keys, with this nonce and these data."""
    padded = aad + bytes(-len(aad) % 16)
    lengths = (8 * len(aad)).to_bytes(8, "big") + (8 * 16 * blocks).to_bytes(8, "big")
    hash_keys = [_block(key, bytes(16)) for key in (one, other)]
    masks = [_block(key, nonce + b"\0\0\0\1") for key in (one, other)]
    free = bytes(16 * (blocks - 1))
    # With the last block zero, each tag is known up to that block times the square of its hash key.
    known = [
        _ghash(key, padded + free + bytes(16) + lengths) ^ mask
        for key, mask in zip(hash_keys, masks, strict=True)
    ]
    squares = [_times(key, key) for key in hash_keys]
    last = _times(known[0] ^ known[1], _inverse(squares[0] ^ squares[1]))
    tag = known[0] ^ _times(last, squares[0])
    return free + last.to_bytes(16, "big") + tag.to_bytes(16, "big")


def _block(key: bytes, block: bytes) -> int:
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - GCM is built from single blocks
    return int.from_bytes(cipher.update(block), "big")


def _ghash(key: int, data: bytes) -> int:
    found = 0
    for at in range(0, len(data), 16):
        found = _times(found ^ int.from_bytes(data[at : at + 16], "big"), key)
    return found


def _times(one: int, other: int) -> int:
    """Multiply in GF(2^128) with GCM's order of bits."""
    product = 0
    for at in range(127, -1, -1):
        if other >> at & 1:
            product ^= one
        one = one >> 1 ^ (_R if one & 1 else 0)
    return product


def _inverse(value: int) -> int:
    """Raise to 2^128 - 2."""
    found, power = 1 << 127, value
    for _ in range(127):
        power = _times(power, power)
        found = _times(found, power)
    return found
