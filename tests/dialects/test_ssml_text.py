"""SSML for voices that take none: the words alone, whatever somebody writes."""

import pytest

from integration_api.dialects.ssml_text import spoken

SAID = {
    "tags": ("<speak>You <break time='1s'/>and me.</speak>", "You and me."),
    "references": ("a &amp; b &#66; &#x43; &lt;d&gt;", "a & b B C <d>"),
    "a quoted end of a tag": ('One <mark name="a>b"/>two.', 'One b"/>two.'),
    "no tag at all": ("1 < 2", "1 < 2"),
    "nothing": ("<p></p>", " "),
    "a number that is no character": (f"a &#{'9' * 5_000}; b", "a \ufffd b"),
}


@pytest.mark.parametrize("ssml, text", SAID.values(), ids=SAID)
def test_what_is_said_is_what_stands_outside_of_tags(ssml: str, text: str) -> None:
    assert spoken(ssml) == text


@pytest.mark.parametrize("piece", ["<", "<a", "<!--", "&#", "&", "<a <b>"])
def test_a_long_text_of_anything_is_read_in_one_go(piece: str) -> None:
    """Were each beginning looked at to the end of the text, this would take hours."""
    ssml = piece * (2_000_000 // len(piece))
    assert len(spoken(ssml)) <= len(ssml)
