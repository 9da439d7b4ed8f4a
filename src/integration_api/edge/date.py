"""The date header of answers, written once a second at most. https://www.rfc-editor.org/rfc/rfc9110#name-date"""

import time
from email.utils import formatdate

from integration_api.http2.fields import write_field


class Date:
    """The present second, ready for either protocol."""

    __slots__ = ("_second", "field", "line")

    def __init__(self) -> None:
        self._second = 0
        self.refresh()

    def refresh(self) -> None:
        now = int(time.time())
        if now != self._second:
            self._second = now
            said = formatdate(now, usegmt=True).encode()
            self.line = b"date: %b\r\n" % said
            self.field = write_field(b"date", said)
