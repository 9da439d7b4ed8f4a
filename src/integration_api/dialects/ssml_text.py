"""SSML for voices that take none: they would say its tags aloud."""

import re
from html import unescape

from integration_api.core.session import Warned

_TAG = re.compile(r"<[^>]*>")


def spoken(ssml: str) -> str:
    """Return the text that is said, without tags. Where there is none it is a space, so that an utterance has one."""
    return unescape(_TAG.sub("", ssml)) or " "


def left_out(provider: str) -> Warned:
    return Warned("unsupported_ssml", f"{provider}'s live voices take no SSML: tags are left out")
