"""Texts to ElevenLabs: only whole words are let go, and however long one is, it is read once."""

import pytest

from integration_api.providers.elevenlabs.words import Words

FED = {
    "nothing": ([""], ["", ""]),
    "half a word": (["Hel"], ["", "Hel"]),
    "a word that goes on": (["Hel", "lo ", "you"], ["", "Hello ", "", "you"]),
    "several at once": (["One two  three"], ["One two  ", "three"]),
    "a line that ends": (["One\n", "two"], ["One\n", "", "two"]),
    "ideographs": (["はいok", "好"], ["はい", "ok好", ""]),
    "no spaces": (["สวัสดี", "ครับ"], ["", "", "สวัสดีครับ"]),
}


@pytest.mark.parametrize("texts, told", FED.values(), ids=FED)
def test_words_are_let_go_when_they_are_whole(texts: list[str], told: list[str]) -> None:
    words = Words()
    assert [*(words.feed(text) for text in texts), words.rest()] == told


@pytest.mark.parametrize("text", ["a" * 1_000_000 + " ", "a " * 500_000, "a" * 1_000_000])
def test_a_long_text_of_anything_is_read_in_one_go(text: str) -> None:
    """Were each character of a word looked at up to the word's end, this would take hours."""
    words = Words()
    assert words.feed(text) + words.rest() == text
