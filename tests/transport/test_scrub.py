"""A provider's words, without the key that it was sent, however it spells it."""

import base64
import json
import re
from urllib.parse import quote

import pytest

from integration_api.transport.signing import hide, scrub

KEY = 'sk-proj/key+with"every\\kind=of:sign 0123'
SPELLINGS = {
    "plain": KEY,
    "percent-encoded": quote(KEY, safe=""),
    "percent-encoded in lower case": re.sub("%..", lambda hit: hit[0].lower(), quote(KEY, safe="")),
    "escaped": json.dumps(KEY)[1:-1],
    "escaped with slashes": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 after a user": base64.b64encode(b"user:" + KEY.encode()).decode(),
    "base64 before more": base64.b64encode(b"u:" + KEY.encode() + b"\nx").decode(),
    "base64 for addresses": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "beginning": KEY[:8],
    "cut": KEY[:-1],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_key_is_repeated(spelling: str) -> None:
    said = SPELLINGS[spelling]
    cleaned = scrub(f"The key {said} is wrong.", [bytearray(KEY.encode())])
    assert cleaned.startswith("The key ")
    assert cleaned.endswith(" is wrong.")
    assert "***" in cleaned
    for at in range(len(said) - 7):
        assert said[at : at + 8] not in cleaned


def test_every_mention_of_every_key_goes() -> None:
    keys = [bytearray(b"first-secret"), bytearray(b"other-secret"), bytearray()]
    assert scrub("first-secret, other-secret and first-secret", keys) == "***, *** and ***"
    assert keys[0] == b"first-secret", "the keys are the caller's to wipe"


def test_other_words_stay() -> None:
    for said in ("", "sk-proj", "a **bold** word", "héllo 世界"):
        assert scrub(said, [bytearray(KEY.encode())]) == said


def test_a_long_message_is_cut_after_the_key_is_taken_out() -> None:
    cleaned = scrub("x" * 505 + KEY, [bytearray(KEY.encode())])
    assert cleaned == "x" * 505 + "***"
    assert len(scrub("y" * 10_000, [])) == 512


def test_hiding_happens_in_place() -> None:
    said = bytearray(b'{"message": "first-secret"}')
    with memoryview(said):  # Holds the buffer where it is.
        hide(said, [bytearray(b"first-secret")])
    assert said == b'{"message": "' + b"*" * 12 + b'"}'
