"""SSML for voices that take none: they would say its tags aloud."""

import re
from html import unescape

from integration_api.core.session import Warned

_TAG = re.compile(r"<[^<>]*>")
"""No tag has another's beginning in it. Where one may, a text of nothing but beginnings is looked through for each."""
_NO_CHARACTER = re.compile(r"&#[0-9]{8,}+;?")
"""A number that is too long for a character, and may be for a number."""


def spoken(ssml: str) -> str:
    """Return the text that is said, without tags. Where there is none it is a space, so that an utterance has one."""
    return unescape(_NO_CHARACTER.sub("\ufffd", _TAG.sub("", ssml))) or " "


def left_out(provider: str) -> Warned:
    return Warned("unsupported_ssml", f"{provider}'s live voices take no SSML: tags are left out")
