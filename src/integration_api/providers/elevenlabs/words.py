"""Text let go a whole word at a time: ElevenLabs speaks half a word as if it were one."""

import re

_IDEOGRAPHS = r"\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
"""Chinese, Japanese and Korean need no spaces, so nothing of theirs waits for one."""
_BREAK = re.compile(rf"[\s{_IDEOGRAPHS}]")
"""What ends a word: what stands behind the last may go on."""
ALONE = re.compile(rf"[{_IDEOGRAPHS}]")
"""What is a word by itself."""


class Words:
    """Keeps the word that is not whole yet."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """Return what can be spoken by now."""
        last = _BREAK.search(text[::-1])
        if last is None:
            self._half += text
            return ""
        cut = len(text) - last.start()
        whole, self._half = self._half + text[:cut], text[cut:]
        return whole

    def rest(self) -> str:
        """Return the last word: no more of it will come."""
        half, self._half = self._half, ""
        return half
