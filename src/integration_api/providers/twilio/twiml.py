"""What to do with a call, in Twilio's words. https://www.twilio.com/docs/voice/twiml"""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony import Routes

_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, however it is written: https://www.w3.org/TR/xml/#charsets"""
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
MOST_PARAMETER = 500
"""Characters of a parameter's name and value together: https://www.twilio.com/docs/voice/twiml/stream#custom-parameters"""


def response(*verbs: str) -> str:
    """Write a document. Raises `Failure` for characters that it cannot hold."""
    document = f"{_HEAD}<Response>{''.join(verbs)}</Response>"
    if _UNWRITABLE.search(document):
        raise Failure(
            Kind.INVALID_REQUEST,
            "what twilio is told may hold no control characters",
            code="invalid_value",
            param="media.params",
        )
    return document


def connect(routes: Routes, params: Mapping[str, str]) -> str:
    """Have the sound go both ways on a socket, and what follows only once that is closed.

    Its URL may carry no query, so that what the caller wants told goes as parameters. Raises `Failure` for those
    that are too long.
    """
    told = "".join(_parameter(name, value) for name, value in params.items())
    return (
        f"<Connect><Stream url={quoteattr(routes.media)} statusCallback={quoteattr(routes.status)}>"
        f"{told}</Stream></Connect>"
    )


def play_digits(digits: str) -> str:
    return f"<Play digits={quoteattr(digits)}/>"


def dial(number: str, caller: str) -> str:
    shown = f" callerId={quoteattr(caller)}" if caller else ""
    return f"<Dial{shown}>{escape(number)}</Dial>"


def _parameter(name: str, value: str) -> str:
    if len(name) + len(value) > MOST_PARAMETER:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"twilio takes media parameters of at most {MOST_PARAMETER} characters, name and value together",
            code="invalid_value",
            param="media.params",
        )
    return f"<Parameter name={quoteattr(name)} value={quoteattr(value)}/>"
