"""The envelope: whatever is changed in a sealed row or in the place it stands, it does not open."""

import os
import random
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.errors import Failure
from integration_api.vault.aes_gcm import NONCE, TAG, decrypt, encrypt
from integration_api.vault.binding import Binding, data_aad, wrap_aad
from integration_api.vault.envelope import (
    BUCKET,
    FORMAT,
    HEADER,
    SUITE,
    Kek,
    _expand,
    envelope,
    key_of,
    rewrap,
    seal,
    unpadded,
    unseal,
)
from integration_api.vault.errors import KeyUnavailable, Tampered, UnknownFormat
from tests.vault.gcm import collision

MUTATIONS = 100_000
SEED = 20261125
FIELDS = ((0, 2), (2, 3), (3, 4), (4, 20), (20, 24), (24, 36), (36, 84), (84, 116), (116, 128))
"""The header's, as `envelope` draws them."""


def kek(version: int = 1, id: bytes | None = None) -> Kek:
    return Kek(id or os.urandom(16), version, AESGCM(os.urandom(32)))


KEK = kek()
HERE = Binding(1, 101, 7, "openai", 1)


def opens(sealed: bytes, to: Binding, key: Kek) -> str | None:
    plaintext = unseal(envelope(sealed, to, key))
    return plaintext[: unpadded(plaintext)].decode()


# --- 100,000 mutations ------------------------------------------------------------------------


def test_no_mutation_opens() -> None:
    """Of header, ciphertext, binding, and whole rows swapped: 100,000 in all, each from a fixed seed."""
    dice = random.Random(SEED)  # noqa: S311 - the same mutations on every run
    older, newer = kek(1), kek(2)
    newer = Kek(older.id, 2, newer.cipher)
    other = kek(1)
    ring = {(key.id, key.version): key for key in (older, newer, other)}
    rows = [
        (to, seal(bytearray(b'{"key":"%d"}' % at), to, key))
        for at in range(48)
        for key in [dice.choice([older, newer, other])]
        for to in [Binding(1 + at % 3, 101 + at % 5, at, dice.choice(["openai", "anthropic"]), 1 + at % 4)]
    ]
    mutations: list[Callable[[bytes, Binding], tuple[bytes, Binding]]] = [
        lambda sealed, to: (flipped(sealed, dice, range(HEADER)), to),
        lambda sealed, to: (flipped(sealed, dice, range(HEADER, len(sealed))), to),
        lambda sealed, to: (overwritten(sealed, dice), to),
        lambda sealed, to: (resized(sealed, dice), to),
        lambda sealed, to: (spliced(sealed, dice.choice(rows)[1], dice), to),
        lambda sealed, to: (sealed, moved(to, dice)),
        lambda sealed, to: (dice.choice(rows)[1], to),
    ]
    tried = [0] * len(mutations)
    while sum(tried) < MUTATIONS:
        which = dice.randrange(len(mutations))
        to, sealed = dice.choice(rows)
        mutant, place = mutations[which](sealed, to)
        if (mutant, place) == (sealed, to):
            continue
        tried[which] += 1
        try:
            key = ring[key_of(mutant)]
            unseal(envelope(mutant, place, key))
        except (Failure, KeyError):
            continue
        pytest.fail(f"mutation {which} of {sealed.hex()} at {to} opened: {mutant.hex()} at {place}")
    assert min(tried) > MUTATIONS // 20


