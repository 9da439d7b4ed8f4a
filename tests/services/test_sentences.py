"""Text is cut behind its last whole sentence, whatever language it is in, and however odd it is."""

import pytest

from integration_api.services.sentences import whole

TEXTS = {
    "nothing": ("", ""),
    "no end": ("And then", "And then"),
    "an end that may go on": ("It was 3.", "It was 3."),
    "a sentence and more": ("One. Two", "Two"),
    "several": ("One! Two?  Three", "Three"),
    "signs in a row": ("What?! No... yes", "yes"),
    "quoted": ('"One." (Two.) [Three.] four', "four"),
    "a number": ("It was 3.5 degrees", "It was 3.5 degrees"),
    "Hindi": ("नमस्ते। आप", "आप"),
    "Japanese": ("はい。いいえ", "いいえ"),
    "Chinese": ("好\uff01吗\uff1f是", "是"),
}


@pytest.mark.parametrize("text, rest", TEXTS.values(), ids=TEXTS)
def test_what_is_left_is_what_has_no_end_yet(text: str, rest: str) -> None:
    assert text[whole(text) :] == rest


@pytest.mark.parametrize("piece", [".", "?!", ".)", ".\"')", "…", "a.", "。", ". "])
def test_a_long_text_of_anything_is_read_in_one_go(piece: str) -> None:
    """Were each sign looked at to the end of its row, this would take hours."""
    text = piece * (1_000_000 // len(piece))
    assert whole(text) in (0, len(text))
