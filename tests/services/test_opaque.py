"""What a carrier's path tells: nothing to anybody else, and nothing at all once a character of it is another."""

import re

import pytest

from integration_api.core.tenant import Tenant
from integration_api.services.opaque import LENGTH, Opaques, Opened, Place

OPAQUES = Opaques(b"k" * 32)
HERE = Tenant(7, 9)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \u00e9"


@pytest.mark.parametrize("place", list(Place))
def test_opens_to_what_was_sealed_and_is_always_the_same(place):
    text = OPAQUES.seal(place, HERE, (1 << 63) - 1, 4)
    assert OPAQUES.open(text) == Opened(place, HERE, (1 << 63) - 1, 4)
    assert OPAQUES.seal(place, HERE, (1 << 63) - 1, 4) == text
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert len(text) == LENGTH == 60


def test_any_other_character_anywhere_opens_nothing():
    text = OPAQUES.seal(Place.CALL, HERE, 12345)
    for at in range(len(text)):
        for letter in ALPHABET:
            if letter != text[at]:
                assert OPAQUES.open(text[:at] + letter + text[at + 1 :]) is None
        assert OPAQUES.open(text[:at] + text[at + 1 :]) is None
    assert OPAQUES.open(text + "=") is None
    assert OPAQUES.open("") is None


def test_the_slightest_difference_makes_another_path():
    same = (Place.CALL, HERE, 1, 0)
    others = [
        (Place.MEDIA, HERE, 1, 0),
        (Place.CALL, Tenant(7, 10), 1, 0),
        (Place.CALL, Tenant(8, 9), 1, 0),
        (Place.CALL, HERE, 2, 0),
        (Place.CALL, HERE, 1, 1),
    ]
    texts = {OPAQUES.seal(*one) for one in [same, *others]}
    assert len(texts) == 6
    # Not even the beginning is shared: neither ids nor kinds can be read off.
    assert len({text[:8] for text in texts}) == 6


def test_another_installation_opens_nothing():
    assert Opaques(b"x" * 32).open(OPAQUES.seal(Place.CALL, HERE, 1)) is None