def flipped(sealed: bytes, dice: random.Random, where: range) -> bytes:
    changed = bytearray(sealed)
    for _ in range(dice.randint(1, 3)):
        changed[dice.choice(where)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def overwritten(sealed: bytes, dice: random.Random) -> bytes:
    start, end = dice.choice(FIELDS)
    filler = dice.choice([bytes(end - start), b"\xff" * (end - start), dice.randbytes(end - start)])
    return sealed[:start] + filler + sealed[end:]


def resized(sealed: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.5:
        return sealed[: dice.randrange(len(sealed))]
    return sealed + dice.randbytes(dice.choice([1, TAG, BUCKET]))


def spliced(sealed: bytes, other: bytes, dice: random.Random) -> bytes:
    """Put one field of another row's header, or its ciphertext, into this one."""
    start, end = dice.choice([*FIELDS, (HEADER, len(sealed))])
    return sealed[:start] + other[start:end] + sealed[end:]


def moved(to: Binding, dice: random.Random) -> Binding:
    changes: list[dict[str, object]] = [
        {"organization_id": dice.getrandbits(63)},
        {"project_id": dice.getrandbits(63)},
        {"credential_id": dice.getrandbits(63)},
        {"version": dice.getrandbits(63)},
        {"organization_id": to.project_id, "project_id": to.organization_id},
        {
            "provider": dice.choice(
                ["openai", "anthropic", "mistral", "", to.provider + "\0", to.provider[:-1]]
            )
        },
        {"field": dice.choice(["secret", "", "secrets\0"])},
        {"provider": to.provider + to.field, "field": ""},
    ]
    return msgspec.structs.replace(to, **dice.choice(changes))


# --- the codec --------------------------------------------------------------------------------

numbers = st.integers(0, (1 << 63) - 1)
places = st.builds(Binding, numbers, numbers, numbers, st.text(max_size=40), numbers, st.text(max_size=20))


@given(st.binary(max_size=5_000), places)
def test_whatever_is_sealed_opens_and_its_own_buffer_is_wiped(plaintext: bytes, to: Binding) -> None:
    given_away = bytearray(plaintext)
    sealed = seal(given_away, to, KEK)
    assert not any(given_away)
    assert len(sealed) == HEADER + (len(plaintext) // BUCKET + 1) * BUCKET + TAG
    assert key_of(sealed) == (KEK.id, KEK.version)
    opened = unseal(envelope(sealed, to, KEK))
    assert opened[: unpadded(opened)] == plaintext


@given(places, places)
def test_two_places_never_give_the_same_binding(one: Binding, other: Binding) -> None:
    for aad in (lambda to: wrap_aad(to, FORMAT, SUITE, KEK.id, 1), lambda to: data_aad(to, FORMAT, SUITE)):
        assert (aad(one) == aad(other)) == (blind(aad, one) == blind(aad, other))


def blind(aad: Callable[[Binding], bytes], to: Binding) -> tuple[object, ...]:
    """Return what of a place this layer binds: the wrap leaves provider and field to the data."""
    where = (to.organization_id, to.project_id, to.credential_id, to.version)
    return where if aad(to).startswith(b"\0\0\0\x08iv1/wrap") else (*where, to.provider, to.field)


@given(st.binary(max_size=400))
def test_bytes_that_were_never_sealed_are_refused_as_such(junk: bytes) -> None:
    with pytest.raises(UnknownFormat):
        unseal(envelope(junk, HERE, KEK))
    with pytest.raises(UnknownFormat):
        key_of(junk)


@given(st.binary(min_size=HEADER + BUCKET + TAG, max_size=400))
def test_bytes_that_begin_like_a_seal_are_refused_too(junk: bytes) -> None:
    with pytest.raises(Tampered):
        unseal(envelope(b"IV\x01\x01" + KEK.id + (1).to_bytes(4, "big") + junk[24:], HERE, KEK))


@given(st.binary(max_size=200))
def test_padding_is_right_or_refused(plaintext: bytes) -> None:
    buffer = bytearray(plaintext)
    try:
        end = unpadded(buffer)
    except Tampered:
        return
    assert buffer[end] == 0x80
    assert not any(buffer[end + 1 :])
    assert len(buffer) - end <= BUCKET


def test_no_seal_repeats_a_nonce_a_key_or_a_byte_of_ciphertext() -> None:
    sealed = [seal(bytearray(b"same"), HERE, KEK) for _ in range(500)]
    for start, end in ((24, 36), (36, 84), (84, 116), (116, 128), (128, None)):
        assert len({row[start:end] for row in sealed}) == len(sealed)


# --- key commitment ---------------------------------------------------------------------------


def test_a_ciphertext_that_gcm_opens_under_two_keys_opens_under_the_committed_one_only() -> None:
    """GCM does not commit to a key: whoever knows two can make one ciphertext for both. The header does."""
    nonce, aad = os.urandom(NONCE), data_aad(HERE, FORMAT, SUITE)
    deks = [os.urandom(32), os.urandom(32)]
    expanded = [bytes(_expand(bytearray(dek), nonce)) for dek in deks]
    ciphertext = collision(expanded[0][:32], expanded[1][:32], nonce, aad, blocks=4)
    for keys in expanded:
        assert len(decrypt(AESGCM(keys[:32]), nonce, ciphertext, aad)) == BUCKET, "GCM itself is content"
    for at, dek in enumerate(deks):
        wrap_nonce = os.urandom(NONCE)
        wrapped = encrypt(KEK.cipher, wrap_nonce, dek, wrap_aad(HERE, FORMAT, SUITE, KEK.id, 1))
        before = b"IV\x01\x01" + KEK.id + (1).to_bytes(4, "big") + wrap_nonce + wrapped
        sealed = [before + keys[32:] + nonce + ciphertext for keys in expanded]
        assert len(unseal(envelope(sealed[at], HERE, KEK))) == BUCKET
        with pytest.raises(Tampered):
            unseal(envelope(sealed[1 - at], HERE, KEK))


# --- keys --------------------------------------------------------------------------------------


def test_a_key_is_chosen_by_name_and_never_by_trial() -> None:
    sealed = seal(bytearray(b"x"), HERE, KEK)
    for wrong in (kek(), Kek(KEK.id, 2, KEK.cipher), Kek(os.urandom(16), 1, KEK.cipher)):
        with pytest.raises(KeyUnavailable):
            unseal(envelope(sealed, HERE, wrong))
    with pytest.raises(Tampered):
        unseal(envelope(sealed, HERE, Kek(KEK.id, 1, kek().cipher)))


def test_wrapping_anew_leaves_commitment_and_ciphertext_and_binds_to_the_same_place() -> None:
    sealed = seal(bytearray(b"x"), HERE, KEK)
    new = Kek(KEK.id, 2, kek().cipher)
    moved_on = rewrap(sealed, HERE, KEK, new)
    assert moved_on[84:] == sealed[84:]
    assert opens(moved_on, HERE, new) == opens(sealed, HERE, KEK) == "x"
    with pytest.raises(KeyUnavailable):
        unseal(envelope(moved_on, HERE, KEK))
    elsewhere = msgspec.structs.replace(HERE, project_id=5)
    with pytest.raises(Tampered):
        rewrap(sealed, elsewhere, KEK, new)
    with pytest.raises(KeyUnavailable):
        rewrap(moved_on, HERE, KEK, new)


@pytest.mark.parametrize(("place", "value"), [(2, 0), (2, 2), (3, 0), (3, 2), (0, 0)])
def test_another_format_or_suite_is_refused_before_any_key_is_tried(place: int, value: int) -> None:
    sealed = bytearray(seal(bytearray(b"x"), HERE, KEK))
    sealed[place] = value
    with pytest.raises(UnknownFormat):
        unseal(envelope(bytes(sealed), HERE, KEK))
