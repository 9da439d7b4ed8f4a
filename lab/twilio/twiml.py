"""TwiML, as far as calls here use it (www.twilio.com/docs/voice/twiml)."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET


@dataclass(slots=True)
class Stream:
    """`<Connect><Stream>`."""

    url: str
    status_callback: str = ""
    name: str = ""
    params: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Play:
    digits: str


@dataclass(slots=True)
class Dial:
    number: str
    caller: str = ""


@dataclass(slots=True)
class Pause:
    seconds: float


@dataclass(slots=True)
class Redirect:
    url: str


@dataclass(slots=True)
class Hangup:
    rejects: bool = False


Verb = Stream | Play | Dial | Pause | Redirect | Hangup


def parse(document: str) -> list[Verb]:
    """What a document says to do. Raises `ValueError` with Twilio's number for what is wrong with it."""
    try:
        root = ET.fromstring(document)  # noqa: S314 - the lab's own side wrote it
    except ET.ParseError as error:
        raise ValueError(f"12100: {error}") from error
    if root.tag != "Response":
        raise ValueError("12102: the root is not Response")
    return [_verb(element) for element in root]


def _verb(element: ET.Element) -> Verb:
    match element.tag:
        case "Connect":
            return _stream(element)
        case "Play" if element.get("digits"):
            return Play(element.get("digits", ""))
        case "Dial":
            number = element.find("Number")
            said = (element.text if number is None else number.text) or ""
            return Dial(said.strip(), element.get("callerId", ""))
        case "Pause":
            return Pause(float(element.get("length", "1")))
        case "Redirect":
            return Redirect((element.text or "").strip())
        case "Hangup":
            return Hangup()
        case "Reject":
            return Hangup(rejects=True)
        case _:
            raise ValueError(f"12200: the lab does not do {element.tag}")


def _stream(element: ET.Element) -> Stream:
    found = element.find("Stream")
    if found is None:
        raise ValueError("12200: the lab connects to a Stream only")
    if unknown := set(found.keys()) - {"url", "name", "statusCallback", "statusCallbackMethod"}:
        raise ValueError(f"12200: a Stream that is connected has no {', '.join(sorted(unknown))}")
    url = found.get("url", "")
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "wss" and not (parts.scheme == "ws" and loopback):
        raise ValueError("31920: a Stream's url is wss")
    if parts.query:
        raise ValueError("31920: a Stream's url has no query")
    params = {one.get("name", ""): one.get("value", "") for one in found.iterfind("Parameter")}
    if any(len(name) + len(value) > 500 for name, value in params.items()):
        raise ValueError("12200: a Parameter is longer than 500 characters")
    return Stream(url, found.get("statusCallback", ""), found.get("name", ""), params)
